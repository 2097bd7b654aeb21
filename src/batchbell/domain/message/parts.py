"""Parts: what is drawn below the sentence of a notification that comes alone."""

import re

from batchbell.domain.batch import Batch, Status, Usage
from batchbell.domain.message.failure import explanation
from batchbell.domain.message.mrkdwn import code, date, escaped
from batchbell.domain.message.outcome import outcome, seconds_taken
from batchbell.domain.message.rendered import Context, Fields, Part, Section
from batchbell.domain.message.sentence import given_name
from batchbell.domain.message.wording import counted, duration, series
from batchbell.domain.notification import (
    BaselineReason,
    Gone,
    KeyAccepted,
    KeyRefused,
    Subject,
    Watching,
)
from batchbell.domain.place import Place

_PAIRS_SHOWN = 8

_UNKNOWN_KEY = {
    "openai": "The key is wrong, expired or revoked (401), or a restricted one without the permission "
    "_Batches: Read_.",
    "azure": "The key is wrong, revoked or that of another resource than `OpenAIBaseUrl` names (401).",
    "other": "The key is wrong, expired or revoked (401). If this is Azure behind a name of its own, "
    "deploy again with an `OpenAIApiVersion`.",
}
_FORBIDDEN = {
    "openai": "The key is known but may not read batches (403). Give it the permission _Batches: Read_, or",
    "azure": "The key may not be used (403): the resource has keys turned off, or its network rules keep "
    "this function out. Change that, or",
    "other": "The key is known but may not read batches (403). Give it that right, or",
}


def parts_for(subject: Subject, place: Place) -> tuple[Part, ...]:
    """The why, the what-now and the facts, as far as there are any."""
    match subject:
        case Batch():
            return _section(_why(subject)) + _facts(subject, place)
        case Gone(batch):
            was = outcome(batch).replace("is now", "was", 1)
            advice = f"When last seen it {was}. It is no longer watched, unless it is listed again."
            return _section(advice) + _facts(batch, place)
        case Watching():
            return _section(_scope(subject, place))
        case KeyRefused(status=status):
            later = "Nothing is lost: what ends meanwhile is announced once the key works."
            return (Section(_remedy(status, place)), Context(later))
        case KeyAccepted():
            return _section("What ended in the meantime is announced now.")


def _section(text: str) -> tuple[Section, ...]:
    return (Section(text),) if text else ()


def _why(batch: Batch) -> str:
    """Why it failed, or what is left of it if it was stopped."""
    if batch.status == Status.FAILED:
        return explanation(batch)
    if _is_partial(batch):
        return "What was done is already paid for: fetch it before you submit the rest again."
    return ""


def _is_partial(batch: Batch) -> bool:
    return batch.status in (Status.EXPIRED, Status.CANCELLED) and batch.output_file_id is not None


def _facts(batch: Batch, place: Place) -> tuple[Part, ...]:
    labelled = (
        ("Model", code(batch.model or "")),
        ("Endpoint", code(batch.endpoint or "")),
        ("Took", _took(batch)),
        ("Tokens", _tokens(batch.usage) if batch.usage else ""),
        ("Input file", code(batch.input_file_id or "")),
        ("Partial output" if _is_partial(batch) else "Output file", code(batch.output_file_id or "")),
        ("Error file", code(batch.error_file_id or "")),
    )
    fields = tuple((label, value) for label, value in labelled if value)
    origin = (
        code(batch.id) if given_name(batch) else "",
        f"created {date(batch.created_at)}" if batch.created_at is not None else "",
        f"ended {date(batch.ended_at)}" if batch.ended_at is not None else "",
    )
    lines = (" · ".join(filter(None, origin)), _metadata(batch, place))
    return ((Fields(fields),) if fields else ()) + tuple(Context(line) for line in lines if line)


def _took(batch: Batch) -> str:
    """Its duration against its window, if it ran to the end: "3 h 12 min of 24 h"."""
    seconds = seconds_taken(batch)
    if seconds is None or batch.status != Status.COMPLETED:
        return ""
    window = re.sub(r"^(\d+) ?([hd])$", r"\1 \2", batch.completion_window or "")
    return duration(seconds) + (f" of {escaped(window, 20)}" if window else "")


def _tokens(usage: Usage) -> str:
    if not usage.input_tokens and not usage.output_tokens:
        return ""
    cached = f" ({usage.cached_tokens:,} cached)" if usage.cached_tokens else ""
    reasoning = f" ({usage.reasoning_tokens:,} reasoning)" if usage.reasoning_tokens else ""
    return f"{usage.input_tokens:,} in{cached}, {usage.output_tokens:,} out{reasoning}"


def _metadata(batch: Batch, place: Place) -> str:
    """What else the team wrote down; its name and the batch's stand above already."""
    said = (given_name(batch), ("team", place.team))
    pairs = [
        f"{escaped(key, 60)}: {escaped(value, 120)}"
        for key, value in batch.metadata
        if (key, value) not in said
    ]
    rest = [f"{len(pairs) - _PAIRS_SHOWN} more"] if len(pairs) > _PAIRS_SHOWN else []
    return " · ".join(pairs[:_PAIRS_SHOWN] + rest)


def _scope(watching: Watching, place: Place) -> str:
    """What will be announced from now on, and what no longer."""
    statuses = series([code(status, 40) for status in watching.statuses])
    told = f"Announced from now on: {statuses}" if statuses else "Nothing is announced"
    filtered = code(watching.metadata_filter, 200)
    told += f", of batches with {filtered}." if filtered else "."
    ended = counted(watching.ended_count, "batch")
    are = "is" if watching.ended_count == 1 else "are"
    untold = f" {ended} had ended before and {are} not announced." if watching.ended_count else ""
    unwatched = {
        BaselineReason.INSTALLED: "",
        BaselineReason.BASE_URL: "\nThe batches of the earlier server are no longer watched. "
        "If that was not meant, deploy again with the earlier `OpenAIBaseUrl`.",
        BaselineReason.PROJECT: "\nThe batches of the earlier project are no longer watched. "
        f"If that was not meant, store a key of that project in {place.key_parameter}.",
    }
    return f"{told}{untold}{unwatched[watching.reason]}"


def _remedy(status: int, place: Place) -> str:
    """What a person must do about a refused key."""
    store = f"the SSM parameter {place.key_parameter}; the next poll takes it up."
    if status == 403:
        return f"{_FORBIDDEN[_kind(place)]} store one that may in {store}"
    return f"{_UNKNOWN_KEY[_kind(place)]} Store a valid one in {store}"


def _kind(place: Place) -> str:
    return "openai" if place.is_openai else "azure" if place.is_azure else "other"
