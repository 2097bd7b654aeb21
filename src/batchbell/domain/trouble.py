"""Trouble: when the channel is told of batchbell's own state."""

from dataclasses import replace

from batchbell.domain.notification import KeyAccepted, KeyRefused, Notification, Watching
from batchbell.domain.policy import Policy
from batchbell.domain.watch import KeyTrouble, Watch

TOLD_AT_POLL = 2
"""A refused key is told at the second refused poll in a row: one alone may be a passing fault."""


def refused(watch: Watch, status: int, now: int) -> tuple[Watch, list[Notification]]:
    """The watch after OpenAI refused the key once more, and what is owed for it."""
    trouble = watch.trouble or KeyTrouble(since=now, polls=0)
    trouble = replace(trouble, polls=trouble.polls + 1)
    owed = []
    if trouble.polls == TOLD_AT_POLL:
        subject = KeyRefused(since=trouble.since, status=status)
        owed.append(Notification(f"openai-key-{trouble.since}#refused", now, subject))
    return replace(watch, trouble=trouble), owed


def accepted(watch: Watch, now: int) -> tuple[Watch, list[Notification]]:
    """The watch after OpenAI took the key, and what is owed if it was told that it did not."""
    trouble = watch.trouble
    owed = []
    if trouble is not None and trouble.polls >= TOLD_AT_POLL:
        subject = KeyAccepted(refused_since=trouble.since, since=now)
        owed.append(Notification(f"openai-key-{trouble.since}#accepted", now, subject))
    return replace(watch, trouble=None), owed


def baseline_told(watch: Watch, policy: Policy, now: int) -> tuple[Watch, list[Notification]]:
    """The watch after its baseline, and the message that says what is watched."""
    if watch.reason is None:
        return watch, []
    subject = Watching(
        since=watch.baseline_at,
        reason=watch.reason,
        base_url=watch.base_url,
        open_count=watch.open_count,
        ended_count=watch.baseline_ended,
        statuses=tuple(sorted(policy.notify_on)),
        metadata_filter=policy.filter_text,
    )
    owed = Notification(f"baseline-{watch.baseline_at}#watching", now, subject)
    return replace(watch, reason=None), [owed]
