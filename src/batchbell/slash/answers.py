"""The answer to a command, as the JSON of a Slack message. It reads, and writes nothing."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from batchbell.config import Config
from batchbell.errors import PermanentError, TransientError
from batchbell.models import DELETED, Batch, Deleted, Outcome, Status, outcome_of
from batchbell.notify import details, mrkdwn
from batchbell.notify.messages import Style, service_name, style_of
from batchbell.notify.mrkdwn import QUIET, Block, button, code, counted, date, duration, escaped, series
from batchbell.records import Outbox, PollState, Record, RecordPage
from batchbell.slash.parse import ALL, MAX_ROWS, STATUSES, BotStatus, Command, Details, Help, Recent, text_of

if TYPE_CHECKING:
    from batchbell.aws.store import Store

Reply = dict[str, Any]
Retrieve = Callable[[str, float], Batch | None]  # (batch id, deadline_at)
Clock = Callable[[], float]
SHARE = "share"  # the button whose answer goes to the whole channel
_STALE_S = 600


def answer(command: Command, store: "Store", config: Config, retrieve: Retrieve, clock: Clock) -> Reply:
    """Return the answer; `retrieve` asks the server. Raises: TransientError, PermanentError of the table."""
    match command.query:
        case Recent() as query:
            message = _recent(query, store, config, int(clock()))
        case Details(batch_id):
            message = _details(batch_id, store, config, retrieve, clock)
        case BotStatus():
            message = _bot_status(store.load_state(), store.outbox(config.channel), config, int(clock()))
        case Help() as query:
            message = _help(query, config.slash_command)
    return message | {"response_type": "in_channel"} if command.is_shared else message


def _message(text: str, *blocks: Block) -> Reply:
    return {"response_type": "ephemeral", "text": text, "blocks": [mrkdwn.section(text), *blocks], **QUIET}


UNREADABLE = _message(":warning: The table could not be read just now. Please ask again in a moment.")
BROKEN = _message(":warning: Something in batchbell broke over this question; its log says where.")
_ALL_BATCHES = button("list", "All batches", text_of(Recent()))


def _recent(query: Recent, store: "Store", config: Config, now: int) -> Reply:
    state = store.load_state()
    scope = state.scope if state else "-"  # DynamoDB accepts no empty key
    list_records = partial(store.list_records, query.status, query.count, scope=scope, now=now)
    page = list_records(older_than=query.older_than, newer_than=query.newer_than)
    if query.newer_than and not page.has_newer:  # the newest page: show a full one, not just a few rows
        query, page = replace(query, newer_than=None), list_records()
    limit = 9_000 // max(len(page.records), 10)
    return _message(
        f"*{escaped(config.team, 60)}* · {_heading(query, len(page.records))}",
        *(_row(record, state, now, limit) for record in page.records),
        *([] if page.records else [mrkdwn.context(_next_step(query, config))]),
        mrkdwn.context(_as_of(state, now)),
        mrkdwn.actions(*_list_buttons(query, page)),
    )


def _heading(query: Recent, shown: int) -> str:
    kind = "" if query.status == ALL else f"{query.status.replace('_', ' ')} "
    if not shown:
        return f"no {kind}batch is recorded{' beyond these' if query.older_than else ''}"
    which = "older" if query.older_than else "newer" if query.newer_than else "most recent"
    return f"the {which} {kind}{'batches' if shown > 1 else 'batch'}"


def _next_step(query: Recent, config: Config) -> str:
    """Return what to ask where a list is empty."""
    command = config.slash_command
    known = f"The documented statuses are {series([*Status])}. " if query.status not in STATUSES else ""
    return f"{known}`{command} all` lists every batch that is recorded, `{command} status` says whether polls succeed."


def _row(record: Record, state: PollState | None, now: int, limit: int) -> Block:
    """Return two lines about a batch: its name, and its status; with a button beside them."""
    batch, style, took = record.batch, _style(record.batch), details.seconds_taken(record.batch)
    # A list that lacks the counts does not make the outcome unclear: its retrieval may show them.
    is_unread = outcome_of(batch) is Outcome.UNKNOWN and not batch.is_retrieved
    status = style.label if not batch.is_open and not is_unread else escaped(batch.status.replace("_", " "), 60)
    lines = (
        status + (", no longer watched" if _is_left(record, state) else ""),
        _requests(batch),
        f"{duration(now - batch.created_at)} ago" if batch.created_at is not None else "",
        f"took {duration(took)}" if took is not None else "",
        code(batch.id, 60) if details.given_name(batch) and limit > 200 else "",
    )
    below = " · ".join(filter(None, lines))
    name = escaped((details.given_name(batch) or ("", batch.id))[1], max(min(limit - len(below), 120), 20))
    text, value = f"{style.emoji} *{name}*\n{below}", text_of(Details(batch.id))
    if len(value) > 2_000:
        return mrkdwn.context(text)  # Slack accepts no longer value; no batch of OpenAI's has such an id
    return mrkdwn.section(text, button("details", "Details", value))


def _style(batch: Batch) -> Style:
    return style_of(Deleted(batch, 0) if batch.status == DELETED else batch)


def _requests(batch: Batch) -> str:
    """Return `3 of 5 requests failed`, or of an open batch `▰▰▰▱▱▱▱▱▱▱ 300 of 1,000`, if it is counted."""
    counts = batch.request_counts
    if counts is None or counts.total <= 0:
        return ""
    if not batch.is_open:
        all_requests = counted(counts.total, "request")
        return f"{counts.failed:,} of {all_requests} failed" if counts.failed > 0 else all_requests
    done = min(max(counts.completed + counts.failed, 0), counts.total)
    filled = 10 * done // counts.total
    failed = f" ({counts.failed:,} failed)" if counts.failed > 0 else ""
    return f"{'▰' * filled}{'▱' * (10 - filled)} {done:,} of {counts.total:,}{failed}"


def _is_left(record: Record, state: PollState | None) -> bool:
    """Whether it was left open when another baseline began: its end will not be seen."""
    return bool(state and record.batch.is_open and record.scope not in (None, state.scope))


def _as_of(state: PollState | None, now: int) -> str:
    """Return when the list was last read, and whether it was read to its end."""
    if state is None or state.polled_at is None:
        return ":warning: No poll has succeeded yet."
    age = f", {duration(now - state.polled_at)} ago" if now - state.polled_at > _STALE_S else ""
    unread = "; a part of the list is still unread" if state.has_unread else ""
    return f"{':warning: ' if age or unread else ''}As of {date(state.polled_at)}{age}{unread}"


def _list_buttons(query: Recent, page: RecordPage) -> Iterator[Block]:
    top = replace(query, older_than=None, newer_than=None)
    if page.has_newer:
        newest = page.records[0].position if page.records else None
        yield button("newer", "Newer", text_of(replace(top, newer_than=newest)))
    if page.has_older and page.records:
        yield button("older", "Older", text_of(replace(top, older_than=page.records[-1].position)))
    yield button("refresh", "Refresh", text_of(query))
    labels = {str(status): status.replace("_", " ").capitalize() for status in dict.fromkeys((*STATUSES, query.status))}
    values = {label: text_of(replace(top, status=status)) for status, label in labels.items()}
    yield mrkdwn.menu("status", values, labels[query.status])
    yield button("health", "Health", text_of(BotStatus()))
    yield button(SHARE, "Share", text_of(query))


def _details(batch_id: str, store: "Store", config: Config, retrieve: Retrieve, clock: Clock) -> Reply:
    """Return what is recorded of the batch, or else what the server says."""
    state, service = store.load_state(), service_name(config.server)
    for spelling in dict.fromkeys((batch_id, batch_id.lower())):
        if record := store.find(spelling):
            notes = ["It belongs to a list that is no longer watched"] if _is_left(record, state) else []
            return _details_message(record.batch, config, [_as_of(state, int(clock())), *notes])
    try:
        batch = retrieve(batch_id, clock() + 1.2)  # Slack waits 3 seconds for everything
    except (TransientError, PermanentError):
        why = f"{service} could not be asked just now"
    else:
        if batch:
            return _details_message(batch, config, [f"Not in the table; {service} was asked just now"])
        why = f"{service} does not know it either: it may belong to another project"
    text = f":grey_question: *{escaped(config.team, 60)}* · {code(batch_id, 120)} is unknown here, and {why}."
    return _message(text, _details_buttons(batch_id))


def _details_message(batch: Batch, config: Config, notes: list[str]) -> Reply:
    """Return what its notification would say, and its progress; `notes` say how this is known."""
    shown, progress = batch, ""
    if batch.is_open:  # the bar shows its progress, so the title leaves it out
        shown, progress = replace(batch, request_counts=None), _requests(batch)
        notes = [f"Its window ends {date(batch.expires_at)}", *notes] if batch.expires_at is not None else notes
    return _message(
        f"{_style(batch).emoji} *{escaped(config.team, 60)}* · {details.batch_title(shown, config.server)}.",
        *(mrkdwn.section(text) for text in (progress, details.batch_reason(batch)) if text),
        *details.batch_facts(batch, config.team),
        mrkdwn.context(" · ".join(notes)),
        _details_buttons(batch.id),
    )


def _details_buttons(batch_id: str) -> Block:
    value = text_of(Details(batch_id))
    return mrkdwn.actions(_ALL_BATCHES, button("refresh", "Refresh", value), button(SHARE, "Share", value))


def _bot_status(state: PollState | None, outbox: Outbox, config: Config, now: int) -> Reply:
    problems = [*_poll_problems(state, config, now), *_delivery_problems(outbox)]
    summary = ":warning: batchbell needs a look" if problems else ":white_check_mark: batchbell is well"
    last_poll, waiting = "none yet", "0"
    if state and state.polled_at:
        last_poll = f"{date(state.polled_at)}, {duration(now - state.polled_at)} ago"
    if outbox.notifications:
        at = min(each.recorded_at for each in outbox.notifications)
        waiting = f"{len(outbox.notifications):,}, the oldest since {date(at)} ({duration(now - at)})"
    opened, value = f"{state.open_count if state else 0:,}", text_of(BotStatus())
    values = [("Last good poll", last_poll), ("Open batches watched", opened), ("Undelivered", waiting)]
    return _message(
        f"{summary} · *{escaped(config.team, 60)}*",
        *([mrkdwn.section("\n".join(f"• {each}" for each in problems))] if problems else []),
        *([mrkdwn.context(f"What to do: {code(f'batchbell doctor --team {config.team}', 120)}")] if problems else []),
        mrkdwn.fields([*values, ("Parked", f"{len(outbox.parked):,}")]),
        mrkdwn.actions(button("refresh", "Refresh", value), _ALL_BATCHES, button(SHARE, "Share", value)),
    )


def _poll_problems(state: PollState | None, config: Config, now: int) -> Iterator[str]:
    if state is None:
        yield "No poll has run yet. Are the API key and the bot token stored?"
        return
    if state.refused_since:
        yield f"{service_name(config.server)} has refused the API key since {date(state.refused_since)}"
    reason = f": {escaped(state.failure, 300)}" if state.failure else ""
    if state.polled_at is None:
        yield f"No poll has succeeded yet{reason}"
    elif now - state.polled_at > _STALE_S:
        yield f"No poll has succeeded for {duration(now - state.polled_at)}{reason}"
    if state.hides_new:
        yield "The server lists only its oldest batches: new ones cannot be seen"
    elif state.is_stuck:
        yield "The server repeats itself instead of showing the rest of its list: only what it shows is watched"
    elif state.has_unread:
        yield "A part of the list of batches is still unread; the next polls go on"


def _delivery_problems(outbox: Outbox) -> Iterator[str]:
    if outbox.blocked_reason:
        again = f"; tried again {date(outbox.not_before)}" if outbox.not_before else ""
        yield f"Slack takes nothing for this channel: {escaped(outbox.blocked_reason, 200)}{again}"
    for reason, count in Counter(each.reason or "" for each in outbox.parked).most_common(5):
        since = min(each.recorded_at for each in outbox.parked if (each.reason or "") == reason)
        yield f"{counted(count, 'notification')} parked since {date(since)}: {escaped(reason, 200)}"
    if outbox.unreadable:
        yield f"{counted(outbox.unreadable, 'notification')} written by a newer version cannot be read by this one"


def _help(query: Help, slash_command: str) -> Reply:
    """Return the forms of the command, after one friendly line if the text had none of them."""
    text = "Ask me about your OpenAI batches:"
    if query.invalid is not None:
        text = f"I do not understand “{escaped(query.invalid, 100)}”. This is what you can ask:"
    forms = details.texts()["slash"]["forms"].format(command=slash_command, max_rows=MAX_ROWS)
    share = "Only you see the answer; with `--share` the whole channel does."
    return _message(text, mrkdwn.section(forms), mrkdwn.context(share), mrkdwn.actions(_ALL_BATCHES))
