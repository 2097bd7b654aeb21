"""The poll state: when a baseline begins, and what is announced about the bot itself."""

from dataclasses import replace

from batchbell.config import Config
from batchbell.errors import AuthenticationError
from batchbell.models import KeyAccepted, KeyRefused, Notification, Watching
from batchbell.records import PollState

ANNOUNCED_AT_POLL = 2  # a refused key is announced at the second poll: one refusal may pass


def begun(base_url: str, before: PollState | None, project: str | None, now: int) -> PollState:
    """Return the state at the beginning of a baseline."""
    if before is None:
        return PollState(base_url, now, project=project)
    reason = "project" if before.base_url == base_url else "base_url"
    kept = {name: getattr(before, name) for name in ("refused_since", "refused_polls", "version")}
    return PollState(base_url, now, reason, project=project, **kept)


def key_refused(state: PollState, error: AuthenticationError, now: int) -> tuple[PollState, list[Notification]]:
    """Return the state after OpenAI refused the key once more, and what is announced."""
    since, polls = state.refused_since or now, state.refused_polls + 1
    notification = Notification(f"openai-key-{since}#refused", now, KeyRefused(since, error.status, error.code))
    state = replace(state, refused_since=since, refused_polls=polls)
    return state, [notification] if polls == ANNOUNCED_AT_POLL else []


def key_accepted(state: PollState, now: int) -> tuple[PollState, list[Notification]]:
    """Return the state after OpenAI accepted the key, and what is announced if a refusal was."""
    since, notifications = state.refused_since, []
    if since is not None and state.refused_polls >= ANNOUNCED_AT_POLL:
        notifications = [Notification(f"openai-key-{since}#accepted", now, KeyAccepted(since, now))]
    return replace(state, refused_since=None, refused_polls=0), notifications


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
