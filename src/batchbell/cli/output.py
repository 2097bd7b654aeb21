"""What a person sees: progress and errors, the table of `list`, the facts of `show`, results of checks."""

import json
import sys
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from batchbell.errors import BatchbellError, ForbiddenError, NotFoundError, SignInError, TransientError
from batchbell.models import Batch, Outcome, Row, outcome_of
from batchbell.notify.details import given_name, seconds_taken
from batchbell.notify.mrkdwn import duration

_CLEAR = "\r\x1b[K"
_HEADINGS = ("STATUS", "NAME", "ID", "REQUESTS", "AGE", "TOOK")
_MAX_NAME = 40
_TIMES = "created in_progress finalizing completed failed cancelling cancelled expired expires"


@contextmanager
def progress(what: str) -> Iterator[None]:
    """Say on the terminal what takes time, until it is done; elsewhere say nothing."""
    if not sys.stderr.isatty():
        yield
        return
    print(f"{_CLEAR}{what} …", end="", file=sys.stderr, flush=True)
    try:
        yield
    finally:
        print(_CLEAR, end="", file=sys.stderr, flush=True)


def print_error(reason: str) -> int:
    """Print in one line what went wrong; return the exit code for it."""
    print(f"batchbell: {' '.join(reason.split())}", file=sys.stderr)
    return 1


def printable(untrusted: str) -> str:
    """Return the text in one line, without characters that control the terminal."""
    return "".join(char if char.isprintable() else " " for char in untrusted)


def table_of(rows: Sequence[Row], now: float) -> list[str]:
    """Return headings and a line for each row, in columns as wide as they need to be."""
    lines = [_HEADINGS, *(_cells(row.batch, now) for row in rows)]
    widths = [max(map(_width, column)) for column in zip(*lines, strict=True)]
    return ["  ".join(map(_padded, line, widths)).rstrip() for line in lines]


def _cells(batch: Batch | None, now: float) -> tuple[str, ...]:
    if batch is None:
        return ("unreadable", "", "see --json", "", "", "")
    _, name = given_name(batch) or ("", "")
    took_s = seconds_taken(batch)
    return (
        _status(batch),
        printable(name if len(name) <= _MAX_NAME else f"{name[: _MAX_NAME - 1]}…"),
        printable(batch.id),
        _requests(batch),
        "" if batch.created_at is None else duration(now - batch.created_at),
        "" if took_s is None else duration(took_s),
    )


def _status(batch: Batch) -> str:
    """Return how the batch really ended, or its status while it is open."""
    outcome = outcome_of(batch)
    if outcome is Outcome.UNKNOWN:
        return "completed, unclear"
    return outcome or printable(batch.status.replace("_", " "))


def _requests(batch: Batch) -> str:
    counts = batch.request_counts
    if counts is None or counts.total <= 0:
        return ""
    if counts.completed >= counts.total:
        return f"{counts.total:,}"
    if outcome_of(batch) in (Outcome.PARTLY_FAILED, Outcome.ALL_FAILED) and counts.failed:
        return f"{counts.failed:,} of {counts.total:,} failed"
    failed = f", {counts.failed:,} failed" if counts.failed else ""
    return f"{counts.completed + counts.failed:,} of {counts.total:,}{failed}"


def _padded(text: str, width: int) -> str:
    return text + " " * (width - _width(text))


def _width(text: str) -> int:
    """Return how many cells the text takes: East Asian characters and most emoji take two."""
    wide = ("W", "F")
    cells = (2 if unicodedata.east_asian_width(char) in wide else 1 for char in text if not unicodedata.combining(char))
    return sum(cells)


def facts_of(batch: Batch, now: float) -> list[str]:
    """Return a line for each thing that the API said about the batch."""
    facts = [(label, printable(value)) for label, value in _facts(batch, now) if value]
    width = max(len(label) for label, _ in facts)
    return [f"{label:<{width}}  {value}" for label, value in facts]


def _facts(batch: Batch, now: float) -> Iterator[tuple[str, str | None]]:
    yield "batch", batch.id
    status = _status(batch)
    is_same = status == batch.status.replace("_", " ")
    yield "status", status if is_same else f"{status} (status {batch.status})"
    if counts := batch.request_counts:
        yield "requests", f"{counts.total:,}: {counts.completed:,} completed, {counts.failed:,} failed"
    if usage := batch.usage:
        cached = f" ({usage.cached_tokens:,} cached)" if usage.cached_tokens else ""
        reasoning = f" ({usage.reasoning_tokens:,} reasoning)" if usage.reasoning_tokens else ""
        tokens = f"{usage.input_tokens:,} in{cached}, {usage.output_tokens:,} out{reasoning}"
        yield "tokens", f"{tokens}, {usage.total_tokens:,} in all"
    for name in _TIMES.split():
        if (at := getattr(batch, f"{name}_at")) is not None:
            moment = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
            distance = duration(abs(now - at))
            yield name.replace("_", " "), f"{moment}, {f'in {distance}' if at > now else f'{distance} ago'}"
    took_s = seconds_taken(batch)
    yield "took", None if took_s is None else duration(took_s)
    yield "window", batch.completion_window
    for name in ("endpoint", "model", "input_file", "output_file", "error_file"):
        yield name.replace("_", " "), getattr(batch, f"{name}_id" if "file" in name else name)
    for key, value in batch.metadata:
        yield "metadata", f"{key}: {value}"
    for error in batch.errors:
        line = f"line {error.line:,}" if error.line is not None else ""
        param = f"param {error.param}" if error.param else ""
        yield "error", ": ".join(filter(None, (line, error.code, param, error.message)))
    if batch.errors_left_out:
        yield "error", f"and {batch.errors_left_out:,} more; --json shows all"


_FAILURES = {
    SignInError: "aws.not_signed_in",
    ForbiddenError: "{}.forbidden",
    NotFoundError: "{}.missing",
    TransientError: "{}.unreachable",
}
MARKS = {"ok": "✓", "wrong": "✗", "skipped": "\N{EN DASH}"}

_ADVICE = {
    "aws.not_signed_in": "Sign in to AWS, and set AWS_REGION.",
    "*.forbidden": "Ask for that permission in AWS.",
    "*.missing": "Deploy again: `sam deploy`.",
    "*.unreachable": "Check the network, and try again.",
    "*.failed": "Mend what it names, and try again.",
    "aws.stack.missing": "Check --team and AWS_REGION, or deploy it: `sam deploy`.",
    "aws.stack_changing": "Wait until the deployment has ended.",
    "aws.stack_not_deployed": "Deploy it again, and read why it failed.",
    "poll.function_broken": "Deploy the stack again: `sam deploy`.",
    "poll.schedule_disabled": "Enable it in EventBridge Scheduler: the schedule {name} of the group default.",
    "poll.does_not_run": "If it was deployed just now, wait for the first run; else look at the schedule's role.",
    "poll.last_run_complained": "Mend what it names.",
    "poll.none_yet": "Wait for the {awaited}, or look at what the last run said.",
    "poll.key_refused": "Store a key that is accepted with `batchbell secrets`; the next poll takes it up.",
    "poll.another_server": "Wait for the next poll.",
    "poll.late": "Look at the schedule, the key and what the last run said.",
    "poll.stuck": "Only what it shows is watched: ask who runs it why `after` leads no further.",
    "poll.unread": "Wait for the next polls: a long list takes several.",
    "secrets.*": "Store it with `batchbell secrets --team {team}`.",
    "openai.no_permission": "Give the key the permission Batches: Read{lacks}, or store another with "
    "`batchbell secrets`.",
    "openai.key_refused": "The key is wrong, expired or revoked: store another with `batchbell secrets`. "
    "A restricted key needs Batches: Read.",
    "openai.rate_limited": "Wait, or raise the limit; nothing is lost.",
    "openai.failing": "Wait: the next poll tries again, and nothing is lost.",
    "openai.*": "Check OpenAIBaseUrl, the address to which /batches is added, and deploy again if it is wrong.",
    "slack.unreachable": "Try again; check the network, and SlackBaseUrl.",
    "slack.wait": "Wait a minute, then try again.",
    "slack.another_token": "Take the Bot User OAuth Token, xoxb-…, of the app's page OAuth & Permissions, "
    "and store it with `batchbell secrets`.",
    "slack.not_a_bot_token": "Store the Bot User OAuth Token, xoxb-…, with `batchbell secrets`.",
    "slack.missing_scope": "At api.slack.com/apps, under OAuth & Permissions, add {scope} to the bot token "
    "scopes, and install the app to the workspace again.",
    "slack.not_in_channel": "In the channel type `/invite @{bot}`.",
    "slack.channel_not_found": "Check SlackChannel, {channel}, an id at the bottom of the channel's details. "
    "A private channel is only found once the bot is in it: in the channel type `/invite @{bot}`.",
    "slack.is_archived": "Unarchive the channel, or deploy with the id of another as SlackChannel.",
    "slack.*": "Slack's documentation (docs.slack.dev) says what that means; a rule of the workspace is for "
    "its admins to change.",
    "delivery.unreadable": "Deploy the newer version again.",
    "delivery.late": "Mend what else is wrong here; then all is delivered, or ask for it: `batchbell redeliver`.",
    "slash.forgery_accepted": "Somebody else answers there, or anyone is answered: deploy the stack again.",
    "slash.signature_refused": "If it was stored just now, ask again in a minute; else the Slack function's "
    "log says why.",
    "slash.no_answer": "Look at the Slack function's log.",
    "slash.slow": "Ask again: only a cold start may take longer.",
    "slash.unreachable": "Check the network, and that the stack is deployed.",
    "slash.app": "Type `{command} status` in Slack. If it fails, the app's slash command must have the "
    "Request URL {url}, and the secret stored must be the app's Signing Secret.",
    "slash.broken": "Look at the Slack function's log, and deploy again.",
}
"""What to do about each code that a check may have. A code's own advice comes first, `*` stands for any."""


def advice_for(code: str, **values: str) -> str:
    """Return what to do about a code; `values` are named in the advice."""
    area, _, name = code.rpartition(".")
    return next(_ADVICE[key] for key in (code, f"{area}.*", f"*.{name}") if key in _ADVICE).format(**values)


class WrongError(Exception):
    """What a check found wrong; `values` are named in the advice for its code, if none is given."""

    def __init__(self, code: str, says: str, advice: str = "", **values: str) -> None:
        super().__init__(says)
        self.code = code
        self.advice = advice or advice_for(code, **values)


class SkippedError(Exception):
    """Why a check could not be made: `SkippedError(says)`, or with what to do instead."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """`check` names what was checked and `code` what is wrong with it; neither ever changes.

    `status` is ok, wrong or skipped.
    """

    check: str
    status: str
    says: str
    code: str | None = None
    advice: str | None = None

    def as_json(self) -> str:
        return json.dumps({name.replace("status", "standing"): value for name, value in asdict(self).items()})

    def as_text(self) -> str:
        line = f"{MARKS[self.status]} {self.check:<28}  {self.says}"
        return f"{line}\n{'':32}→ {self.advice}" if self.advice else line


def result_of(check: str, error: BatchbellError) -> CheckResult:
    """Return the result of a check that could not be made."""
    found = (code for kind, code in _FAILURES.items() if isinstance(error, kind))
    code = next(found, "{}.failed").format(check)
    return CheckResult(check, "wrong", str(error), code, advice_for(code))
