"""What is posted for one notification, or for several as a digest."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from batchbell import models
from batchbell.config import Config, Secret, Server
from batchbell.models import Batch, Message, Notification, Subject
from batchbell.notify import details
from batchbell.notify.mrkdwn import QUIET, code, context, counted, date, duration, escaped, section, series

Notifications = Sequence[Notification]
Content = tuple[str, str, list[dict[str, Any]]]  # title, reason, blocks


class Style(NamedTuple):  # a digest counts by label
    emoji: str
    colour: str
    label: str


def message_for(
    notifications: Notifications, config: Config, now: int, *, possible_duplicate: bool = False, text_only: bool = False
) -> Message:
    """Return all of one notification, or a digest of several; with `text_only`, for when Slack refuses the blocks,
    title and reason alone. All untrusted text is escaped, and the message fits Slack's limits.
    """
    ordered = sorted(notifications, key=_severity_and_name)
    worst = ordered[0].subject
    title, reason, blocks = _digest_of(ordered, config, now) if len(ordered) > 1 else _content_of(worst, config)
    emoji, colour, _ = style_of(worst)
    text = f"{emoji} *{escaped(config.team, 60)}* · {title}."
    if late := _late_notes(ordered, now):
        told = "One of them is told late: it" if len(ordered) > 1 else "This is told late: it"
        told = f"{len(late):,} of them are told late: the first" if len(late) > 1 else told
        text += f" {told} {late[0]}."
    text += " This may be a repeat." if possible_duplicate else ""
    if text_only:
        text, blocks = f"{text}\n{reason}".strip(), []
    elif reason:
        blocks = [section(reason), *blocks]
    attachments = [{"color": colour, "blocks": blocks}] if blocks else []
    return Message(tuple(each.id for each in notifications), config.team, text, {"attachments": attachments, **QUIET})


def test_message(config: Config, now: int) -> Message:
    """Return a message that only shows that messages arrive; its id is that of no batch."""
    text = f":wrench: *{escaped(config.team, 60)}* · This is a test message: batchbell can post here."
    note = context("Sent by a person with `batchbell test-message`. No batch has ended.")
    content = {"attachments": [{"color": "#1d9bd1", "blocks": [note]}], **QUIET}
    return Message((f"trial-{now}#test",), config.team, text, content)


def style_of(subject: Subject) -> Style:
    """Return the style of a batch's outcome, of an open batch, or of another subject."""
    name = (models.outcome_of(subject) or "open") if isinstance(subject, Batch) else type(subject).__name__
    return Style(*details.texts()["style"][name])


def service_name(server: Server) -> str:
    """Return what a sentence calls the server."""
    address = server.base_url.removeprefix("https://").removeprefix("http://").rstrip("/")
    if server.is_openai:
        return "OpenAI"
    if server.is_azure:
        return f"Azure OpenAI ({code(address.partition('/')[0], 60)})"
    return code(address, 40) or "the server"


def _content_of(subject: Subject, config: Config, limit: int = 600) -> Content:
    """Return what happened, in at most `limit` characters; why and what to do; and the blocks below."""
    service, parameter = service_name(config.server), code(Secret.OPENAI_API_KEY.parameter(config.team))
    match subject:
        case Batch():
            title = details.batch_title(subject, config.server, limit)
            return title, details.batch_reason(subject), details.batch_facts(subject, config.team)
        case models.Deleted(batch, missing_since):
            fact = f"is gone: {service} has not known it since {date(missing_since)}"
            name = details.batch_name(batch, limit - len(fact) - len("** "))
            was = details.outcome_text(batch).replace("is now", "was", 1)
            reason = f"When last seen it {was}. It is no longer watched, unless it is listed again."
            return f"{name} {fact}", reason, details.batch_facts(batch, config.team)
        case models.Watching():
            return *_baseline_content(subject, config.server, parameter), []
        case models.KeyRefused(since, status, error_code):
            kind = "openai" if config.server.is_openai else "azure" if config.server.is_azure else "other"
            error = f"{status} {code(error_code, 80)}".strip()
            title = f"{service} has refused the API key since {date(since)}: no batch can be watched"
            advice = details.texts()["refused_key"]["403" if status == 403 else "401"][kind].format(error=error)
            reason = f"The key {advice} in the SSM parameter {parameter}; the next poll takes it up."
            if place := details.texts()["refused_place"].get(error_code):
                title = f"{service} has refused every request since {date(since)} ({error}): no batch can be watched"
                reason = f"{place} The key is not at fault."
            return (
                title,
                reason,
                [context("Nothing is lost: what ends meanwhile is announced once requests are accepted.")],
            )
        case models.KeyAccepted(refused_since, since):
            title = f"{service} accepts the API key again, which it had refused for {duration(since - refused_since)}"
            return title, "What ended in the meantime is announced now.", []


def _baseline_content(watching: models.Watching, server: Server, parameter: str) -> tuple[str, str]:
    """Return what is watched; and what will be announced from now on, and what no longer."""
    if watching.base_url != server.base_url:
        server = Server(watching.base_url)  # the configured one was changed since
    values, ended, opened = {"server": service_name(server)}, watching.ended_count, watching.open_count
    title, undo = (text.format(**values, parameter=parameter) for text in details.texts()["baseline"][watching.reason])
    statuses = series([code(each, 40) for each in watching.statuses])
    metadata_filter = code(watching.metadata_filter, 200)
    reason = f"Announced from now on: {statuses}" if statuses else "Nothing is announced"
    reason += f", of batches with {metadata_filter}." if metadata_filter else "."
    if ended:
        reason += f" {counted(ended, 'batch')} had ended before and {'are' if ended > 1 else 'is'} not announced."
    return f"{title}: {counted(opened, 'batch')} {'are' if opened > 1 else 'is'} open", reason + undo


def _severity_and_name(notification: Notification) -> tuple[int, list[tuple[int, str]]]:
    """Return a key that sorts the worst first, then by name, so that part 2 comes before part 10."""
    subject = notification.subject
    name = isinstance(subject, Batch) and details.given_name(subject)
    words = [word.lstrip("0") for word in re.split(r"(\d+)", name[1].casefold() if name else "")]
    severity = list(details.texts()["style"].values()).index(list(style_of(subject)))
    return severity, [(len(word) if word.isdecimal() else 0, word) for word in words]


def _late_notes(notifications: Notifications, now: int) -> list[str]:
    """Return when those happened that are announced late, the earliest first."""
    late = []
    for each in notifications:
        ended_at = each.subject.ended_at if isinstance(each.subject, Batch) else None
        at, verb = (each.recorded_at, "was noticed") if ended_at is None else (ended_at, "ended")
        late += [(at, f"{verb} {date(at)}")] if now - at > 900 else []
    return [note for _, note in sorted(late, key=lambda pair: pair[0])]


def _digest_of(notifications: Notifications, config: Config, now: int) -> Content:
    """Return how many there are of each kind, and a line for each that says when, if that is late."""
    subjects = [each.subject for each in notifications]
    only_ends = all(isinstance(subject, Batch) and subject.is_terminal for subject in subjects)
    labels = Counter(style_of(subject).label for subject in subjects)
    kinds = series([f"{count:,} {label}" for label, count in labels.items()])
    # Slack does not document its limit: 9,600 characters of blocks beside 6,500 of text were accepted,
    # 11,300 beside 10,400 refused (bolt-js #2867).
    limit, texts = 8_000 // len(subjects) - 1, [""]
    for each in notifications:
        start = f"{style_of(each.subject).emoji} "
        end = "".join(f", {note}" for note in _late_notes([each], now) if limit > 300)
        if isinstance(each.subject, Batch) and details.given_name(each.subject):
            end += f" · {code(each.subject.id, max(limit // 4, 12))}"
        line = start + _content_of(each.subject, config, limit - len(start + end))[0] + end
        if len(texts[-1]) + 1 + len(line) > 2_900:
            texts.append("")
        texts[-1] = f"{texts[-1]}\n{line}".strip()
    what = "batches ended" if only_ends else "pieces of news"
    return f"{len(subjects)} {what}: {kinds}", "", [section(text) for text in texts]
