"""Recent: one page of the batches that are recorded, newest first."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from batchbell.domain.batch import Batch
from batchbell.domain.command import ALL, OPEN, STATUSES, Health, One, Recent, text_of
from batchbell.domain.message.appearance import Appearance, appearance_of
from batchbell.domain.message.mrkdwn import code, escaped
from batchbell.domain.message.outcome import seconds_taken
from batchbell.domain.message.rendered import Context
from batchbell.domain.message.sentence import given_name
from batchbell.domain.message.wording import counted, duration
from batchbell.domain.notification import Gone
from batchbell.domain.place import Place
from batchbell.domain.reply.progress import as_of, bar, is_forsaken, is_open
from batchbell.domain.reply.reply import Actions, Button, Choice, Reply, Row, share_button
from batchbell.domain.spot import Window
from batchbell.domain.watch import GONE, Watch

_ROOM = 9_000
_LONGEST_VALUE = 2_000


def recent_reply(
    query: Recent,
    page: Window,
    batches: Mapping[str, Batch],
    watch: Watch | None,
    place: Place,
    now: int,
) -> Reply:
    """The page, with what leads on from it. `batches` are those of its spots that could be read."""
    shown = [batches[spot.batch_id] for spot in page.spots if spot.batch_id in batches]
    room = _ROOM // max(len(shown), 10)
    rows = [_row(batch, watch, now, room) for batch in shown]
    return Reply(
        text=f"*{escaped(place.team, 60)}* · {_heading(query, len(shown))}",
        parts=(*rows, Context(as_of(watch, now)), Actions(tuple(_actions(query, page)))),
    )


def row_text(batch: Batch, watch: Watch | None, now: int, room: int = 600) -> str:
    """Two lines: what it is, and how it stands."""
    appearance = _appearance(batch)
    _, name = given_name(batch) or ("", batch.id)
    facts = (
        _standing(batch, appearance) + (", no longer watched" if is_forsaken(batch, watch) else ""),
        _requests(batch),
        f"{duration(now - batch.created_at)} ago" if batch.created_at is not None else "",
        f"took {duration(took)}" if (took := seconds_taken(batch)) is not None else "",
    )
    below = " · ".join(filter(None, facts))
    if given_name(batch) and room > 200:
        below += f" · {code(batch.id, 60)}"
    return f"{appearance.emoji} *{escaped(name, max(min(room - len(below), 120), 20))}*\n{below}"


def _row(batch: Batch, watch: Watch | None, now: int, room: int) -> Row | Context:
    command = text_of(One(batch.id))
    text = row_text(batch, watch, now, room)
    # Slack takes no longer value; no batch of OpenAI's has such an id.
    return (
        Row(text, Button("details", "Details", command)) if len(command) <= _LONGEST_VALUE else Context(text)
    )


def _appearance(batch: Batch) -> Appearance:
    return appearance_of(Gone(batch, 0) if batch.status == GONE else batch)


def _standing(batch: Batch, appearance: Appearance) -> str:
    return escaped(batch.status.replace("_", " "), 60) if is_open(batch) else appearance.label


def _requests(batch: Batch) -> str:
    counts = batch.request_counts
    if is_open(batch):
        return bar(counts)
    if counts is None or counts.total <= 0:
        return ""
    failed = f"{counts.failed:,} of " if counts.failed > 0 else ""
    return f"{failed}{counted(counts.total, 'request')}{' failed' if failed else ''}"


def _heading(query: Recent, shown: int) -> str:
    kind = "" if query.status == ALL else f"{query.status.replace('_', ' ')} "
    if not shown:
        return f"no {kind}batch is recorded{' beyond these' if query.older_than else ''}"
    which = "older" if query.older_than else "newer" if query.newer_than else "most recent"
    return f"the {which} {kind}batches" if shown > 1 else f"the {which} {kind}batch"


def _actions(query: Recent, page: Window) -> Iterable[Button | Choice]:
    start = replace(query, older_than=None, newer_than=None)
    if page.has_newer:
        newer = replace(start, newer_than=page.spots[0].position) if page.spots else start
        yield Button("newer", "Newer", text_of(newer))
    if page.has_older and page.spots:
        yield Button("older", "Older", text_of(replace(start, older_than=page.spots[-1].position)))
    yield Button("refresh", "Refresh", text_of(query))
    yield Choice(
        "status",
        tuple((_label(status), text_of(replace(start, status=status))) for status in map(str, STATUSES)),
        _label(query.status),
    )
    yield Button("health", "Health", text_of(Health()))
    yield share_button(text_of(query))


def _label(status: str) -> str:
    return {ALL: "All", OPEN: "Open"}.get(status, status.replace("_", " ").capitalize())
