"""Bot: what the table says of polling and delivering."""

from batchbell.domain.diagnosis.finding import Finding, good, wrong
from batchbell.domain.diagnosis.slack import HISTORY, advice_for, refusal_in
from batchbell.domain.message.wording import counted, duration
from batchbell.domain.outbox import Outbox
from batchbell.domain.watch import Watch

LAST_GOOD, UNDELIVERED = "poll.last_good", "delivery.undelivered"
PARKED, LANE = "delivery.parked", "delivery.lane"

LATE_RUNS, GRACE_S = 3, 120
"""A poll is missed after so many rates of the schedule, and the longest that a run may take."""

LATE_S = 900
"""From then on news is late: the alarm rings at the same age."""


def last_good_finding(watch: Watch | None, base_url: str, rate_s: int, now: float) -> Finding:
    """Whether the list was read lately, as the schedule promises, and whether to its end."""
    if watch is None:
        advice = "Wait for the first run, or look at what the last run said."
        return wrong(LAST_GOOD, "poll.none_yet", "No poll has run yet", advice)
    if watch.trouble:
        since = duration(now - watch.trouble.since)
        advice = "Store a key that is accepted with `batchbell secrets`; the next poll takes it up."
        return wrong(LAST_GOOD, "poll.key_refused", f"The key has been refused for {since}", advice)
    if watch.base_url != base_url.rstrip("/"):
        says = f"What is watched is still {watch.base_url}"
        return wrong(LAST_GOOD, "poll.another_server", says, "Wait for the next poll.")
    if watch.polled_at is None:
        advice = "Wait for the next poll, or look at what the last run said."
        return wrong(LAST_GOOD, "poll.none_yet", "No poll has succeeded yet", advice)
    says = f"The last good poll was {duration(now - watch.polled_at)} ago"
    if now - watch.polled_at > LATE_RUNS * rate_s + GRACE_S:
        return wrong(
            LAST_GOOD, "poll.late", says, "Look at the schedule, the key and what the last run said."
        )
    return _extent_finding(watch, says)


def undelivered_finding(outbox: Outbox, now: float) -> Finding:
    waiting = outbox.undelivered
    if outbox.unreadable:
        says = f"{counted(outbox.unreadable, 'item')} of a newer version cannot be read by this one"
        return wrong(UNDELIVERED, "delivery.unreadable", says, "Deploy the newer version again.")
    if not waiting:
        return good(UNDELIVERED, "Nothing is undelivered")
    oldest_s = now - min(each.recorded_at for each in waiting)
    says = f"{counted(len(waiting), 'notification')} undelivered, the oldest for {duration(oldest_s)}"
    if oldest_s > LATE_S:
        advice = "Mend what else is wrong here; then all is delivered, or ask for it: `batchbell redeliver`."
        return wrong(UNDELIVERED, "delivery.late", says, advice)
    return good(UNDELIVERED, says)


def parked_finding(outbox: Outbox, channel_id: str, bot: str) -> Finding:
    reasons = outbox.parked_by_reason
    if not reasons:
        return good(PARKED, "Nothing is parked")
    says = "; ".join(
        f"{counted(count, 'notification')} parked: {reason}" for reason, count in reasons.items()
    )
    return wrong(PARKED, "delivery.parked", says, _mend(next(iter(reasons)), channel_id, bot))


def lane_finding(outbox: Outbox, channel_id: str, bot: str, now: float) -> Finding:
    lane = outbox.lane
    if lane.blocked is None:
        return good(LANE, "Slack takes messages for the channel")
    probe = f"; tried again in {duration(lane.probe_at - now)}" if lane.probe_at > now else ""
    says = f"Slack last refused: {lane.blocked}{probe}"
    return wrong(LANE, "delivery.blocked", says, _mend(lane.blocked, channel_id, bot))


def _extent_finding(watch: Watch, says: str) -> Finding:
    """Whether the last good poll, of which `says` tells, left nothing of the list unread."""
    if watch.is_stuck:
        says += "; the server repeats itself instead of showing the rest of its list"
        advice = "Only what it shows is watched: ask who runs it why `after` leads no further."
        return wrong(LAST_GOOD, "poll.stuck", says, advice)
    if watch.has_unread:
        says += "; a part of the list is still unread"
        return wrong(LAST_GOOD, "poll.unread", says, "Wait for the next polls: a long list takes several.")
    are = "is" if watch.open_count < 2 else "are"
    return good(LAST_GOOD, f"{says}; {counted(watch.open_count, 'batch')} {are} open")


def _mend(reason: str, channel_id: str, bot: str) -> str:
    then = "Then `batchbell redeliver`; left alone, it is tried again later."
    if "history cannot be read" in reason:
        return f"Let the bot read the channel's history (`{HISTORY}` here). {then}"
    refusal = refusal_in(reason)
    if refusal is None:
        return f"Mend that. {then}"
    if refusal.error.startswith(("invalid_", "msg_", "metadata_", "no_text")):
        return f"Slack finds the message itself faulty: deploy a newer version of batchbell. {then}"
    return f"{advice_for(refusal, channel_id, bot)} {then}"
