"""Digest: several notifications told as one, each in a line of its own."""

import re
from collections import Counter
from collections.abc import Sequence

from batchbell.domain.batch import Batch
from batchbell.domain.message.appearance import appearance_of, badness
from batchbell.domain.message.mrkdwn import code
from batchbell.domain.message.rendered import Section
from batchbell.domain.message.sentence import given_name, late_note, sentence_for
from batchbell.domain.message.wording import series
from batchbell.domain.notification import Notification
from batchbell.domain.place import Place

SECTION_ROOM = 2_900


def worst_first(notifications: Sequence[Notification]) -> list[Notification]:
    """The worst first; likes by their names, of which part 2 comes before part 10."""
    return sorted(notifications, key=lambda each: (badness(each.subject), _name_order(each)))


def headline(notifications: Sequence[Notification]) -> str:
    """How many there are of each kind, without its full stop."""
    subjects = [each.subject for each in notifications]
    labels = Counter(appearance_of(subject).label for subject in subjects)
    only_ends = all(isinstance(subject, Batch) and subject.is_terminal for subject in subjects)
    what = "batches ended" if only_ends else "pieces of news"
    return f"{len(subjects)} {what}: {series([f'{count:,} {label}' for label, count in labels.items()])}"


def lines(
    notifications: Sequence[Notification], place: Place, now: int, room: int, *, linked: bool
) -> list[str]:
    """One line for each, together in `room` characters."""
    each_room = room // len(notifications) - 1
    return [_line(each, place, now, each_room, linked=linked) for each in notifications]


def sections(lines: Sequence[str]) -> tuple[Section, ...]:
    """The lines in as few sections as Slack allows."""
    texts = [""]
    for line in lines:
        if len(texts[-1]) + 1 + len(line) > SECTION_ROOM:
            texts.append("")
        texts[-1] = f"{texts[-1]}\n{line}".strip()
    return tuple(map(Section, texts))


def _name_order(notification: Notification) -> list[str | tuple[int, str]]:
    """A key that compares words as words and numbers, of whatever length, as numbers."""
    name = isinstance(notification.subject, Batch) and given_name(notification.subject)
    words = re.split(r"(\d+)", name[1].casefold() if name else "")
    numbers = [word.lstrip("0") for word in words]
    return [
        (len(number), number) if place % 2 else word
        for place, (word, number) in enumerate(zip(words, numbers, strict=True))
    ]


def _line(notification: Notification, place: Place, now: int, room: int, *, linked: bool) -> str:
    """What happened, the id where a name stands for it, and when, where there is room to say it."""
    subject = notification.subject
    emoji = appearance_of(subject).emoji
    batch_id = ""
    if isinstance(subject, Batch) and given_name(subject):
        batch_id = f" · {code(subject.id, max(room // 4, 12))}"
    late = late_note(notification, now)
    late = f", {late}" if late and room > 300 else ""
    sentence = sentence_for(subject, place, room - len(f"{emoji} {late}{batch_id}"), linked=linked)
    return f"{emoji} {sentence}{late}{batch_id}"
