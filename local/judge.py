"""Judge: what the channel was told, against what happened at OpenAI; the bot has no say in it."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from local.openai_rows import Row
from local.openai_simulator import Change
from local.slack_simulator import Landed

ENDS = frozenset({"completed", "failed", "expired", "cancelled"})

VERDICTS = {
    "all succeeded": r"completed: (all|both|its only) .*succeeded",
    "some failed": r"completed, but .* of .* requests (failed|are unaccounted|is unaccounted)",
    "all failed": r"completed, but (all|both|its only) .*failed",
    "empty": r"completed, but it was empty",
    "unknown": r"completed; how its requests fared is not known",
    "failed": r"(?<!requests) failed(:|,|;)",
    "expired": r"expired",
    "cancelled": r"was cancelled",
}
"""The words in which each verdict is to be told."""


@dataclass(slots=True)
class Report:
    """Ends by verdict, and the batches of which something was not told well."""

    ends: Counter[str] = field(default_factory=Counter)
    messages: int = 0
    missing: list[str] = field(default_factory=list)
    repeated: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        return not (self.missing or self.repeated or self.wrong)


def judge(changes: Iterable[Change], messages: Sequence[Landed]) -> Report:
    """Compare the ends among these changes with the messages that Slack holds."""
    report = Report(messages=len(messages))
    told = Counter(each for message in messages for each in _ids(message))
    ends = {f"{each.batch_id}#{each.status}": each for each in changes if each.status in ENDS}
    for notification_id, end in ends.items():
        verdict = verdict_of(end.row)
        report.ends[verdict] += 1
        if told[notification_id] == 0:
            report.missing.append(notification_id)
        if told[notification_id] > 1:
            report.repeated.append(notification_id)
        for sentence in sentences(messages, notification_id):
            if not is_told(end.row, verdict, sentence):
                report.wrong.append(f"{notification_id}: {sentence!r}")
    invented = {each for each in told if each.startswith("batch_")} - ends.keys()
    report.wrong += [f"{each}: nothing of the kind happened" for each in sorted(invented)]
    return report


def verdict_of(row: Row) -> str:
    """How the batch ended, read from OpenAI's own row."""
    if row["status"] != "completed":
        return str(row["status"])
    counted = row["request_counts"]
    if counted is None:
        return "unknown"
    if counted["total"] == 0:
        return "empty"
    if counted["completed"] == counted["total"]:
        return "all succeeded"
    return "some failed" if counted["completed"] else "all failed"


def is_told(row: Row, verdict: str, sentence: str) -> bool:
    """Whether the sentence gives the verdict, and the number that matters, of the batch."""
    counted = row["request_counts"] or {"failed": 0}
    number = f"{counted['failed']:,} of " if verdict == "some failed" and counted["failed"] else ""
    return number in sentence and re.search(VERDICTS[verdict], sentence) is not None


def _ids(message: Landed) -> list[str]:
    payload = (message.metadata or {}).get("event_payload", {})
    return str(payload.get("ids", "")).split()


def sentences(messages: Sequence[Landed], notification_id: str) -> Iterator[str]:
    """What each message that announces it says of it: a digest has a line for each batch."""
    for message in messages:
        ids = _ids(message)
        if notification_id in ids:
            batch_id = notification_id.partition("#")[0]
            lines = _lines(message) if len(ids) > 1 else [message.text]
            named = [line for line in lines if len(ids) == 1 or batch_id in line]
            yield from named or ["it is not named"]


def _lines(message: Landed) -> list[str]:
    blocks = [block for each in message.attachments for block in each.get("blocks", ())]
    texts = [block["text"]["text"] for block in blocks if "text" in block]
    return [line for text in texts or [message.text] for line in text.split("\n")]
