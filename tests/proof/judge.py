"""Judge: what was promised, against what happened in a story; the bot has no say in it."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

from batchbell.domain.batch import TERMINAL
from batchbell.domain.delivery import LOOK_FIRST_AFTER_S
from batchbell.domain.watch import GONE
from local.judge import is_told, sentences, verdict_of
from local.openai_paging import After
from local.openai_simulator import Change
from tests.bot import ids_of
from tests.builders import NOW
from tests.proof.faults import System
from tests.proof.played import Played, Post
from tests.proof.story import MOST_SKEW_S, Kind

CLOCKS_DIFFER_S = 300
"""An end so shortly before a baseline may count as one after it: the two clocks may differ."""

MOST_SAME_REQUESTS = 25
"""How often one run may ask for one page."""

SAYS_SO = "may be a repeat"


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
    copies = [(id, *_copy(played, *pair)) for id in posts for pair in pairwise(posts[id])]
    blind = [id for id, _, excuse in copies if excuse == "the history could not be read"]
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
            *_unsettled(played),
            *_records(played),
            *_requests(played),
        ),
    )


def _id(change: Change) -> str:
    return f"{change.batch_id}#{change.status}"


def _ends(played: Played) -> Iterator[Change]:
    return (change for change in played.openai.journal if change.status in TERMINAL)


def _is_owed(played: Played, change: Change) -> bool:
    """Whether the promise covers this end: selected, after the baseline, and still to be seen."""
    story = played.story
    margin_s = 2 + (MOST_SKEW_S if any(each.kind is Kind.CLOCK for each in story.upsets) else 0)
    is_there = change.batch_id in _visible(played)
    return is_there and change.at > played.baseline_at + margin_s and _is_selected(played, change)


def _visible(played: Played) -> set[str]:
    """The batches that the bot can see.

    A server that knows no `after` shows its first page only: of the rest it can see what it watches.
    """
    there = {str(row["id"]) for row in played.openai.batches}
    if played.story.unknown_after is After.NEVER_KNOWN:
        return there & set(played.watch.watched if played.watch else ())
    return there


def _is_selected(played: Played, change: Change) -> bool:
    counts = change.row["request_counts"] or {"failed": 0}
    notify_on = played.story.notify_on
    has_failures = change.status == "completed" and counts["failed"] > 0
    return change.status in notify_on or ("failed" in notify_on and has_failures)


def _copy(played: Played, first: Post, second: Post) -> tuple[bool, str]:
    """Whether the promise allows the second copy after the first, and why (not)."""
    restore = played.story.restore
    calls = played.wires.calls
    if restore and first.message.at < NOW + restore.at <= second.message.at:
        forgot_s = restore.at + restore.stop_s - restore.backup_at
        if forgot_s <= LOOK_FIRST_AFTER_S + MOST_SKEW_S:
            return True, "the table was restored to less than an hour ago"
    looks = [
        call
        for call in calls[first.number + 1 : second.number]
        if call.system is System.READ and call.run == calls[second.number].run
    ]
    if SAYS_SO not in second.message.text:
        return False, "a copy that does not say so"
    if not looks:
        return False, "a copy without a look"
    if not looks[-1].is_answered:
        return True, "the history could not be read"
    if looks[-1].at < first.message.at:
        return True, "it landed later than we looked"
    return False, "a copy though the history showed it"


def _untrue(played: Played, posts: dict[str, list[Post]]) -> Iterator[str]:
    """What was announced that did not happen, was not asked for, is history, or is told wrongly."""
    changes = {_id(change): change for change in played.openai.journal}
    there = {row["id"] for row in played.openai.batches}
    for id, copies in posts.items():
        batch_id, _, status = id.partition("#")
        if status == GONE and batch_id in there:
            yield f"{id}: it is there"
        if status == GONE or not id.startswith("batch_"):
            continue
        change = changes.get(id)
        if change is None or change.at > copies[0].message.at:
            yield f"{id}: nothing of the kind happened"
        elif change.status in TERMINAL:
            yield from _wrong_of_end(played, change, copies[0])


def _wrong_of_end(played: Played, change: Change, post: Post) -> Iterator[str]:
    id, early_s = _id(change), post.baseline_at - change.at
    if not _is_selected(played, change):
        yield f"{id}: not asked for"
    if early_s > CLOCKS_DIFFER_S:
        yield f"{id}: ended {early_s:.0f} s before the baseline"
    for sentence in sentences([post.message for post in played.posts], id):
        if not is_told(change.row, verdict_of(change.row), sentence):
            yield f"{id}: told wrongly: {sentence!r}"


def _unsettled(played: Played) -> Iterator[str]:
    yield from (f"left in the outbox: {sk}" for sk in played.undelivered)
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
        # What a poll recorded just before it died, and was deleted before the next one, is not watched.
        is_missed = true_status == GONE and status not in (*TERMINAL, GONE)
        if is_missed and played.watch and batch_id in played.watch.watched:
            yield f"{batch_id} is recorded as {status}, and is {true_status}"
        is_over = status in TERMINAL or status == GONE
        if is_over and not float(item.get("ttl", {}).get("N", "inf")) <= latest:
            yield f"{batch_id} is recorded as {status} for ever"
        if not is_over and "ttl" in item:
            yield f"{batch_id} is open, and its record is not kept"


def _requests(played: Played) -> Iterator[str]:
    asked: dict[tuple[int, str], int] = defaultdict(int)
    for call in played.wires.calls:
        if call.system is System.OPENAI and call.is_answered:
            asked[call.run, call.what] += 1
    for (run, what), times in asked.items():
        if times > MOST_SAME_REQUESTS:
            yield f"run {run} asks {times} times for {what}"
