"""What is posted for one notification, or for several as a digest."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from batchbell import models
from batchbell.config import Config, Server
from batchbell.models import Batch, Message, Notification, Outcome, Subject, is_problem, outcome_of
from batchbell.notify import details, mrkdwn
from batchbell.notify.mrkdwn import QUIET, Block, button, code, context, cut, date, duration, escaped, section, series

Notifications = Sequence[Notification]


@dataclass(slots=True)
class _Content:
    """What a message says. `notes` become one small line below `sections`, `buttons` a row below that."""

    text: str
    sections: list[Block]
    notes: list[str] = field(default_factory=list)
    buttons: list[Block] = field(default_factory=list)


def message_for(
    notifications: Notifications, config: Config, now: int, *, possible_duplicate: bool = False, text_only: bool = False
) -> Message:
    """Return all of one notification, or a digest of several; with `text_only`, for when Slack refuses the blocks,
    the text alone. All untrusted text is escaped, and the message fits Slack's limits.
    """
    is_digest = len(notifications) > 1
    content = _digest_of(notifications, config) if is_digest else _content_of(notifications[0].subject, config)
    if late := _late(notifications, now):
        at, verb = late[0]
        of = "" if not is_digest else f"{len(late):,} of them, the first " if len(late) > 1 else "one of them "
        content.text += f" Posted late: {of or 'it '}{verb} {duration(now - at)} ago."
        content.notes.append(f"posted late: {of}{verb} {date(at)}")
    if possible_duplicate:
        content.text += " This may be a repeat."
        content.notes.append("this may be a repeat")
    return _message(content, [each.id for each in notifications], config.team, text_only=text_only)


def test_message(config: Config, now: int) -> Message:
    """Return a message that only shows that messages arrive; its id is that of no batch."""
    title, note = f"This is a test message for {escaped(config.team, 60)}", "Sent with `batchbell test-message`"
    content = _plain_content("🔧", title, "batchbell can post here. No batch has ended.", note=note)
    return _message(content, [f"trial-{now}#test"], config.team)


def _message(content: _Content, ids: Iterable[str], team: str, *, text_only: bool = False) -> Message:
    notes = [each for each in content.notes if each]
    blocks = [*content.sections, *([context(" · ".join(notes))] if notes else [])]
    blocks += [mrkdwn.actions(*content.buttons)] if content.buttons else []
    return Message(tuple(ids), team, content.text, QUIET if text_only else {"blocks": blocks, **QUIET})


def emoji_of(batch: Batch) -> str:
    """Return the emoji of a batch's outcome, or of an open or deleted one."""
    return str(details.texts()["emoji"][outcome_of(batch) or ("open" if batch.is_open else "deleted")])


def service_name(server: Server) -> str:
    """Return what a sentence calls the server."""
    address = server.base_url.removeprefix("https://").removeprefix("http://").rstrip("/")
    if server.is_openai:
        return "OpenAI"
    if server.is_azure:
        return f"Azure OpenAI ({code(address.partition('/')[0], 60)})"
    return code(address, 40) or "the server"


def batch_section(batch: Batch, server: Server, why: Sequence[str] | None = None) -> Block:
    """Return the outcome, what became of the requests and why, and what to do next; `why` may be said otherwise."""
    lines = [f"{emoji_of(batch)} *{details.heading(batch)}:* {details.batch_link(batch, server)}"]
    lines += [details.happened(batch), *(details.reasons(batch) if why is None else why)]
    step = details.next_step(batch)
    return section("\n".join(filter(None, [*lines, f"*Next:* {step}" if step else ""])))


def page_button(batch: Batch, server: Server) -> list[Block]:
    """Return the button that opens the page of a batch, if it has one."""
    page = server.batch_page(batch.id)
    return [mrkdwn.link("Open in OpenAI", page, details.batch_name(batch))] if page else []


def _batch_buttons(batch: Batch, server: Server, label: str = "Details") -> list[Block]:
    value = details.question(batch.id)
    own = [button("details", label, value, details.batch_name(batch))] if len(value) <= 2_000 else []
    return [*own, *page_button(batch, server)]


def _with_menu(text: str, batch: Batch, server: Server) -> Block:
    """Return a section with the batch's buttons behind a ⋯, where Slack accepts values of 150 characters."""
    buttons = [each for each in _batch_buttons(batch, server) if len(each.get("value", "")) <= 150]
    return section(text, mrkdwn.overflow(*buttons) if buttons else None)


def _content_of(subject: Subject, config: Config) -> _Content:
    match subject:
        case Batch():
            return _batch_content(subject, config.server)
        case models.Deleted(batch, missing_since):
            return _deleted_content(batch, missing_since, config.server)
        case models.Watching():
            return _baseline_content(subject, config)
        case models.KeyRefused():
            return _key_refused_content(subject, config)
        case models.KeyAccepted(refused_since, since):
            service, took = service_name(config.server), duration(since - refused_since)
            title = f"{service} accepts the API key of {escaped(config.team, 60)} again"
            return _plain_content("🔑", title, f"It had rejected it for {took}. What ended meanwhile is posted now.")


def _batch_content(batch: Batch, server: Server) -> _Content:
    """Return a notice of a batch: two lines with a menu where nothing is to be done, else with reasons and buttons."""
    emoji, outcome, usage, took_s = emoji_of(batch), outcome_of(batch), batch.usage, details.seconds_taken(batch)
    name, page_link = details.batch_name(batch), details.batch_link(batch, server)
    tokens = [mrkdwn.counted(usage.total_tokens, "token")] if usage and usage.total_tokens else []
    took = [] if took_s is None else [duration(took_s)]
    if outcome is Outcome.SUCCEEDED:
        said = details.lowered(details.happened(batch)).removesuffix(" succeeded.")
        text = f"{emoji} {name} succeeded: {', in '.join([said, *took])}."
        lines = f"{emoji} {page_link} succeeded\n{' · '.join([details.counts_text(batch), *took, *tokens])}"
        return _Content(text, [_with_menu(lines, batch, server)])
    what, step = details.happened(batch), details.next_step(batch)
    reasons = [] if outcome is Outcome.CANCELLED else details.reasons(batch)
    why = [f"{each.removeprefix('• ').rstrip('.')}." for each in reasons]
    said = " ".join(filter(None, [details.lowered(what), *why, f"Next: {step}" if step else ""]))
    text = f"{emoji} {name} {details.outcome_text(batch)}{f': {said}' if said else '.'}"
    if outcome is Outcome.CANCELLED:
        title = f"{emoji} *{details.heading(batch)}:* {page_link}"
        return _Content(text, [_with_menu(f"{title}\n{what}", batch, server)])
    number = len(batch.errors) + batch.errors_left_out
    label = f"Show all {number:,} errors" if len(details.error_groups(batch)) > details.MOST_REASONS else "Details"
    if outcome is Outcome.REJECTED:
        took = [f"rejected after {each}" for each in took]
    elif outcome is Outcome.EXPIRED:  # the heading says after how long
        took = []
    notes = [escaped(batch.model or "", 60), *took, *tokens]
    return _Content(text, [batch_section(batch, server)], notes, _batch_buttons(batch, server, label))


def _deleted_content(batch: Batch, missing_since: int, server: Server) -> _Content:
    done = f", {text}" if (text := details.counts_text(batch)) else ""
    known = f"{service_name(server)} has not known it since {date(missing_since)}."
    was = f"When last seen it was {details.label(batch)}{done}. It is not checked any more, unless it is listed again."
    buttons = _batch_buttons(batch, Server(""))
    return _plain_content("🔍", f"Deleted: {details.batch_name(batch)}", known, was, buttons=buttons)


def _plain_content(emoji: str, title: str, *lines: str, step: str = "", note: str = "", buttons: Any = ()) -> _Content:
    """Return what is not about the end of a batch; in its text, times are in UTC."""
    shown = [f"{emoji} *{title}*", *lines, f"*Next:* {step}" if step else ""]
    said = [f"{emoji} {title}.", *lines, f"Next: {step}" if step else "", f"{note}." if note else ""]
    text = re.sub(r"<!date[^|]*\|([^>]*)>", r"\1", " ".join(filter(None, said)))
    return _Content(text, [section("\n".join(filter(None, shown)))], [note], list(buttons))


def _key_refused_content(refused: models.KeyRefused, config: Config) -> _Content:
    server, known = config.server, details.texts()
    kind = "openai" if server.is_openai else "azure" if server.is_azure else "other"
    why, step = known["refused_key"]["403" if refused.status == 403 else "401"][kind]
    what = "rejects the API key"
    if place := known["refused_place"].get(refused.code):
        what, (why, step) = "refuses every request", place
    error = f"{refused.status} {code(refused.code, 80)}".strip()
    title = f"Can’t see the batches of {escaped(config.team, 60)}: {service_name(server)} {what}"
    has_page = server.is_openai and not place
    page = [mrkdwn.link("OpenAI API keys", "https://platform.openai.com/api-keys")] if has_page else []
    buttons = [button("status", "Check again", "status"), *page]
    since, step = f"Since {date(refused.since)} ({error}). {why}", step.format(run=_run_secrets(config))
    note = "Nothing is lost: what ends meanwhile is posted once requests are accepted"
    return _plain_content("⛔", title, since, step=step, note=note, buttons=buttons)


def _run_secrets(config: Config) -> str:
    return f"run {code(f'./batchbell secrets --team {config.team}')}"


def _baseline_content(watching: models.Watching, config: Config) -> _Content:
    """Return what is watched; and what will be announced from now on, and what no longer."""
    server = config.server
    if watching.base_url != server.base_url:
        server = Server(watching.base_url)  # the configured one was changed since
    values = {"server": service_name(server), "team": escaped(config.team, 60), "run": _run_secrets(config)}
    title, undo = (text.format(**values) for text in details.texts()["baseline"][watching.reason])
    becomes = details.texts()["becomes"]
    ends = [text for status, text in becomes.items() if status in watching.statuses]
    ends += [f"is {code(each, 40)}" for each in watching.statuses if each not in becomes]
    running = f"{watching.open_count:,} {'is' if watching.open_count == 1 else 'are'} running."
    which = f" with {code(watching.metadata_filter, 200)}" if watching.metadata_filter else ""
    told = f"You’ll hear here when one{which} {series(ends, 'or')}" if ends else "Nothing is announced"
    if watching.ended_count:
        verb = "is" if watching.ended_count == 1 else "are"
        told += f"; the {watching.ended_count:,} that had already ended {verb} not posted"
    buttons = button("list", "Show batches", "all 10"), button("help", "What can I ask?", "help")
    return _plain_content("👀", title, f"{running} {told}.", undo, buttons=buttons)


def _late(notifications: Notifications, now: int) -> list[tuple[int, str]]:
    """Return when those happened that are announced late, the earliest first."""
    late = []
    for each in notifications:
        ended_at = each.subject.ended_at if isinstance(each.subject, Batch) else None
        at, verb = (each.recorded_at, "was noticed") if ended_at is None else (ended_at, "ended")
        late += [(at, verb)] if now - at > 900 else []
    return sorted(late)


def _digest_of(notifications: Notifications, config: Config) -> _Content:
    """Return how many there are of each kind, a row for each problem, and the others by name."""
    found = [each.subject for each in notifications if isinstance(each.subject, Batch)]
    worst_first = list(details.texts()["emoji"].values())
    batches = sorted(
        found, key=lambda batch: (worst_first.index(emoji_of(batch)), details.batch_name(batch).casefold())
    )
    problems = [batch for batch in batches if is_problem(batch)]
    kinds = Counter(details.label(batch) for batch in batches if not is_problem(batch))
    needs = f"{len(problems):,} need{'s' if len(problems) == 1 else ''} attention"
    summary = ", ".join([*([needs] if problems else []), *(f"{n:,} {kind}" for kind, n in kinds.items())])
    ended = " ended" if all(batch.is_terminal for batch in batches) else ""
    title = f"{len(batches):,} batches{ended}: {summary}"
    # Slack does not document its limit: 9,600 characters of blocks beside 6,500 of text were accepted,
    # 11,300 beside 10,400 refused (bolt-js #2867).
    limit = 6_000 // len(batches)
    sections, text = [section(f"*{title}*")], [f"{title}."]
    for batch in problems:
        head = f"{emoji_of(batch)} *{details.heading(batch)}:* "
        what = cut(details.counts_text(batch) or details.happened(batch), limit // 2)
        page = len(config.server.batch_page(batch.id) or "")
        link_text = details.batch_link(batch, config.server, min(limit - len(head + what) - page, 120))
        sections.append(_with_menu(f"{head}{link_text}\n{details.capitalised(what)}", batch, config.server))
        name = details.batch_name(batch, min(limit // 2, 120))
        text.append(f"{details.heading(batch)}: {name} ({details.lowered(what.rstrip('.'))}).")
    for kind, n in kinds.items():
        alike = [batch for batch in batches if not is_problem(batch) and details.label(batch) == kind]
        names = details.names_text(alike, min(1_800 // n - 2, 120))
        sections.append(context(f"{emoji_of(alike[0])} {n:,} {kind}: {names}"))
    buttons = [button("list", f"Show all {len(batches):,}", f"all {len(batches)}")]
    buttons += [button("list_problems", "Show problems", "problems 10")] if problems else []
    return _Content(cut(" ".join(text), 3_500), sections, buttons=buttons)
