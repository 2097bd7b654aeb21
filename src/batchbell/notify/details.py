"""What is known of a batch, in words: its name, how it ended, why, what to do, and the facts."""

import re
import tomllib
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

from batchbell.config import Server
from batchbell.models import Batch, BatchError, Outcome, Status, Usage, outcome_of
from batchbell.notify.mrkdwn import code, context, counted, cut, date, duration, escaped, fields, series

# The metadata keys that name a batch, the best first.
_KEYS: tuple[str, ...] = ("description", "batch_description", "ds_description", "name", "batch_name", "ds_name")
_KEYS += ("display_name", "title", "job_name", "job")
# The units of a completion window.
_UNITS = {"s": "s", "sec": "s", "second": "s", "m": "min", "min": "min", "minute": "min", "h": "h", "hour": "h"}
_UNITS |= {"d": "day", "day": "day", "w": "week", "week": "week"}


@cache
def texts() -> dict[str, Any]:
    """Return the sections of texts.toml, read when the first is needed."""
    return tomllib.loads(Path(__file__).with_name("texts.toml").read_text("utf-8"))


def batch_title(batch: Batch, server: Server, limit: int = 600) -> str:
    """Return its name, which leads to its page, and its outcome, in at most `limit` characters."""
    page = server.batch_page(batch.id)
    limit -= len(page or "") + len("*<|>* ")
    outcome = cut(outcome_text(batch, limit), limit * 2 // 3)
    return f"{batch_name(batch, limit - len(outcome), page)} {outcome}"


def batch_name(batch: Batch, limit: int, page: str | None = None) -> str:
    """Return its given name or else its id, in bold, with a link to its page."""
    label = escaped((given_name(batch) or ("", batch.id))[1], min(max(limit, 12), 120)) or "a batch without an id"
    return f"*<{page}|{label}>*" if page else f"*{label}*"


def given_name(batch: Batch) -> tuple[str, str] | None:
    """Return the key and value of the metadata that name the batch, if any do."""
    by_key = {key.strip().lower(): (key, value) for key, value in batch.metadata if value.strip()}
    return next((by_key[key] for key in _KEYS if key in by_key), None)


def seconds_taken(batch: Batch) -> int | None:
    """Return the time from its creation to its end, if the server gave both."""
    ended_at, created_at = batch.ended_at, batch.created_at
    return None if ended_at is None or created_at is None else max(ended_at - created_at, 0)


def outcome_text(batch: Batch, limit: int = 500) -> str:
    """Return how a batch ended, or its status, to be read after its name."""
    after = "" if (seconds := seconds_taken(batch)) is None else f" after {duration(seconds)}"
    progress, errors = _progress(batch), _error_summary(batch, limit)
    words = {
        None: f"is now {escaped(batch.status.replace('_', ' '), 60)}{progress}",
        Outcome.FAILED: f"failed: {errors}" if errors else f"failed{progress}; no reason was given",
        Outcome.EXPIRED: f"expired{after}{progress}",
        Outcome.CANCELLED: f"was cancelled{after}{progress}",
        Outcome.EMPTY: "completed, but it was empty",
    }
    return words.get(outcome_of(batch)) or f"completed{_request_outcomes(batch)}"


def batch_reason(batch: Batch) -> str:
    """Return why it failed and what is known to help, or what is left of a batch that was stopped."""
    if batch.status in (Status.EXPIRED, Status.CANCELLED) and batch.output_file_id is not None:
        return "What was done is already paid for: fetch it before you submit the rest again."
    if batch.status != Status.FAILED:
        return ""
    codes = list(dict.fromkeys(error.code or "" for error in batch.errors))
    shown = [[error for error in batch.errors if (error.code or "") == code] for code in codes[:4]]
    sentences = [_error_sentence(errors) for errors in shown]
    if others := len(batch.errors) + batch.errors_left_out - sum(map(len, shown)):
        sentences.append(f"…and {counted(others, 'more error')}")
    bullet, known = "• " if len(sentences) > 1 else "", texts()["advice"]
    advice = [f":bulb: {known[code]}" for code in codes if code in known]
    return "\n".join([bullet + sentence for sentence in sentences] + advice)


def batch_facts(batch: Batch, team: str) -> list[dict[str, Any]]:
    """Return the blocks with its files, tokens, times and metadata, as far as they are known."""
    usage = batch.usage
    labelled = (
        ("Model", code(batch.model)),
        ("Endpoint", code(batch.endpoint)),
        ("Took", _took(batch)),
        ("Tokens", tokens(usage) if usage else ""),
        ("Input file", code(batch.input_file_id)),
        ("Output file" if batch.status == Status.COMPLETED else "Partial output", code(batch.output_file_id)),
        ("Error file", code(batch.error_file_id)),
    )
    values = [(label, value) for label, value in labelled if value]
    origin = [code(batch.id)] if (name := given_name(batch)) else []
    origin += [f"created {date(batch.created_at)}"] if batch.created_at is not None else []
    origin += [f"ended {date(batch.ended_at)}"] if batch.ended_at is not None else []
    pairs = [f"{escaped(k, 60)}: {escaped(v, 120)}" for k, v in batch.metadata if (k, v) not in (name, ("team", team))]
    if len(pairs) > 8:
        pairs[8:] = [f"{len(pairs) - 8} more"]
    lines = (" · ".join(filter(None, parts)) for parts in (origin, pairs))
    return [*([fields(values)] if values else []), *(context(line) for line in lines if line)]


def _error_summary(batch: Batch, limit: int) -> str:
    names = ((each.code or "").replace("_", " ") or _message(each).rstrip(".") for each in batch.errors)
    common = Counter(name or "an error without a name" for name in names).most_common(2)
    words = [escaped(name, limit // 3) + (f" ({n:,} times)" if n > 1 else "") for name, n in common]
    others = len(batch.errors) + batch.errors_left_out - sum(count for _, count in common)
    return series([*words, counted(others, "other error")] if words and others else words)


def _error_sentence(errors: list[BatchError]) -> str:
    """Return one code, where or how often it occurred, and its first message."""
    lines = sorted({error.line for error in errors if error.line is not None})
    numbers = [f"{line:,}" for line in lines[:3]] + ([f"{len(lines) - 3:,} more"] if lines[3:] else [])
    where = f" in line{'s' if len(lines) > 1 else ''} {series(numbers)}" if lines else ""
    times = f", {len(errors):,} times" if len(errors) > max(len(lines), 1) else ""
    messages = list(dict.fromkeys(filter(None, map(_message, errors))))
    first = "; the first" if len(messages) > 1 else ""
    message = f"{first}: {escaped(messages[0], 350)}" if messages else ""
    return f"{code(errors[0].code, 80) or 'An error'}{where}{times}{message}"


def _message(error: BatchError) -> str:
    # Not all who read the channel are to know the organization.
    return re.sub(r"\borg-\w+", "org-…", error.message or "")


def _request_outcomes(batch: Batch) -> str:
    """Return what became of the requests of a completed batch; not every server's counts add up."""
    counts, outcome = batch.request_counts, outcome_of(batch)
    if counts is None or outcome is Outcome.UNKNOWN:
        return "; how its requests fared is not known"
    failed, total = counts.failed, max(counts.total, counts.completed + counts.failed)
    missing = total - counts.completed - failed
    everything = {1: "its only request", 2: "both requests"}.get(total, f"all {total:,} requests")
    unaccounted = f"{'is' if missing == 1 else 'are'} unaccounted for"
    if outcome is Outcome.SUCCEEDED:
        return f": {everything} succeeded"
    if failed == total:
        return f", but {everything} failed"
    if not failed:
        return f", but {missing:,} of {total:,} requests {unaccounted}"
    return f", but {failed:,} of {total:,} requests failed" + (f" and {missing:,} {unaccounted}" if missing else "")


def _progress(batch: Batch) -> str:
    """Return how far a batch got that did not complete, or is still open."""
    if (counts := batch.request_counts) is None or counts.total <= 0:
        return ""
    failed = f" ({counts.failed:,} failed)" if counts.failed else ""
    return f", with {counts.completed + counts.failed:,} of {counts.total:,} requests done{failed}"


def _took(batch: Batch) -> str:
    """Return the duration of a completed batch and its window: `3 h 12 min of 24 h`."""
    seconds = seconds_taken(batch)
    if seconds is None or batch.status != Status.COMPLETED:
        return ""
    window = escaped(batch.completion_window or "", 20)
    found = re.fullmatch(r"(\d+) ?([a-z]+?)s?", window.lower())
    if found and (unit := _UNITS.get(found[2])):
        window = f"{found[1]} {unit}{'s' if unit in ('day', 'week') and int(found[1]) > 1 else ''}"
    return duration(seconds) + (f" of {window}" if window else "")


def tokens(usage: Usage) -> str:
    """Return `1,200 in (40 cached), 300 out (120 reasoning)`; of a server that only sums them up, `1,500 in all`."""
    if not usage.input_tokens and not usage.output_tokens:
        return f"{usage.total_tokens:,} in all" if usage.total_tokens else ""
    cached = f" ({usage.cached_tokens:,} cached)" if usage.cached_tokens else ""
    reasoning = f" ({usage.reasoning_tokens:,} reasoning)" if usage.reasoning_tokens else ""
    return f"{usage.input_tokens:,} in{cached}, {usage.output_tokens:,} out{reasoning}"
