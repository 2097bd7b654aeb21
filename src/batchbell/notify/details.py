"""A batch in words: its name, how it ended, what became of its requests, why, and what to do next."""

import re
import tomllib
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any
from urllib.parse import quote

from batchbell.config import Server
from batchbell.models import DELETED, Batch, BatchError, Outcome, RequestCounts, Status, Usage, outcome_of
from batchbell.notify.mrkdwn import counted, duration, escaped

# The metadata keys that name a batch, the best first.
_KEYS: tuple[str, ...] = ("description", "batch_description", "ds_description", "name", "batch_name", "ds_name")
_KEYS += ("display_name", "title", "job_name", "job")
MOST_REASONS = 3  # kinds of errors in a message


@cache
def texts() -> dict[str, Any]:
    """Return the sections of texts.toml, read when the first is needed."""
    return tomllib.loads(Path(__file__).with_name("texts.toml").read_text("utf-8"))


def given_name(batch: Batch) -> tuple[str, str] | None:
    """Return the key and value of the metadata that name the batch, if any do."""
    by_key = {key.strip().lower(): (key, value) for key, value in batch.metadata if escaped(value, 9)}
    return next((by_key[key] for key in _KEYS if key in by_key), None)


def batch_name(batch: Batch, limit: int = 120) -> str:
    """Return its given name or else its id."""
    return escaped((given_name(batch) or ("", batch.id))[1], max(limit, 12)) or "a batch without an id"


def batch_link(batch: Batch, server: Server, limit: int = 120) -> str:
    """Return its name in bold, with a link to its page if it has one."""
    name, page = batch_name(batch, limit), server.batch_page(batch.id)
    return f"*<{page}|{name}>*" if page else f"*{name}*"


def question(batch_id: str) -> str:
    """Return the text that asks for all about a batch, as the value of a button."""
    return f"batch {quote(batch_id, safe='', errors='replace')}"


def seconds_taken(batch: Batch) -> int | None:
    """Return the time from its creation to its end, if the server gave both."""
    ended_at, created_at = batch.ended_at, batch.created_at
    return None if ended_at is None or created_at is None else max(ended_at - created_at, 0)


def label(batch: Batch) -> str:
    """Return its outcome or status in a word or two: `partly failed`, `in progress`."""
    outcome = outcome_of(batch)
    if batch.status == DELETED:
        return "deleted"
    if outcome is Outcome.UNKNOWN:
        return "completed (counts unknown)"
    return outcome or escaped(_words(batch.status), 60)


def outcome_text(batch: Batch) -> str:
    """Return how it ended, or its status, as said after its name: `expired after 24 h`."""
    outcome, took = outcome_of(batch), seconds_taken(batch)
    verb = texts()["verb"].get(outcome, outcome) or f"is {label(batch)}"
    was_stopped = outcome in (Outcome.EXPIRED, Outcome.CANCELLED)
    return verb + (f" after {duration(took)}" if was_stopped and took is not None else "")


def heading(batch: Batch) -> str:
    """Return the same as a heading: `Expired after 24 h`."""
    return capitalised(re.sub("^(was|is) ", "", outcome_text(batch)))


def counts_text(batch: Batch) -> str:
    """Return what became of its requests, or why it failed, in few words: `3 of 1,000 failed`; empty if nothing is known."""
    counts, outcome = _counts(batch), outcome_of(batch)
    error = lowered(_error_total(batch))
    if counts is None or outcome in (Outcome.UNKNOWN, Outcome.REJECTED):
        return error
    if outcome is Outcome.SUCCEEDED:
        return counted(counts.total, "request")
    total, done, failed, rest = f"{counts.total:,}", counts.completed, counts.failed, counts.rest
    failures = f"{failed:,} failed" if failed else ""
    left = f"{rest:,} {'unaccounted for' if batch.status == Status.COMPLETED else 'not run'}" if rest else ""
    if outcome is None:
        parts = [f"{done + failed:,} of {total} done", failures]
    elif outcome in (Outcome.EXPIRED, Outcome.CANCELLED):
        # Where nothing is left over, those that did not run may be among the failed.
        parts = [f"{done:,} of {total} succeeded", failures if rest else ""]
    elif failed and (not done or not rest):
        parts = [f"{failed:,} of {total} failed", left]
    else:
        parts = [f"{done:,} of {total} succeeded", failures, left]
    return ", ".join(filter(None, [error, *parts]))


def happened(batch: Batch) -> str:
    """Return in a sentence or two what became of its requests; empty if nothing is known of an open batch."""
    counts, outcome = _counts(batch), outcome_of(batch)
    if outcome is Outcome.REJECTED:
        return f"{_error_total(batch) or 'No reason was given'}; no request ran."
    if outcome is Outcome.EMPTY:
        return "It had no requests, so there are no results."
    if counts is None or outcome is Outcome.UNKNOWN:
        if outcome is Outcome.CANCELLED and batch.request_counts and not (batch.output_file_id or batch.error_file_id):
            return "No request had run."
        file = " There is an error file, so some have no result." if batch.error_file_id else ""
        return f"The server doesn’t say how many requests succeeded.{file}" if outcome else ""
    total, done, failed, rest = counts.total, counts.completed, counts.failed, counts.rest
    everything = {1: "Its only request", 2: "Both requests"}.get(total, f"All {total:,} requests")
    if done == total:
        return f"{everything} succeeded."
    if failed == total and outcome is Outcome.FAILED:
        return f"{everything} failed, there are no results."
    if outcome is Outcome.EXPIRED:
        split = f": {failed:,} failed, {rest:,} not run" if failed and rest else ""
        return f"{done:,} of {total:,} succeeded. {total - done:,} {'has' if total - done == 1 else 'have'} no result{split}."
    if outcome in (Outcome.PARTLY_FAILED, Outcome.FAILED) and not rest:
        ready = "1 result is" if done == 1 else f"{done:,} results are"
        return f"{failed:,} of {total:,} requests failed, {ready} ready."
    kept = f"; {'its result is' if done == 1 else 'their results are'} kept and billed" if done else ""
    kept = kept if outcome is Outcome.CANCELLED else ""
    text = counts_text(replace(batch, errors=(), errors_left_out=0))
    return re.sub(" (succeeded|failed|done)", r" requests \1", text, count=1) + f"{kept}."


def reasons(batch: Batch) -> list[str]:
    """Return why, a line for each kind of error; empty if nothing more is known."""
    groups = error_groups(batch)
    shown = groups if len(groups) <= MOST_REASONS else groups[: MOST_REASONS - 1]
    lines = []
    for code, errors in shown:
        numbers = line_numbers(errors, 3)
        where = f" ({'line ' if len(errors) == 1 else ''}{numbers})" if numbers else ""
        said = [] if not code or code in texts()["input_error"] else list(filter(None, map(shown_message, errors)))
        first = "; the first: " if len(set(said)) > 1 else ": "
        lines.append(error_text(errors) + where + (first + said[0] if said else ""))
    if others := len(batch.errors) + batch.errors_left_out - sum(len(errors) for _, errors in shown):
        kinds = len(groups) - len(shown)
        lines.append(f"{others:,} more" + (f", of {kinds} kinds" if kinds > 1 and not batch.errors_left_out else ""))
    if len(lines) > 1:
        lines = [f"• {line}" for line in lines]
    elif lines and outcome_of(batch) is Outcome.REJECTED:  # what it is has been said
        lines = [lines[0].removeprefix(_error_total(batch)).lstrip(":. ")]
    is_said = "not run" in happened(batch)
    requests = [each for each in request_reasons(batch, MOST_REASONS) if not (is_said and each.endswith(" not run"))]
    summary = batch.error_summary
    where = f" in the first {counted(summary.lines, 'line')}" if requests and summary and not summary.is_whole else ""
    return [line for line in (*lines, ", ".join(requests) + where) if line]


def error_groups(batch: Batch) -> list[tuple[str, list[BatchError]]]:
    """Return the batch's own errors by code, or by message where there is none, the most frequent first."""
    names = Counter(error.code or error.message for error in batch.errors).most_common()
    groups = [[error for error in batch.errors if (error.code or error.message) == name] for name, _ in names]
    return [(group[0].code or "", group) for group in groups]


def next_step(batch: Batch) -> str:
    """Return what to do next, after "Next:"; empty where there is nothing to do."""
    counts, outcome, remedy = _counts(batch), outcome_of(batch), _remedy(batch)
    has_file = batch.error_file_id is not None
    if outcome in (Outcome.FAILED, Outcome.EXPIRED) and counts and counts.completed:
        rest = ", resubmit the rest" + (" from the error file" if has_file else "")
        return f"keep the {counts.completed:,} (already billed){rest if counts.completed < counts.total else ''}."
    if outcome in (Outcome.REJECTED, Outcome.FAILED) and batch.errors:
        advice = [known for code, _ in error_groups(batch) if (known := texts()["advice"].get(code))]
        fix_file = "fix the file and submit it again."
        return fix_file if _is_about_lines(batch) else (advice or ["fix what it names and submit it again."])[0]
    steps = {
        Outcome.EXPIRED: "resubmit what the error file names." if has_file else "submit it again, in smaller batches.",
        Outcome.FAILED: "the error file says why." if has_file else "try one of its requests by itself.",
        Outcome.PARTLY_FAILED: "compare the results with the input file, and resubmit what is missing.",
        Outcome.UNKNOWN: "look into the error file." if has_file else "count the lines of the output file.",
        Outcome.EMPTY: "check the input file.",
    }
    if has_file and counts and outcome is Outcome.PARTLY_FAILED and not counts.rest:
        steps[outcome] = f"resubmit the {counts.failed:,} named in the error file."
    elif remedy:
        steps[Outcome.FAILED] = "submit the batch again."
    is_remedy = remedy and outcome in (Outcome.PARTLY_FAILED, Outcome.FAILED)
    return (f"{remedy}, then " if is_remedy else "") + steps.get(outcome, "") if outcome else ""


def tokens(usage: Usage) -> str:
    """Return `1,200 in (40 cached), 300 out (120 reasoning)`; of a server that only sums them up, `1,500 in all`."""
    if not usage.input_tokens and not usage.output_tokens:
        return f"{usage.total_tokens:,} in all" if usage.total_tokens else ""
    cached = f" ({usage.cached_tokens:,} cached)" if usage.cached_tokens else ""
    reasoning = f" ({usage.reasoning_tokens:,} reasoning)" if usage.reasoning_tokens else ""
    return f"{usage.input_tokens:,} in{cached}, {usage.output_tokens:,} out{reasoning}"


def names_text(batches: Sequence[Batch], limit: int) -> str:
    """Return their names, each cut to `limit`; of those that differ in one number alone, `shard 1–7, 9`."""
    groups: dict[tuple[str, ...], list[list[str]]] = {}
    for batch in batches:
        name = batch_name(batch, limit)
        # A number by itself: no part of a longer one, a date or a version, and without leading zeros.
        pattern = r"(?<!\d)(?<!\d[.:-])(0|[1-9]\d{0,5})(?![.:-]?\d)"
        parts = re.split(pattern, name) if given_name(batch) else [name]
        groups.setdefault(tuple(parts[::2]), []).append(parts)
    shown = []
    for group in groups.values():
        differing = [place for place in range(1, len(group[0]), 2) if len({parts[place] for parts in group}) > 1]
        numbers = sorted({int(parts[differing[0]]) for parts in group}) if len(differing) == 1 else []
        if len(numbers) == len(group) > 2:
            runs = [[n for _, n in run] for _, run in groupby(enumerate(numbers), lambda pair: pair[1] - pair[0])]
            ranges = ", ".join(f"{run[0]}–{run[-1]}" if run[1:] else f"{run[0]}" for run in runs)
            group[0][differing[0]] = ranges
            shown.append("".join(group[0]))
        else:
            shown += ["".join(parts) for parts in group]
    return ", ".join(shown)


def shown_message(error: BatchError, limit: int = 350) -> str:
    """Return an error's message without the organization, which not all who read the channel are to know."""
    return escaped(re.sub(r"\borg-\w+", "org-…", error.message or ""), limit)


def error_text(errors: Sequence[BatchError]) -> str:
    """Return how often an error occurred, in words: `10 lines are not valid JSON`."""
    code = errors[0].code or ""
    if (known := texts()["input_error"].get(code)) is not None:
        return f"{len(errors):,} {known[len(errors) > 1]}"
    words = escaped(_words(code), 80) or shown_message(errors[0]).rstrip(".") or "an error without a name"
    return capitalised(words) if len(errors) == 1 else f"{len(errors):,} × {words}"


def request_reasons(batch: Batch, most: int) -> list[str]:
    """Return why single requests failed or did not run, by its error file, the most frequent first."""
    summary = batch.error_summary
    if summary is None:
        return []
    pairs = [(n, f"{n:,} × {escaped(_words(reason), 60)}") for reason, n in summary.reasons]
    pairs += [(summary.not_run, f"{summary.not_run:,} not run")] if summary.not_run else []
    lines = [text for _, text in sorted(pairs, key=lambda pair: -pair[0])]
    others = sum(n for n, text in pairs if text not in lines[:most])
    return lines[:most] + ([f"{others:,} other{'s' if others > 1 else ''}"] if others else [])


def _remedy(batch: Batch) -> str:
    """Return what helps against the most frequent reason, if that is known."""
    found, known = batch.error_summary.reasons if batch.error_summary else (), texts()["request_advice"]
    return next((known[reason] for reason, _ in found[:1] if reason in known), "")


def _error_total(batch: Batch) -> str:
    """Return how many errors the input file has, or else the one reason for which the batch was rejected."""
    number = len(batch.errors) + batch.errors_left_out
    if _is_about_lines(batch):
        return f"{counted(number, 'error')} in the input file"
    is_one = len(error_groups(batch)) == 1 and not batch.errors_left_out
    return error_text(batch.errors) if is_one else counted(number, "error") if number else ""


def _is_about_lines(batch: Batch) -> bool:
    return any(error.line is not None or error.code in texts()["input_error"] for error in batch.errors)


def line_numbers(errors: Sequence[BatchError], most: int) -> str:
    """Return the lines of the input file that these errors name: `3, 31, 59 …`."""
    lines = sorted({error.line for error in errors if error.line is not None})
    return ", ".join(f"{line:,}" for line in lines[:most]) + (" …" if lines[most:] else "")


def _counts(batch: Batch) -> RequestCounts | None:
    """Return the counts; None if there is nothing to count."""
    counts = batch.request_counts
    return counts if counts and counts.total > 0 else None


def _words(name: str) -> str:
    return name.replace("_", " ")


def capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]


def lowered(text: str) -> str:
    """Return the text as it is within a sentence; acronyms stay as they are."""
    return text[:1].lower() + text[1:] if text[1:2].islower() else text
