"""Health: how batchbell itself is doing."""

from collections.abc import Iterator

from batchbell.domain.command import Health, Recent, text_of
from batchbell.domain.message.mrkdwn import date, escaped
from batchbell.domain.message.rendered import Fields, Section
from batchbell.domain.message.wording import counted, duration
from batchbell.domain.outbox import Outbox
from batchbell.domain.place import Place
from batchbell.domain.reply.progress import STALE_S
from batchbell.domain.reply.reply import Actions, Button, Reply, share_button
from batchbell.domain.watch import Watch


def health_reply(watch: Watch | None, outbox: Outbox, place: Place, now: int) -> Reply:
    """The last good poll, what is watched, what is owed, and what is wrong and since when."""
    wrong = [*_wrong_with_poll(watch, place, now), *_wrong_with_delivery(outbox)]
    verdict = ":warning: batchbell needs a look" if wrong else ":white_check_mark: batchbell is well"
    polled_at = watch.polled_at if watch else None
    fields = (
        (
            "Last good poll",
            f"{date(polled_at)}, {duration(now - polled_at)} ago" if polled_at else "none yet",
        ),
        ("Open batches watched", f"{watch.open_count if watch else 0:,}"),
        ("Undelivered", _waiting(outbox, now)),
        ("Parked", f"{outbox.parked:,}"),
    )
    actions = Actions(
        (
            Button("refresh", "Refresh", text_of(Health())),
            Button("list", "All batches", text_of(Recent())),
            share_button(text_of(Health())),
        )
    )
    return Reply(
        text=f"{verdict} · *{escaped(place.team, 60)}*",
        parts=(
            *([Section("\n".join(f"• {each}" for each in wrong))] if wrong else []),
            Fields(fields),
            actions,
        ),
    )


def _waiting(outbox: Outbox, now: int) -> str:
    waiting = outbox.undelivered
    if not waiting:
        return "0"
    oldest_at = min(each.recorded_at for each in waiting)
    return f"{len(waiting):,}, the oldest since {date(oldest_at)} ({duration(now - oldest_at)})"


def _wrong_with_poll(watch: Watch | None, place: Place, now: int) -> Iterator[str]:
    if watch is None:
        yield "No poll has run yet. Are the API key and the bot token stored?"
        return
    if watch.trouble:
        yield f"{place.service} has refused the API key since {date(watch.trouble.since)}"
    reason = f": {escaped(watch.failure, 300)}" if watch.failure else ""
    if watch.polled_at is None:
        yield f"No poll has succeeded yet{reason}"
    elif now - watch.polled_at > STALE_S:
        yield f"No poll has succeeded for {duration(now - watch.polled_at)}{reason}"
    if watch.is_stuck:
        yield "The server repeats itself instead of showing the rest of its list: only what it shows is watched"
    elif watch.has_unread:
        yield "A part of the list of batches is still unread; the next polls go on"


def _wrong_with_delivery(outbox: Outbox) -> Iterator[str]:
    if outbox.lane.blocked:
        probe = f"; tried again {date(outbox.lane.probe_at)}" if outbox.lane.probe_at else ""
        yield f"Slack takes nothing for this channel: {escaped(outbox.lane.blocked, 200)}{probe}"
    for reason, count in outbox.parked_by_reason.most_common(5):
        since = min(
            each.recorded_at
            for message in outbox.messages
            if message.parked == reason
            for each in message.notifications
        )
        yield f"{counted(count, 'notification')} parked since {date(since)}: {escaped(reason, 200)}"
    if outbox.unreadable:
        yield f"{counted(outbox.unreadable, 'notification')} written by a newer version cannot be read by this one"
