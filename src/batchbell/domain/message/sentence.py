"""Sentence: what a notification says first, and in a digest at all."""

from batchbell.domain.batch import Batch
from batchbell.domain.message.mrkdwn import cut, date, escaped, link
from batchbell.domain.message.outcome import outcome
from batchbell.domain.message.wording import counted, duration
from batchbell.domain.notification import (
    BaselineReason,
    Gone,
    KeyAccepted,
    KeyRefused,
    Notification,
    Subject,
    Watching,
)
from batchbell.domain.place import Place

LATE_S = 900
"""News older than this when it is told says how old it is."""

_NAME_KEYS = (
    "description",
    "batch_description",
    "name",
    "batch_name",
    "display_name",
    "title",
    "job_name",
    "job",
)

_WATCH = {
    BaselineReason.INSTALLED: "batchbell is now watching the batches at {service}",
    BaselineReason.BASE_URL: "batchbell is now watching another server, {service}",
    BaselineReason.PROJECT: "the API key now belongs to another project, whose batches are watched from now on",
}


def sentence_for(subject: Subject, place: Place, room: int, *, linked: bool = True) -> str:
    """What happened, without its full stop, in at most `room` characters."""
    match subject:
        case Batch():
            page = place.page_of(subject.id) if linked else None
            room -= len(page or "") + len("*<|>* ")
            ended = cut(outcome(subject, room), room * 2 // 3)
            return f"{_name(subject, page, room - len(ended))} {ended}"
        case Gone(batch, missing_since):
            fact = f"is gone: {place.service} has not known it since {date(missing_since)}"
            return f"{_name(batch, None, room - len(fact) - len('** '))} {fact}"
        case Watching(reason=reason, base_url=base_url, open_count=count):
            are_open = f"{counted(count, 'batch')} {'is' if count < 2 else 'are'} open"
            return f"{_WATCH[reason].format(service=place.at(base_url).service)}: {are_open}"
        case KeyRefused(since):
            return f"{place.service} has refused the API key since {date(since)}: no batch can be watched"
        case KeyAccepted(refused_since, since):
            lasted = duration(since - refused_since)
            return f"{place.service} accepts the API key again, which it had refused for {lasted}"


def given_name(batch: Batch) -> tuple[str, str] | None:
    """The key and value of the metadata that name the batch; None where nothing does."""
    by_key = {key.strip().lower(): (key, value) for key, value in batch.metadata if value.strip()}
    return next((by_key[key] for key in _NAME_KEYS if key in by_key), None)


def late_note(notification: Notification, now: int) -> str:
    """When it happened, if that is told late; else nothing."""
    happened_at = happened(notification)
    verb = "was noticed" if _ended_at(notification) is None else "ended"
    return f"{verb} {date(happened_at)}" if now - happened_at > LATE_S else ""


def happened(notification: Notification) -> int:
    """When it happened, or else was noticed."""
    ended_at = _ended_at(notification)
    return notification.recorded_at if ended_at is None else ended_at


def _ended_at(notification: Notification) -> int | None:
    return notification.subject.ended_at if isinstance(notification.subject, Batch) else None


def _name(batch: Batch, page: str | None, room: int) -> str:
    """Its given name or else its id, leading to its page."""
    _, name = given_name(batch) or ("", batch.id)
    label = escaped(name, min(max(room, 12), 120)) or "a batch without an id"
    return f"*{link(page, label) if page else label}*"
