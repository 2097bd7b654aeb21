"""Render: a message's notifications, in Slack's markup."""

from collections.abc import Sequence
from itertools import accumulate

from batchbell.domain.message.appearance import appearance_of
from batchbell.domain.message.digest import headline, lines, sections, worst_first
from batchbell.domain.message.mrkdwn import escaped
from batchbell.domain.message.parts import parts_for
from batchbell.domain.message.rendered import Context, Fields, Part, Rendered, Section
from batchbell.domain.message.sentence import happened, late_note, sentence_for
from batchbell.domain.notification import Message, Notification
from batchbell.domain.place import Place

PLAIN_ROOM = 3_900
"""Slack advises at most 4,000 characters of text."""

PARTS_ROOM = 8_000
"""Slack refuses long messages by a rule it does not tell: 9,600 characters of blocks beside 6,500
of text were taken, 11,300 beside 10,400 refused (bolt-js #2867)."""

_SENTENCE_ROOM = 600


def render(message: Message, place: Place, now: int) -> Rendered:
    """What the message says: all of one notification, or a digest that names every one.

    All foreign text in it is escaped, and it fits Slack's limits.
    """
    notifications = worst_first(message.notifications)
    subject = notifications[0].subject
    is_digest = len(notifications) > 1
    sentence = headline(notifications) if is_digest else sentence_for(subject, place, _SENTENCE_ROOM)
    repeat = " This may be a repeat." if message.says_repeat else ""
    team = escaped(place.team, 60)
    text = f"{appearance_of(subject).emoji} *{team}* · {sentence}.{_late(notifications, now)}{repeat}"
    room = PLAIN_ROOM - len(text)
    if is_digest:
        parts: tuple[Part, ...] = sections(lines(notifications, place, now, PARTS_ROOM, linked=True))
        below = lines(notifications, place, now, room, linked=False)
    else:
        parts = parts_for(subject, place)
        below = _first_that_fit(_lines_of(parts), room)
    return Rendered(
        text=text,
        colour=appearance_of(subject).colour,
        parts=parts,
        plain="\n".join((text, *below)),
        ids=tuple(each.id for each in message.notifications),
        team=place.team,
    )


def _late(notifications: Sequence[Notification], now: int) -> str:
    """What is told late, and when the first of it happened."""
    notes = [note for each in sorted(notifications, key=happened) if (note := late_note(each, now))]
    if not notes:
        return ""
    if len(notifications) == 1:
        return f" This is told late: it {notes[0]}."
    if len(notes) == 1:
        return f" One of them is told late: it {notes[0]}."
    return f" {len(notes):,} of them are told late: the first {notes[0]}."


def _lines_of(parts: Sequence[Part]) -> list[str]:
    """The parts without blocks."""
    lines = []
    for part in parts:
        match part:
            case Fields(fields):
                lines += [f"{label}: {value}" for label, value in fields]
            case Section(text) | Context(text):
                lines += text.split("\n")
    return lines


def _first_that_fit(lines: Sequence[str], room: int) -> list[str]:
    sizes = accumulate(len(line) + 1 for line in lines)
    return [line for line, size in zip(lines, sizes, strict=True) if size <= room]
