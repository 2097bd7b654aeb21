"""Judge: what was promised, against what happened in a story; the bot has no say in it."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from math import inf

from batchbell.domain.batch import TERMINAL
from batchbell.domain.watch import GONE

from local.openai_simulator import After, Change
from local.oracle import is_correct, texts_about
from tests.bot import ids_of
from tests.proof.faults import Fault, System
from tests.proof.judged_posts import UNREADABLE, Posts, copy_of, own_news
from tests.proof.played import BEGINS_WITHIN_S, Played, Post
from tests.proof.story import MOST_SKEW_S, Kind

CLOCKS_DIFFER_S = 300
"""An end so shortly before a baseline may count as one after it: the two clocks may differ."""

CROSSES_S = 250
"""How much later than an end an earlier status may show, where both were under way."""

GONE_AFTER_S = 3600
"""A batch is gone when it was not known for so long."""

LATEST_S = 1300
"""How long news may wait once nothing fails any more: the longest wait between two attempts, and some."""

MOST_SAME_REQUESTS = 25
"""How often one run may ask for one page."""


@dataclass(frozen=True, slots=True)
class Judged:
    """The ends that were owed, those `lost`, the copies `allowed` and `repeated` ones, and all else `wrong`."""

    owed: int
    lost: tuple[str, ...]
    allowed: tuple[str, ...]
    repeated: tuple[str, ...]
    wrong: tuple[str, ...]

    @property
    def broken(self) -> tuple[str, ...]:
        return self.lost + self.repeated + self.wrong


def judged(played: Played) -> Judged:
    posts: dict[str, list[Post]] = defaultdict(list)
    for post in played.posts:
        for each in dict.fromkeys(ids_of(post.message.metadata)):
            posts[each].append(post)
    owed = [_id(change) for change in _ends(played) if _is_owed(played, change)]
    owed += [f"{batch_id}#{GONE}" for batch_id in played.around.removed_at if _is_lost(played, batch_id)]
    copies = [(id, *copy_of(played, id, *pair)) for id in posts for pair in pairwise(posts[id])]
    blind = [id for id, _, excuse in copies if excuse == UNREADABLE]
    too_many = {
        f"{id}: a third copy, blindly" for id in blind if blind.count(id) > 1 and not played.story.restore
    }
    return Judged(
        owed=len(owed),
        lost=tuple(f"{id}: never announced" for id in owed if id not in posts),
        allowed=tuple(f"{id}: {excuse}" for id, is_allowed, excuse in copies if is_allowed),
        repeated=tuple(f"{id}: {excuse}" for id, is_allowed, excuse in copies if not is_allowed)
        + tuple(sorted(too_many)),
        wrong=(
            *played.broken,
            *_untrue(played, posts),
            *own_news(played, posts),
            *_late(played, posts, owed),
            *_unsettled(played),
            *_records(played),
            *_requests(played),
        ),
    )


def _id(change: Change) -> str:
    return f"{change.batch_id}#{change.status}"


def _ends(played: Played) -> Iterator[Change]:
    return (change for change in played.openai.changes if change.status in TERMINAL)


def _is_owed(played: Played, change: Change) -> bool:
    """Whether the promise covers this end: selected, after the baseline, and seen or still to be seen."""
    margin_s = 5 + (MOST_SKEW_S if any(each.kind is Kind.CLOCK for each in played.around.had) else 0)
    is_new = change.at > played.baseline_at + margin_s
    is_seen = change.batch_id in _visible(played) | played.known.ended
    return is_seen and is_new and _is_selected(played, change)


def _is_lost(played: Played, batch_id: str) -> bool:
    """Whether the server forgot a batch that had not ended, and that the bot knew."""
    return batch_id in played.known.open - {change.batch_id for change in _ends(played)}


def _visible(played: Played) -> frozenset[str]:
    """The batches that the bot can see.

    A server that knows no `after` shows its first page only: of the rest it can see what it knows.
    """
    there = frozenset(str(row["id"]) for row in played.openai.batches)
    return there & played.known.open if played.story.unknown_after is After.NEVER_KNOWN else there


def _is_selected(played: Played, change: Change) -> bool:
    counts = change.row["request_counts"] or {"failed": 0}
    notify_on = played.story.notify_on
    has_failures = change.status == "completed" and counts["failed"] > 0
    return change.status in notify_on or ("failed" in notify_on and has_failures)


def _untrue(played: Played, posts: Posts) -> Iterator[str]:
    """What was announced that did not happen, was not asked for, is history, or is told wrongly."""
    changes = {_id(change): change for change in played.openai.changes}
    for id, (first, *_) in posts.items():
        batch_id, _, status = id.partition("#")
        if not batch_id.startswith("batch_"):
            continue
        change = changes.get(id)
        if status == GONE:
            yield from _untrue_of_lost(played, batch_id, first)
        elif change is None or change.at > first.message.at:
            yield f"{id}: nothing of the kind happened"
        elif not _is_selected(played, change):
            yield f"{id}: not asked for"
        elif status in TERMINAL:
            yield from _untrue_of_end(played, change, first)
        elif not played.story.restore and _was_ended(posts, batch_id, first.message.at - CROSSES_S):
            yield f"{id}: told after the end"


def _untrue_of_lost(played: Played, batch_id: str, first: Post) -> Iterator[str]:
    """A batch is lost an hour after it was not known for the first time."""
    unknown = f"/batches/{batch_id}"
    since = [call.at for call in played.calls.made if call.fault is Fault.UNKNOWN and unknown in call.what]
    removed_at = played.around.removed_at.get(batch_id, inf)
    if first.message.at < max(removed_at, min([removed_at, *since]) + GONE_AFTER_S - 2 * MOST_SKEW_S):
        yield f"{batch_id}#{GONE}: it was there less than an hour ago"


def _untrue_of_end(played: Played, change: Change, first: Post) -> Iterator[str]:
    id, early_s = _id(change), first.baseline_at - change.at
    if early_s > CLOCKS_DIFFER_S + MOST_SKEW_S + BEGINS_WITHIN_S:
        yield f"{id}: ended {early_s:.0f} s before the baseline"
    for sentence in texts_about([post.message for post in played.posts], id):
        is_named = change.batch_id in sentence
        if not (is_named and is_correct(sentence, change.row)):
            yield f"{id}: told wrongly: {sentence!r}"


def _was_ended(posts: Posts, batch_id: str, at: float) -> bool:
    """Whether its end had been told by then."""
    return any(post.message.at < at for end in TERMINAL for post in posts.get(f"{batch_id}#{end}", ()))


def _late(played: Played, posts: Posts, owed: Iterable[str]) -> Iterator[str]:
    """What was told too long after it happened, or after faults had stopped."""
    is_faulty = any(call.fault is Fault.UNFIT for call in played.calls.made)
    changes = {_id(change): change for change in _ends(played)}
    for id in owed:
        if id in changes and id in posts and not is_faulty:
            waited_s = posts[id][0].message.at - max(changes[id].at, played.settles_from or 0)
            if waited_s > LATEST_S:
                yield f"{id}: told {waited_s:.0f} s after it could have been"


def _unsettled(played: Played) -> Iterator[str]:
    yield from (f"left in the outbox: {sk}" for sk in played.undelivered)
    yield from (f"left blocked: {sk}" for (_, sk), item in played.table.items.items() if "blocked" in item)
    watch = played.watch
    # A server that never knows an `after` shows its first page only: there is always more.
    unread = (
        watch
        and getattr(watch.position, "unread", ())
        and played.story.unknown_after is not After.NEVER_KNOWN
    )
    if watch is None or watch.reason or watch.trouble or unread:
        yield f"the watch has not settled: {replace(watch, watched={}) if watch else None}"


def _records(played: Played) -> Iterator[str]:
    """A record says what is true, and one of an ended batch ends, too."""
    truth = {row["id"]: row["status"] for row in played.openai.batches}
    visible = _visible(played)
    latest = played.stage.now + played.story.retention_s + MOST_SKEW_S
    for (pk, _), item in played.table.items.items():
        if not pk.startswith("batch#"):
            continue
        batch_id, status = pk.removeprefix("batch#"), item.get("status", {"S": "nothing"})["S"]
        true_status = truth.get(batch_id, GONE)
        if batch_id in visible and status != true_status:
            yield f"{batch_id} is recorded as {status}, and is {true_status}"
        if _is_lost(played, batch_id) and batch_id in played.around.removed_at and status != GONE:
            yield f"{batch_id} is recorded as {status}, and is gone"
        is_over = status in TERMINAL or status == GONE
        if is_over and not float(item.get("ttl", {}).get("N", "inf")) <= latest:
            yield f"{batch_id} is recorded as {status} for ever"
        if not is_over and "ttl" in item:
            yield f"{batch_id} is open, and its record is not kept"


def _requests(played: Played) -> Iterator[str]:
    asked: dict[tuple[int, str], int] = defaultdict(int)
    for call in played.calls.made:
        if call.system is System.OPENAI and call.is_answered:
            asked[call.run, call.what] += 1
    for (run, what), times in asked.items():
        if times > MOST_SAME_REQUESTS:
            yield f"run {run} asks {times} times for {what}"
