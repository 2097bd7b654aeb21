"""The poll state: when a baseline begins, and what is announced about the bot itself."""

from dataclasses import replace

from batchbell.config import Config
from batchbell.models import BaselineReason, KeyAccepted, KeyRefused, Notification, Watching
from batchbell.records import AuthIncident, PollState

ANNOUNCED_AT_POLL = 2  # a refused key is announced at the second poll: one refusal may pass


def begun(base_url: str, before: PollState | None, project: str | None, now: int) -> PollState:
    """Return the state at the beginning of a baseline."""
    if before is None:
        return PollState(base_url, now, project=project)
    reason = BaselineReason.PROJECT if before.base_url == base_url else BaselineReason.BASE_URL
    return PollState(base_url, now, reason, project=project, incident=before.incident, version=before.version)


def key_refused(state: PollState, status: int, now: int) -> tuple[PollState, list[Notification]]:
    """Return the state after OpenAI refused the key once more, and what is announced."""
    incident = state.incident or AuthIncident(since=now, polls=0)
    incident = replace(incident, polls=incident.polls + 1)
    notifications = []
    if incident.polls == ANNOUNCED_AT_POLL:
        subject = KeyRefused(since=incident.since, status=status)
        notifications.append(Notification(f"openai-key-{incident.since}#refused", now, subject))
    return replace(state, incident=incident), notifications


def key_accepted(state: PollState, now: int) -> tuple[PollState, list[Notification]]:
    """Return the state after OpenAI accepted the key, and what is announced if a refusal was."""
    incident, notifications = state.incident, []
    if incident is not None and incident.polls >= ANNOUNCED_AT_POLL:
        subject = KeyAccepted(refused_since=incident.since, since=now)
        notifications.append(Notification(f"openai-key-{incident.since}#accepted", now, subject))
    return replace(state, incident=None), notifications


def baseline_announced(state: PollState, config: Config, now: int) -> tuple[PollState, list[Notification]]:
    """Return the state after its baseline, and the message that says what is watched."""
    if state.baseline_reason is None:
        return state, []
    subject = Watching(
        since=state.baseline_at,
        reason=state.baseline_reason,
        base_url=state.base_url,
        open_count=state.open_count,
        ended_count=state.baseline_ended,
        statuses=tuple(sorted(config.notify_on)),
        metadata_filter=config.filter_text,
    )
    notification = Notification(f"baseline-{state.baseline_at}#watching", now, subject)
    return replace(state, baseline_reason=None), [notification]
