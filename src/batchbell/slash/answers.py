"""The answer to a command, as the JSON of a Slack message. It reads, and writes nothing."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from batchbell.config import DAY_S, Config, Server
from batchbell.errors import PermanentError, TransientError
from batchbell.models import DELETED, Batch, Outcome, Status, is_problem, outcome_of
from batchbell.notify import details, mrkdwn
from batchbell.notify.messages import batch_section, emoji_of, page_button, service_name
from batchbell.notify.mrkdwn import QUIET, Block, ago, code, context, counted, cut, date, duration, escaped, section
from batchbell.records import Outbox, PollState, Record, RecordPage
from batchbell.slash.parse import ALL, MAX_ROWS, STATUSES, BotStatus, Command, Details, Help, Query, Recent, text_of

if TYPE_CHECKING:
    from batchbell.aws.store import Store

Reply = dict[str, Any]
Retrieve = Callable[[str, float], Batch | None]  # (batch id, deadline_at)
Clock = Callable[[], float]
SHARE = "share"  # the button whose answer goes to the whole channel
_GROUPS = _ATTENTION, _RUNNING, _DONE, _LEFT = "Needs attention", "Running", "Done", "No longer watched"
_STALE_S = 600


def answer(command: Command, store: "Store", config: Config, retrieve: Retrieve, clock: Clock) -> Reply:
    """Return the answer; `retrieve` asks the server. Raises: TransientError, PermanentError of the table."""
    match command.query:
        case Recent() as query:
            message = _recent(query, store, config, int(clock()), is_shared=command.is_shared)
        case Details(batch_id):
            message = _details(batch_id, store, config, retrieve, clock)
        case BotStatus():
            message = _bot_status(store.load_state(), store.outbox(config.channel), config, int(clock()))
        case Help() as query:
            message = _help(query, config.slash_command)
    return message | {"response_type": "in_channel"} if command.is_shared else message


def _message(*blocks: Block) -> Reply:
    """Return these blocks; `text`, for screen readers, is what they say, without markup."""
    texts = [each for block in blocks for each in (block.get("text"), *block.get("elements", ())) if each]
    said = "\n".join(each["text"] for each in texts if each["type"] == "mrkdwn")
    plain = re.sub(r"<[^|>]*\|([^>]*)>|[*`]|[▰▱]+ ", r"\1", said)
    text = re.sub(r"(?<![.:?])\n", ". ", plain).replace("\n", " ")
    return {"response_type": "ephemeral", "text": cut(text, 3_000), "blocks": list(blocks), **QUIET}


def _buttons(*asked: tuple[str, str, Query], first: Sequence[Block] = ()) -> list[Block]:
    """Return a row of what was given `first` and of buttons, each of which asks something."""
    values = [(action, label, text_of(query)) for action, label, query in asked]
    # Slack accepts no longer value; no batch of OpenAI's has such an id.
    elements = [*first, *(mrkdwn.button(*each) for each in values if len(each[2]) <= 2_000)]
    return [mrkdwn.actions(*elements)] if elements else []


UNREADABLE = _message(section("⚠️ *Couldn’t load that just now*\nNo announcement is lost."))
BROKEN = _message(section("⚠️ *Something went wrong on our side*\nThe log has it."))
_ALL_BATCHES = ("list", "All batches", Recent())
_PROBLEMS_ONLY = ("list_problems", "Problems only", Recent(status="problems"))
_RUNNING_ONLY = ("list_open", "Running", Recent(status="open"))
_IS_OK = ("status", "Is batchbell OK?", BotStatus())


def with_retry(failure: Reply, query: Query) -> Reply:
    """Return the message with a button that asks again."""
    return failure | {"blocks": [*failure["blocks"], *_buttons(("refresh", "Try again", query))]}


def _recent(query: Recent, store: "Store", config: Config, now: int, *, is_shared: bool) -> Reply:
    """Return a line for each batch, those that need attention first, and a menu of their details."""
    state = store.load_state()
    scope = state.scope if state else "-"  # DynamoDB accepts no empty key
    list_records = partial(store.list_records, query.status, query.count, scope=scope, now=now)
    page = list_records(older_than=query.older_than, newer_than=query.newer_than)
    if query.newer_than and not page.has_newer:  # the newest page: show a full one, not just a few rows
        query, page = replace(query, newer_than=None), list_records()
    checked = _checked(state, now)
    if not (records := page.records):
        return _nothing(query, state, config, checked)
    groups: dict[str, list[str]] = {title: [] for title in _GROUPS}
    limit, options = 8_500 // max(len(records), 10), []
    for record in sorted(records, key=lambda record: _GROUPS.index(_group_of(record, state))):
        line, option = _row_of(record.batch, config, now, limit)
        groups[_group_of(record, state)].append(line)
        options += [option] if len(option[1]) <= min(150, limit // 2) else []  # Slack accepts no longer value
    needs, running = len(groups[_ATTENTION]), len(groups[_RUNNING])
    parts = (needs, f"need{'s' if needs == 1 else ''} attention"), (running, "running")
    shown = ", ".join(f"{number} {what}" for number, what in parts if 0 < number < len(records))
    which = "older" if query.older_than else "newer" if query.newer_than else "newest"
    lists = ["\n".join([f"*{title}*", *lines]) for title, lines in groups.items() if lines]
    title = f"*{len(records):,} {which} {_kind(query.status, len(records))}*"
    return _message(
        section(" · ".join(filter(None, (title, shown)))),
        # In as few sections as Slack's limit allows.
        *(section(part.rstrip()) for each in lists for part in re.findall(r"(?s).{1,2990}(?:\n|\Z)", each)),
        context(checked + ("" if is_shared else " · only you can see this")),
        *_buttons(
            *_asked_of(query, page),
            *([_IS_OK] if "⚠️" in checked else []),
            first=[mrkdwn.menu("details", "Details of…", options)] if options else [],
        ),
    )


def _asked_of(query: Recent, page: RecordPage) -> Iterator[tuple[str, str, Query]]:
    """Yield the buttons below a list."""
    top = replace(query, older_than=None, newer_than=None)
    yield _PROBLEMS_ONLY if query.status == ALL else _ALL_BATCHES
    if page.has_newer:
        yield "newer", "Newer", replace(top, newer_than=page.records[0].position)
    if page.has_older:
        yield "older", "Older", replace(top, older_than=page.records[-1].position)
    yield "refresh", "Refresh", query
    yield SHARE, "Share", query


def _group_of(record: Record, state: PollState | None) -> str:
    if is_problem(record.batch):
        return _ATTENTION
    if record.batch.status == DELETED or _is_left(record, state):
        return _LEFT
    return _RUNNING if record.batch.is_open else _DONE


def _is_left(record: Record, state: PollState | None) -> bool:
    """Whether it was left open when another baseline began: its end will not be seen."""
    return bool(state and record.batch.is_open and record.scope not in (None, state.scope))


def _row_of(batch: Batch, config: Config, now: int, limit: int) -> tuple[str, tuple[str, str]]:
    """Return a batch's line and option; together they have some `limit` characters."""
    server, emoji, value = _server_of(batch, config), emoji_of(batch), details.question(batch.id)
    said = " · ".join(filter(None, (cut(_outcome(batch), limit // 3), _when(batch, now))))
    room = limit - len(said) - len(value) - 16 - len(server.batch_page(batch.id) or "")
    if room < 60:  # in a long list the names are worth more than the links
        server, room = Server(""), limit - len(said) - len(value) - 16
    option = f"{emoji} {details.batch_name(batch, min(room // 2, 70))}", value
    return f"{emoji} {details.batch_link(batch, server, min(room // 2, 70))} {said}", option


def _server_of(batch: Batch, config: Config) -> Server:
    return Server("") if batch.status == DELETED else config.server  # a deleted batch has no page


def _outcome(batch: Batch) -> str:
    """Return `expired: 4 of 9 succeeded`, or the progress of an open batch, as far as it is known."""
    said, counts, outcome = details.label(batch), details.counts_text(batch), outcome_of(batch)
    if batch.is_open:
        status = "" if counts and batch.status == Status.IN_PROGRESS else said
        return " · ".join(filter(None, (status, _bar(batch), counts)))
    if outcome is Outcome.UNKNOWN:  # a list may lack the counts, which a retrieval shows
        said = said if batch.is_retrieved else "completed"
        counts = "there is an error file" if batch.error_file_id else ""
    if counts and "succeeded" not in counts and outcome in (Outcome.SUCCEEDED, Outcome.PARTLY_FAILED, Outcome.FAILED):
        return counts  # which says it
    return f"{said}: {counts}" if counts else said


def _bar(batch: Batch) -> str:
    """Return `▰▰▰▱▱▱▱▱▱▱ 39 %`, if its requests are counted."""
    counts = batch.request_counts
    if counts is None or counts.total <= 0:
        return ""
    percent = 100 * min(max(counts.completed + counts.failed, 0), counts.total) // counts.total
    return f"{'▰' * (percent // 10)}{'▱' * (10 - percent // 10)} {percent} %"


def _when(batch: Batch, now: int) -> str:
    """Return how long ago it ended, or what is left of its window; else how long ago it was created."""
    if batch.is_open and batch.expires_at is not None:
        return f"{duration(batch.expires_at - now)} left" if batch.expires_at > now else "past its window"
    if batch.ended_at is not None:
        return ago(batch.ended_at, now)
    return f"created {ago(batch.created_at, now)}" if batch.created_at is not None else ""


def _kind(status: str, number: int) -> str:
    """Return `failed batches`, `problem`."""
    if status == "problems":
        return "problem" if number == 1 else "problems"
    word = {ALL: "", "open": "running", DELETED: "deleted"}.get(status, escaped(status.replace("_", " "), 60))
    return f"{word} {'batch' if number == 1 else 'batches'}".strip()


def _checked(state: PollState | None, now: int) -> str:
    """Return when the list was last read, and whether it was read to its end."""
    if state is None or state.polled_at is None:
        return "⚠️ No check has succeeded yet"
    age = f", {duration(now - state.polled_at)} ago" if now - state.polled_at > _STALE_S else ""
    unread = "; a part of the list is still unread" if state.has_unread else ""
    return f"{'⚠️ ' if age or unread else ''}Checked {date(state.polled_at)}{age}{unread}"


def _nothing(query: Recent, state: PollState | None, config: Config, checked: str) -> Reply:
    """Return what an empty list means, and where to look."""
    if query.status not in STATUSES:
        return _help(Help(query.status), config.slash_command)
    opened = state.open_count if state and query.status != "open" else 0
    is_good = query.status in ("problems", Status.FAILED, Status.EXPIRED) and state and state.polled_at
    days = counted(config.retention_s // DAY_S, "day")
    when = "" if query.status == "open" or query.older_than else f" in the last {days}"
    title = f"*No {'older ' if query.older_than else ''}{_kind(query.status, 2)}{when}*"
    running = f"{counted(opened, 'batch')} {'are' if opened > 1 else 'is'} running." if opened else ""
    return _message(
        section(f"{'✅ ' if is_good else ''}{title}\n{running}".strip()),
        context(checked),
        *_buttons(*([_RUNNING_ONLY] if opened else []), _ALL_BATCHES, *([] if is_good else [_IS_OK])),
    )


def _details(batch_id: str, store: "Store", config: Config, retrieve: Retrieve, clock: Clock) -> Reply:
    """Return what is recorded of the batch, or else what the server says."""
    state, service, now = store.load_state(), service_name(config.server), int(clock())
    for spelling in dict.fromkeys((batch_id, batch_id.lower())):
        if record := store.find(spelling):
            notes = ["no longer watched"] if _is_left(record, state) else []
            return _details_message(record.batch, config, [_checked(state, now), *notes])
    title, why, asked = "No such batch", "doesn’t know it with this team’s key. It may belong to another project", []
    try:
        if batch := retrieve(batch_id, clock() + 1.2):  # Slack waits 3 seconds for everything
            return _details_message(batch, config, [f"Not recorded; {service} was asked just now"])
    except (TransientError, PermanentError):
        title, why, asked = "Unknown batch", "couldn’t be asked just now", [("refresh", "Try again", Details(batch_id))]
    where = f"Not in the last {counted(config.retention_s // DAY_S, 'day')} of {escaped(config.team, 60)}"
    text = f"❔ *{title}:* {code(batch_id, 120)}\n{where}, and {service} {why}."
    return _message(section(text), *_buttons(*asked, _ALL_BATCHES))


def _details_message(batch: Batch, config: Config, notes: list[str]) -> Reply:
    """Return what became of the batch and why, then everything that is known of it; `notes` say how."""
    server, query = _server_of(batch, config), Details(batch.id)
    progress = [_bar(batch), f"its window ends {date(batch.expires_at)}" if batch.expires_at is not None else ""]
    progress = [each for each in progress if each and batch.is_open]
    why = [f"• {each}" for each in details.request_reasons(batch, 10)]
    if why and batch.error_summary and not batch.error_summary.is_whole:
        why += [f"This is from the first {counted(batch.error_summary.lines, 'line')} of the error file."]
    asked = [("refresh", "Refresh", query)] if batch.is_open else []
    return _message(
        batch_section(batch, server, why),
        *(section(each) for each in _error_texts(batch)),
        *([section(details.capitalised(" · ".join(progress)))] if progress else []),
        *_facts(batch, config.team),
        context(" · ".join(notes)),
        *_buttons((SHARE, "Share to channel", query), _ALL_BATCHES, *asked, first=page_button(batch, server)),
    )


def _error_texts(batch: Batch) -> Iterator[str]:
    """Yield for each kind of the batch's own errors what it is, where, and what to do."""
    groups, step = details.error_groups(batch), details.next_step(batch)
    for name, errors in groups[:8]:
        numbers = details.line_numbers(errors, 10)
        advice = details.texts()["advice"].get(name, "")
        message = "" if not name or (advice and numbers) else details.shown_message(errors[0])
        title = f"*{details.error_text(errors).replace('`', '')}*" + (f" · {code(name, 80)}" if name else "")
        where = f"Line{'s' if ',' in numbers else ''} {numbers}" if numbers else ""
        advice = "" if advice == step else details.capitalised(advice)
        yield "\n".join(filter(None, (title, where, message, advice)))
    if others := batch.errors_left_out + sum(len(errors) for _, errors in groups[8:]):
        yield f"{counted(others, 'more error')}"


def _facts(batch: Batch, team: str) -> list[Block]:
    """Return the blocks with its ids, times, tokens and metadata, as far as they are known."""
    output = "Results" if batch.status == Status.COMPLETED else "Partial results"
    files = ((output, batch.output_file_id), ("Errors", batch.error_file_id), ("Input", batch.input_file_id))
    ids = [f"*Batch*\n{code(batch.id)}", *(f"*{label}* {code(each)}" for label, each in files if each)]
    begun, ended, window_to = batch.created_at, batch.ended_at, batch.expires_at
    took, window = details.seconds_taken(batch), window_to - begun if window_to and begun else 0
    ran = " – ".join(date(at) for at in (begun, ended) if at is not None)
    ran += f" ({duration(took)}{f' of {duration(window)}' if window > 0 else ''})" if took is not None else ""
    name = details.given_name(batch)
    pairs = [f"{escaped(k, 60)}: {escaped(v, 120)}" for k, v in batch.metadata if (k, v) not in (name, ("team", team))]
    pairs[8:] = [f"{len(pairs) - 8} more"] if len(pairs) > 8 else []
    labelled = [("Created" if ended is None else "Ended" if begun is None else "Ran", ran)]
    labelled += [("Tokens", details.tokens(batch.usage) if batch.usage else ""), ("Model", code(batch.model))]
    labelled += [("Endpoint", code(batch.endpoint)), ("Metadata", "\n".join(pairs))]
    known = [each for each in labelled if each[1]]
    return [section("\n".join(ids)), *([mrkdwn.fields(known)] if known else [])]


def _bot_status(state: PollState | None, outbox: Outbox, config: Config, now: int) -> Reply:
    values = {"team": escaped(config.team, 60), "service": service_name(config.server)}
    problems = []
    for number, (name, more) in enumerate(_problems_of(state, outbox, now), 1):
        title, step = (text.format(**values) for text in details.texts()["slash"]["problem"][name])
        problems.append(section(f"*{number}. {title}*{more}\n{step}"))
    summary = _summary_of(state, outbox, now, "Last successful check" if problems else f"Checked {values['service']}")
    blocks = [section(f"✅ *batchbell is working*\n{summary}")]
    if problems:
        doctor = f"full check: {code(f'./batchbell doctor --team {config.team}', 120)}"
        blocks = [section("⚠️ *batchbell needs help*"), *problems, context(f"{summary} · {doctor}")]
    again = ("refresh", "Check again" if problems else "Refresh", BotStatus())
    return _message(*blocks, *_buttons(again, _ALL_BATCHES, (SHARE, "Share", BotStatus())))


def _summary_of(state: PollState | None, outbox: Outbox, now: int, checked: str) -> str:
    """Return when OpenAI was `checked`, how many batches are running, and how many messages are waiting."""
    polled_at, waiting = state.polled_at if state else None, "every message delivered"
    if found := outbox.notifications:
        oldest = f"{', the oldest' if len(found) > 1 else ''} for {duration(now - found[0].recorded_at)}"
        waiting = f"{_waiting(len(found))}{oldest}"
    checked = f"{checked} {duration(now - polled_at)} ago" if polled_at else "No check has succeeded yet"
    return f"{checked} · {counted(state.open_count if state else 0, 'batch')} running · {waiting}"


def _problems_of(state: PollState | None, outbox: Outbox, now: int) -> Iterator[tuple[str, str]]:
    """Yield the name of each problem, as in texts.toml, and more about it."""
    if state is None:
        yield "never_polled", ""
    else:
        reason = f": {escaped(state.failure, 300)}" if state.failure else ""
        if state.refused_since:
            is_place = any(f"({each})" in reason for each in details.texts()["refused_place"])
            yield "place_refused" if is_place else "key_refused", f", since {date(state.refused_since)}{reason}"
        elif state.polled_at is None or now - state.polled_at > _STALE_S:
            yield "late", f" for {duration(now - state.polled_at)}{reason}" if state.polled_at else f" yet{reason}"
        if state.has_unread or state.hides_new:
            yield "hides_new" if state.hides_new else "is_stuck" if state.is_stuck else "has_unread", ""
    if blocked := outbox.blocked_reason:
        names = [each for each in details.texts()["slash"]["problem"] if blocked.endswith(f": {each}")]
        again = f", tried again {date(outbox.not_before)}" if outbox.not_before else ""
        yield (names or ["blocked"])[0], f"; {_waiting(len(outbox.notifications))}{again} ({code(blocked, 200)})"
    reasons = [each.reason or "" for each in outbox.parked]
    for why, number in Counter(reasons).most_common(5):
        if why != blocked:
            since = date(outbox.parked[reasons.index(why)].recorded_at)
            yield "held", f": {_waiting(number)} since {since}, {escaped(why, 200)}"
    if outbox.unreadable:
        yield "unreadable", f": {_waiting(outbox.unreadable)}"


def _waiting(number: int) -> str:
    return f"{counted(number, 'message')} {'are' if number > 1 else 'is'} waiting"


def _help(query: Help, command: str) -> Reply:
    """Return the forms of the command; or if the text had none of them, what to ask in its place."""
    texts = details.texts()["slash"]
    text = texts["forms"].format(command=command, max_rows=MAX_ROWS)
    if query.invalid is not None:
        text = f"I don’t know “{escaped(query.invalid, 100)}”. Try one of these:"
    buttons = _buttons(_ALL_BATCHES, _PROBLEMS_ONLY, _RUNNING_ONLY, _IS_OK)
    return _message(section(text), *buttons, context(texts["hint"].format(command=command)))
