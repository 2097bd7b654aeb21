"""What the bot's messages should say, from the simulator's own record of changes; independent of the bot."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from local.openai_rows import TERMINAL, Row
from local.openai_simulator import Change
from local.slack_simulator import Message

OUTCOMES = {
    "all succeeded": r"completed: (all|both|its only) .*succeeded",
    "some failed": r"completed, but .* of .* requests (failed|are unaccounted|is unaccounted)",
    "all failed": r"completed, but (all|both|its only) .*failed",
    "empty": r"completed, but it was empty",
    "unknown": r"completed; how its requests fared is not known",
    "failed": r"(?<!requests) failed(:|,|;)",
    "expired": r"expired",
    "cancelled": r"was cancelled",
}
"""The words that a message must have for each outcome."""


@dataclass(slots=True)
class Report:
    """Ended batches by outcome, and the notifications that are missing, repeated or wrong."""

    ends: Counter[str] = field(default_factory=Counter)
    messages: int = 0
    missing: list[str] = field(default_factory=list)
    repeated: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        return not (self.missing or self.repeated or self.wrong)


def check(changes: Iterable[Change], messages: Sequence[Message]) -> Report:
    """Compare the ends among these changes with the messages in Slack."""
    report = Report(messages=len(messages))
    announced = Counter(each for message in messages for each in _ids(message))
    ends = {f"{each.batch_id}#{each.status}": each for each in changes if each.status in TERMINAL}
    for notification_id, end in ends.items():
        report.ends[outcome_of(end.row)] += 1
        if announced[notification_id] == 0:
            report.missing.append(notification_id)
        if announced[notification_id] > 1:
            report.repeated.append(notification_id)
        texts = texts_about(messages, notification_id)
        report.wrong += [f"{notification_id}: {text!r}" for text in texts if not is_correct(text, end.row)]
    invented = {each for each in announced if each.startswith("batch_")} - ends.keys()
    report.wrong += [f"{each}: nothing of the kind happened" for each in sorted(invented)]
    return report


def outcome_of(row: Row) -> str:
    """Return the key in OUTCOMES for an ended batch, from OpenAI's own row."""
    counts = row["request_counts"]
    if row["status"] != "completed":
        return str(row["status"])
    if counts is None:
        return "unknown"
    if counts["total"] == 0:
        return "empty"
    if counts["completed"] == counts["total"]:
        return "all succeeded"
    return "some failed" if counts["completed"] else "all failed"


def is_correct(text: str, row: Row) -> bool:
    """Return whether the text states the batch's outcome, and how many requests failed if some did."""
    outcome, counts = outcome_of(row), row["request_counts"] or {"failed": 0}
    number = f"{counts['failed']:,} of " if outcome == "some failed" and counts["failed"] else ""
    return number in text and re.search(OUTCOMES[outcome], text) is not None


def texts_about(messages: Sequence[Message], notification_id: str) -> Iterator[str]:
    """Yield what each message says about it: of a digest only the batch's own line."""
    batch_id = notification_id.partition("#")[0]
    for message in messages:
        ids = _ids(message)
        if ids == [notification_id]:
            yield message.text
        elif notification_id in ids:
            yield from [line for line in _lines(message) if batch_id in line] or ["it is not named"]


def _ids(message: Message) -> list[str]:
    payload = (message.metadata or {}).get("event_payload", {})
    return str(payload.get("ids", "")).split()


def _lines(message: Message) -> list[str]:
    blocks = [block for each in message.attachments for block in each.get("blocks", ())]
    texts = [block["text"]["text"] for block in blocks if "text" in block] or [message.text]
    return [line for text in texts for line in text.split("\n")]
