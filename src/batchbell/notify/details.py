"""What is known of a batch, in words: its name, how it ended, why, what to do, and the facts."""

import re
from collections import Counter
from typing import Any

from batchbell.config import Server
from batchbell.models import Batch, BatchError, Outcome, Status, outcome_of
from batchbell.notify.mrkdwn import code, context, counted, cut, date, duration, escaped, fields, series

# The metadata keys that name a batch, the best first.
_KEYS = ("description", "batch_description", "name", "batch_name", "display_name", "title", "job_name", "job")

# What is known to help, by the codes that OpenAI has been seen to give.
_ADVICE = {
    "token_limit_exceeded": "Submit it again once other batches of this model have ended, or split it.",
    "too_many_tasks": "Split the input file into smaller batches.",
    "empty_file": "The input file needs at least one line.",
    "invalid_json_line": "Every line of the input file must be one whole JSON object.",
    "duplicate_custom_id": "Give each request a `custom_id` of its own.",
    "url_mismatch": "The `url` of every line must be the endpoint of the batch.",
    "model_mismatch": "All requests of one batch must name the same model.",
    "model_not_found": "Check the name of the model, and that this project may use it.",
}
_MAX_CODES, _MAX_LINES, _MAX_PAIRS = 4, 3, 8


def batch_title(batch: Batch, server: Server, limit: int = 600) -> str:
    """Return its name, which leads to its page, and its outcome, in at most `limit` characters."""
    page = server.batch_page(batch.id)
    limit -= len(page or "") + len("*<|>* ")
    outcome = cut(outcome_text(batch, limit), limit * 2 // 3)
    return f"{batch_name(batch, limit - len(outcome), page)} {outcome}"


def batch_name(batch: Batch, limit: int, page: str | None = None) -> str:
    """Return its given name or else its id, in bold, with a link to its page."""
    _, name = given_name(batch) or ("", batch.id)
    label = escaped(name, min(max(limit, 12), 120)) or "a batch without an id"
    return f"*<{page}|{label}>*" if page else f"*{label}*"


def given_name(batch: Batch) -> tuple[str, str] | None:
    """Return the key and value of the metadata that name the batch, if any do."""
    by_key = {key.strip().lower(): (key, value) for key, value in batch.metadata if value.strip()}
    return next((by_key[key] for key in _KEYS if key in by_key), None)


def seconds_taken(batch: Batch) -> int | None:
    """Return the time from its creation to its end, if the server gave both."""
    if batch.ended_at is None or batch.created_at is None:
        return None
    return max(batch.ended_at - batch.created_at, 0)


def outcome_text(batch: Batch, limit: int = 500) -> str:
    """Return how a batch ended, or its status, to be read after its name."""
    seconds = seconds_taken(batch)
    after = "" if seconds is None else f" after {duration(seconds)}"
    match outcome_of(batch):
        case None:
            return f"is now {escaped(batch.status.replace('_', ' '), 60)}{_progress(batch)}"
        case Outcome.FAILED:
            errors = _error_summary(batch, limit)
            return f"failed: {errors}" if errors else f"failed{_progress(batch)}; no reason was given"
        case Outcome.EXPIRED:
            return f"expired{after}{_progress(batch)}"
        case Outcome.CANCELLED:
            return f"was cancelled{after}{_progress(batch)}"
        case Outcome.EMPTY:
            return "completed, but it was empty"
        case outcome:
            return f"completed{_request_outcomes(batch, outcome)}"


def batch_reason(batch: Batch) -> str:
    """Return why it failed and what is known to help, or what is left of a batch that was stopped."""
    if batch.status != Status.FAILED:
        paid = "What was done is already paid for: fetch it before you submit the rest again."
        return paid if _has_partial_output(batch) else ""
    by_code: dict[str, list[BatchError]] = {}
    for error in batch.errors:
        by_code.setdefault(error.code or "", []).append(error)
    shown = list(by_code.values())[:_MAX_CODES]
    others = len(batch.errors) + batch.errors_left_out - sum(map(len, shown))
    sentences = [_error_sentence(errors) for errors in shown]
    if others:
        sentences.append(f"…and {counted(others, 'more error')}")
    bullet = "• " if len(sentences) > 1 else ""
    advice = [f":bulb: {_ADVICE[code]}" for code in by_code if code in _ADVICE]
    return "\n".join([bullet + sentence for sentence in sentences] + advice)


def batch_facts(batch: Batch, team: str) -> list[dict[str, Any]]:
    """Return the blocks with its files, tokens, times and metadata, as far as they are known."""
    labelled = (
        ("Model", code(batch.model or "")),
        ("Endpoint", code(batch.endpoint or "")),
        ("Took", _took(batch)),
        ("Tokens", _tokens(batch)),
        ("Input file", code(batch.input_file_id or "")),
        ("Partial output" if _has_partial_output(batch) else "Output file", code(batch.output_file_id or "")),
        ("Error file", code(batch.error_file_id or "")),
    )
    values = [(label, value) for label, value in labelled if value]
    origin = (
        code(batch.id) if given_name(batch) else "",
        f"created {date(batch.created_at)}" if batch.created_at is not None else "",
        f"ended {date(batch.ended_at)}" if batch.ended_at is not None else "",
    )
    # The title says the names of the batch and the team.
    in_title = (given_name(batch), ("team", team))
    pairs = [f"{escaped(k, 60)}: {escaped(v, 120)}" for k, v in batch.metadata if (k, v) not in in_title]
    if len(pairs) > _MAX_PAIRS:
        pairs[_MAX_PAIRS:] = [f"{len(pairs) - _MAX_PAIRS} more"]
    lines = (" · ".join(filter(None, parts)) for parts in (origin, pairs))
    return [*([fields(values)] if values else []), *(context(line) for line in lines if line)]


def _has_partial_output(batch: Batch) -> bool:
    return batch.status in (Status.EXPIRED, Status.CANCELLED) and batch.output_file_id is not None


def _error_summary(batch: Batch, limit: int) -> str:
    """Return the two commonest errors, and how many others there are."""
    names = [
        (error.code or "").replace("_", " ") or _message(error).rstrip(".") or "an error without a name"
        for error in batch.errors
    ]
    common = Counter(names).most_common(2)
    words = [escaped(name, limit // 3) + (f" ({n:,} times)" if n > 1 else "") for name, n in common]
    others = len(batch.errors) + batch.errors_left_out - sum(count for _, count in common)
    return series([*words, counted(others, "other error")] if words and others else words)


def _error_sentence(errors: list[BatchError]) -> str:
    """Return one code, where or how often it occurred, and its first message."""
    lines = sorted({error.line for error in errors if error.line is not None})
    numbers = [f"{line:,}" for line in lines[:_MAX_LINES]]
    if len(lines) > _MAX_LINES:
        numbers.append(f"{len(lines) - _MAX_LINES:,} more")
    where = f" in line{'s' if len(lines) > 1 else ''} {series(numbers)}" if lines else ""
    times = f", {len(errors):,} times" if len(errors) > max(len(lines), 1) else ""
    messages = list(dict.fromkeys(filter(None, map(_message, errors))))
    first = "; the first" if len(messages) > 1 else ""
    message = f"{first}: {escaped(messages[0], 350)}" if messages else ""
    return f"{code(errors[0].code or '', 80) or 'An error'}{where}{times}{message}"


def _message(error: BatchError) -> str:
    # Not all who read the channel are to know the organization.
    return re.sub(r"\borg-\w+", "org-…", error.message or "")


def _request_outcomes(batch: Batch, outcome: Outcome) -> str:
    """Return what became of the requests of a completed batch; not every server's counts add up."""
    counts = batch.request_counts
    if counts is None or outcome is Outcome.UNKNOWN:
        return "; how its requests fared is not known"
    failed, total = counts.failed, max(counts.total, counts.completed + counts.failed)
    missing = total - counts.completed - failed
    everything = {1: "its only request", 2: "both requests"}.get(total, f"all {total:,} requests")
    if outcome is Outcome.SUCCEEDED:
        return f": {everything} succeeded"
    if failed == total:
        return f", but {everything} failed"
    are = "is" if missing == 1 else "are"
    if not failed:
        return f", but {missing:,} of {total:,} requests {are} unaccounted for"
    rest = f" and {missing:,} {are} unaccounted for" if missing else ""
    return f", but {failed:,} of {total:,} requests failed{rest}"


def _progress(batch: Batch) -> str:
    """Return how far a batch got that did not complete, or is still open."""
    counts = batch.request_counts
    if counts is None or counts.total <= 0:
        return ""
    failed = f" ({counts.failed:,} failed)" if counts.failed else ""
    return f", with {counts.completed + counts.failed:,} of {counts.total:,} requests done{failed}"


def _took(batch: Batch) -> str:
    """Return the duration of a completed batch and its window: `3 h 12 min of 24 h`."""
    seconds = seconds_taken(batch)
    if seconds is None or batch.status != Status.COMPLETED:
        return ""
    window = re.sub(r"^(\d+) ?([hd])$", r"\1 \2", batch.completion_window or "")
    return duration(seconds) + (f" of {escaped(window, 20)}" if window else "")


def _tokens(batch: Batch) -> str:
    usage = batch.usage
    if not usage or (not usage.input_tokens and not usage.output_tokens):
        return ""
    cached = f" ({usage.cached_tokens:,} cached)" if usage.cached_tokens else ""
    reasoning = f" ({usage.reasoning_tokens:,} reasoning)" if usage.reasoning_tokens else ""
    return f"{usage.input_tokens:,} in{cached}, {usage.output_tokens:,} out{reasoning}"
