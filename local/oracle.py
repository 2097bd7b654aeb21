"""What the bot's messages should say, from the simulator's own record of changes; independent of the bot."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from local.openai_rows import TERMINAL, Row
from local.openai_simulator import Change
from local.slack_simulator import Message

OUTCOMES = {
    "all succeeded": r"succeeded(:|\n)",
    "some failed": r"[Pp]artly failed:",
    "all failed": r"(?<!artly )[Ff]ailed:.*(([Aa]ll|[Bb]oth|[Ii]ts only) .*failed|\b([\d,]+) of \3 )",
    "empty": r"[Ee]mpty:",
    "unknown": r"doesn’t say how many requests succeeded|counts unknown\):",
    "failed": r"[Rr]ejected:|(?<!artly )[Ff]ailed:",
    "expired": r"[Ee]xpired( after [^:]*)?:",
    "cancelled": r"[Cc]ancelled( after [^:]*)?:",
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
    announced = Counter(each for message in messages for each in ids_of(message))
    ends = {f"{each.batch_id}#{each.status}": each.row for each in changes if each.status in TERMINAL}
    for notification_id, row in ends.items():
        report.ends[outcome_of(row)] += 1
        if announced[notification_id] == 0:
            report.missing.append(notification_id)
        if announced[notification_id] > 1:
            report.repeated.append(notification_id)
        report.wrong += wrong_texts(messages, notification_id, ends)
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


def wrong_texts(messages: Sequence[Message], notification_id: str, ends: Mapping[str, Row]) -> Iterator[str]:
    """Yield what the messages about this end say wrongly; `ends` are OpenAI's own rows by notification id."""
    row, batch_id = ends[notification_id], notification_id.partition("#")[0]
    for message in messages:
        if notification_id not in (ids := ids_of(message)):
            continue
        shown = [text for text in map(_text_of, message.blocks) if text]
        if len(ids) == 1:
            texts = [message.text, *shown[:1]]
        elif not (texts := [text for text in shown if f"batch {batch_id}" in text]):
            # It has no row of its own, but is counted and named in one line with those that ended alike.
            alike = [each for each in ids if each in ends and outcome_of(ends[each]) == outcome_of(row)]
            count = re.compile(rf"^\S+ {len(alike):,} \D")
            texts = [text for text in shown if count.match(text) and _states(text, row)] or ["it is not counted"]
            if not row.get("metadata"):
                texts = [text if batch_id in text else f"it is not named: {text}" for text in texts]
        yield from (f"{notification_id}: {text!r}" for text in texts if not _is_correct(text, row))


def _is_correct(text: str, row: Row) -> bool:
    """Return whether the text states the batch's outcome, and how many requests failed if some did."""
    failed = (row["request_counts"] or {"failed": 0})["failed"]
    has_number = outcome_of(row) != "some failed" or not failed or re.search(rf"\b{failed:,} (of|failed)\b", text)
    return bool(has_number) and not text.startswith("it is not") and _states(text, row)


def _states(text: str, row: Row) -> bool:
    return re.search(OUTCOMES[outcome_of(row)], text, re.DOTALL) is not None


def ids_of(message: Message) -> list[str]:
    payload = (message.metadata or {}).get("event_payload", {})
    return str(payload.get("ids", "")).split()


def _text_of(block: Mapping[str, Any]) -> str:
    """Return what a section or a small line says, with what its menu asks for."""
    texts = [block["text"]] if "text" in block else [each for each in block["elements"] if block["type"] == "context"]
    options = block.get("accessory", {}).get("options", ())
    return "\n".join([*(each["text"] for each in texts), *(each.get("value", "") for each in options)])
