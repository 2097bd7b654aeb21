"""Recent: one page of the batches that are recorded, newest first."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

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
from batchbell.domain.watch import GONE, Watch, Watched

_ROOM = 9_000
_LONGEST_VALUE = 2_000


@dataclass(frozen=True, slots=True)
class Spot:
    """A batch's place in the list: `position` grows with its creation, ties in the order of ids."""

    position: str
    batch_id: str


@dataclass(frozen=True, slots=True)
class Window:
    """The spots of one page, newest first, and whether there are more on either side."""

    spots: tuple[Spot, ...] = ()
    has_older: bool = False
    has_newer: bool = False


def position_of(batch_id: str, created_at: int) -> str:
    """The position of a batch; bounded, as a key in DynamoDB is."""
    return f"{max(created_at, 0):011d}#{batch_id[:250]}"


def window(query: Recent, spots: Sequence[Spot]) -> Window:
    """The page, of the spots next to its position; one more than it holds shows that there are more."""
    shown, has_more = tuple(spots[: query.count]), len(spots) > query.count
    if query.newer_than:
        return Window(shown[::-1], has_older=True, has_newer=has_more)
    return Window(shown, has_older=has_more, has_newer=query.older_than is not None)


def open_window(query: Recent, watched: Mapping[str, Watched]) -> Window:
    """The page of the open batches, all of which are watched."""
    spots = [Spot(position_of(id, seen.created_at), id) for id, seen in watched.items() if seen.is_open]
    return window(query, _next_to(query, spots))


def _next_to(query: Recent, spots: Iterable[Spot]) -> list[Spot]:
    ordered = sorted(spots, key=lambda spot: spot.position)
    if query.newer_than:
        return [spot for spot in ordered if spot.position > query.newer_than]
    return [spot for spot in reversed(ordered) if not query.older_than or spot.position < query.older_than]


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
