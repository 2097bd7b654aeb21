"""The oracle: what was promised, compared with what happened. It is frozen; the bot has to satisfy it.

It takes nothing from the bot's word. It judges from what happened at OpenAI, what each run was shown there and
lived to record, what Slack took, every call and its result, and what the table holds at the end.

1.  Every end that is selected, comes after the baseline, and is of a batch that the server still has or that a
    run saw ended and recorded, is announced. So is the deletion of a batch that a run saw open and recorded.
2.  It is announced once. A second copy must say that it may be a repeat, and its run must have read the history
    before: the history did not show the first copy yet, or Slack refused to let it be read, or eight attempts
    failed. The last two excuse one copy of a notification only.
3.  Once nothing fails any more, an end is announced within 1,300 s, unless Slack called a message malformed.
4.  Nothing is announced that did not happen, was not selected, or ended more than five minutes before the
    baseline. An open status is not announced after the end. The outcome, its number and the batch's id are right.
5.  A deletion is announced an hour after the first 404 at the earliest.
6.  Each baseline is announced once. A refused key is announced if it lasts, not if it was refused once. No first
    copy says that it may be a repeat unless a post or the table failed before.
7.  At the end the outbox is empty, no channel is blocked, nothing of the list is unread, no incident is open.
    Nothing waits for a person unless Slack called it malformed.
8.  A record says what is true. An end stays recorded until the record expires, and it does expire; the record of
    an open batch does not.
9.  Neither time of the cursor passes a batch: what is older than `announce_from` is recorded, and what is older
    than `read_back_to` and open is followed. The baseline stays where it began.
10. A run does not ask for one page again and again, and a poll whose calls were all answered in time does not fail.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from math import inf

from local.openai_simulator import After, Change
from local.oracle import wrong_texts
from tests.simulation.faults import Call, Fault, Result, System
from tests.simulation.schedule import NOW, TERMINAL, Kind
from tests.simulation.trace import BASELINE_TAKES_S, Post, Trace
from tests.simulation.wire import ids_of

CLOCKS_DIFFER_S = 300
CROSSES_S = 250
"""How much later than an end an earlier status may be posted, where both were under way."""

DELETED_AFTER_S = 3600
LATEST_S = 1300
"""The longest wait between two attempts, and some."""

MAX_SAME_REQUESTS = 25
MAX_ATTEMPTS = 8
LASTING_S = 600
REPEAT = "may be a repeat"
UNREADABLE = "the history could not be read"

Posts = Mapping[str, list[Post]]


@dataclass(frozen=True, slots=True)
class Report:
    """How many notifications were `expected`; those `lost`; the copies `allowed` and `repeated`; all else `wrong`."""

    expected: int
    lost: tuple[str, ...]
    allowed: tuple[str, ...]
    repeated: tuple[str, ...]
    wrong: tuple[str, ...]

    @property
    def broken(self) -> tuple[str, ...]:
        return self.lost + self.repeated + self.wrong


@dataclass(slots=True)
class Statistics:
    """Sums over the hard simulations, and over those that broke the promise."""

    schedules: int = 0
    sums: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    def add(self, trace: Trace, report: Report) -> None:
        self.schedules += 1
        if not (trace.is_hard or report.broken):
            return
        self.sums["numbers"].update(hard=1, runs=trace.runs, overlapping=trace.overlaps, expected=report.expected)
        self.sums["numbers"].update({name: len(getattr(report, name)) for name in ("lost", "repeated", "wrong")})
        self.sums["calls"].update(call.system for call in trace.calls.made)
        self.sums["faults"].update(f"{call.system} {call.fault}" for call in trace.calls.made if call.fault)
        self.sums["disruptions"].update(each.kind for each in trace.environment.had)
        self.sums["allowed"].update(each.partition(": ")[2] for each in report.allowed)

    def text(self) -> str:
        lines = [f"{self.schedules:,} schedules; something ended, failed and overlapped in those that are hard"]
        for name, counter in self.sums.items():
            counts = ", ".join(f"{times:,} {what}" for what, times in sorted(counter.items()))
            lines.append(f"{name}: {counts or 'none'}")
        return "\n".join(lines)


def check(trace: Trace) -> Report:
    posts: dict[str, list[Post]] = defaultdict(list)
    for post in trace.posts:
        for each in dict.fromkeys(ids_of(post.message.metadata)):
            posts[each].append(post)
    there = _visible(trace) | trace.seen.ended
    expected = [_id(each) for each in _ends(trace) if each.batch_id in there and _is_expected(trace, each)]
    expected += [f"{batch_id}#gone" for batch_id in trace.environment.deleted_at if _was_lost(trace, batch_id)]
    copies = [(id, *_copy(trace, id, *pair)) for id in posts for pair in pairwise(posts[id])]
    unread = [id for id, _, why in copies if why == UNREADABLE]
    return Report(
        expected=len(expected),
        lost=tuple(f"{id}: never announced" for id in expected if id not in posts),
        allowed=tuple(f"{id}: {why}" for id, is_allowed, why in copies if is_allowed),
        repeated=tuple(f"{id}: {why}" for id, is_allowed, why in copies if not is_allowed)
        + tuple(sorted({f"{id}: a third copy, unread" for id in unread if unread.count(id) > 1})),
        wrong=(
            *trace.broken,
            *_untrue(trace, posts),
            *_about_itself(trace, posts),
            *_late(trace, posts, expected),
            *_unsettled(trace),
            *_records(trace),
            *_requests(trace),
        ),
    )


def _id(change: Change) -> str:
    return f"{change.batch_id}#{change.status}"


def _ends(trace: Trace) -> Iterator[Change]:
    return (change for change in trace.environment.openai.changes if change.status in TERMINAL)


def _is_expected(trace: Trace, change: Change) -> bool:
    is_after = change.at > trace.baseline_at + 5 + (trace.skew_s if trace.was_skewed else 0)
    return is_after and _is_selected(trace, change)


def _was_lost(trace: Trace, batch_id: str) -> bool:
    """Whether the server deleted a batch that had not ended, and that the bot recorded."""
    return batch_id in trace.seen.open - {change.batch_id for change in _ends(trace)}


def _visible(trace: Trace) -> frozenset[str]:
    """The batches that the bot can see. A server that never knows an `after` shows its first page only."""
    there = frozenset(str(row["id"]) for row in trace.environment.rows)
    return there & trace.seen.open if trace.schedule.unknown_after is After.NEVER_KNOWN else there


def _is_selected(trace: Trace, change: Change) -> bool:
    counts, notify_on = change.row["request_counts"] or {"failed": 0}, trace.schedule.notify_on
    has_failures = change.status == "completed" and counts["failed"] > 0
    return change.status in notify_on or ("failed" in notify_on and has_failures)


def _copy(trace: Trace, id: str, first: Post, second: Post) -> tuple[bool, str]:
    """Say whether the second copy after the first is allowed, and why or why not."""
    if REPEAT not in second.message.text:
        return False, "a copy that does not say so"
    calls = trace.calls.made
    reads = [call for call in calls[first.number + 1 : second.number] if call.system is System.READ]
    own_reads = [call for call in reads if call.run == calls[second.number].run]
    if not own_reads:
        return False, "a copy without reading the history"
    last = own_reads[-1]
    if last.result is Result.ANSWERED:
        is_later = last.at < first.message.at or id in trace.environment.unshown
        why = "the history did not show it yet" if is_later else "a copy though the history showed it"
        return is_later, why
    posts = [call for call in calls[: second.number] if call.system is System.POST and id in call.what.split()]
    failed = [call for call in reads if call.result is Result.FAILED]
    is_allowed = last.result is Result.REFUSED or len(posts + failed) >= MAX_ATTEMPTS
    return is_allowed, UNREADABLE if is_allowed else "a copy where the history could have been read later"


def _untrue(trace: Trace, posts: Posts) -> Iterator[str]:
    changes = {_id(change): change for change in trace.environment.openai.changes}
    for id, (first, *_) in posts.items():
        batch_id, _, status = id.partition("#")
        if not batch_id.startswith("batch_"):
            continue
        change = changes.get(id)
        if status == "gone":
            yield from _untrue_of_deleted(trace, batch_id, first)
        elif change is None or change.at > first.message.at:
            yield f"{id}: nothing of the kind happened"
        elif not _is_selected(trace, change):
            yield f"{id}: not selected"
        elif status in TERMINAL:
            yield from _untrue_of_end(trace, change, first)
        elif _was_announced_ended(posts, batch_id, first.message.at - CROSSES_S):
            yield f"{id}: announced after the end"


def _untrue_of_deleted(trace: Trace, batch_id: str, first: Post) -> Iterator[str]:
    not_found = [call for call in trace.calls.made if call.fault is Fault.NOT_FOUND]
    since = [call.at for call in not_found if f"/batches/{batch_id}" in call.what]
    deleted_at = (trace.environment.hidden_at | trace.environment.deleted_at).get(batch_id, inf)
    earliest = min([deleted_at, *since]) + DELETED_AFTER_S - 2 * trace.skew_s
    if first.message.at < max(deleted_at, earliest):
        yield f"{batch_id}#gone: it was there less than an hour ago"


def _untrue_of_end(trace: Trace, change: Change, first: Post) -> Iterator[str]:
    id, early_s = _id(change), first.baseline_at - change.at
    if early_s > CLOCKS_DIFFER_S + trace.skew_s + BASELINE_TAKES_S:
        yield f"{id}: ended {early_s:.0f} s before the baseline"
    ends = {_id(each): each.row for each in _ends(trace)}
    for text in wrong_texts([post.message for post in trace.posts], id, ends):
        yield f"announced wrongly: {text}"


def _was_announced_ended(posts: Posts, batch_id: str, at: float) -> bool:
    return any(post.message.at < at for status in TERMINAL for post in posts.get(f"{batch_id}#{status}", ()))


def _about_itself(trace: Trace, posts: Posts) -> Iterator[str]:
    baselines = [id for id in posts if id.startswith("baseline-")]
    if len(baselines) != trace.environment.projects:
        yield f"{len(baselines)} baselines are announced, of {trace.environment.projects}"
    refusals = {call.run for call in trace.calls.made if _is_refused_key(call)}
    announced = [id for id in posts if id.startswith("openai-key-") and id.endswith("#refused")]
    if announced and len(refusals) < 2:
        yield "a key is announced as refused that was refused once at most"
    if not announced and _was_long_refused(trace):
        yield "a refused key is not announced"
    for id, (first, *_) in posts.items():
        before = trace.calls.made[: first.number]
        writes = [call for call in before if call.system in (System.POST, System.TABLE)]
        if REPEAT in first.message.text and not any(c.fault or c.result is Result.FAILED for c in writes):
            yield f"{id}: says that it may be a repeat, for no reason"


def _was_long_refused(trace: Trace) -> bool:
    """Whether OpenAI refused the key for long, and nothing else was wrong."""
    for each in trace.environment.had:
        during = [call for call in trace.calls.made if 0 <= call.at - NOW - each.at < each.for_s]
        is_alone = len(trace.environment.had) == 1 and not any(call.fault for call in during)
        runs = {call.run for call in during if _is_refused_key(call)}
        if each.kind is Kind.KEY_REFUSED and is_alone and each.for_s >= LASTING_S and len(runs) > 3:
            return True
    return False


def _is_refused_key(call: Call) -> bool:
    return call.system is System.OPENAI and call.result is Result.REFUSED


def _late(trace: Trace, posts: Posts, expected: Iterable[str]) -> Iterator[str]:
    is_malformed = any(call.fault is Fault.MALFORMED for call in trace.calls.made)
    changes = {_id(change): change for change in _ends(trace)}
    for id in expected:
        if id in changes and id in posts and not is_malformed:
            waited_s = posts[id][0].message.at - max(changes[id].at, trace.settles_from or 0)
            if waited_s > LATEST_S:
                yield f"{id}: announced {waited_s:.0f} s after it could have been"


def _unsettled(trace: Trace) -> Iterator[str]:
    state = trace.facts.state
    yield from (f"left in the outbox: {each}" for each in trace.facts.undelivered)
    yield from (f"left blocked: {each}" for each in trace.facts.blocked)
    # A server that never knows an `after` shows its first page only: there is always more.
    is_unread = state and state.has_backlog and trace.schedule.unknown_after is not After.NEVER_KNOWN
    if state is None or not state.is_settled or is_unread:
        yield f"the poll state has not settled: {state}"


def _records(trace: Trace) -> Iterator[str]:
    truth, visible = {row["id"]: row["status"] for row in trace.environment.openai.batches}, _visible(trace)
    latest = trace.loop.now + trace.schedule.retention_s + trace.skew_s
    for batch_id, record in trace.facts.records.items():
        true_status = truth.get(batch_id, "gone")
        if batch_id in visible and record.status != true_status:
            yield f"{batch_id} is recorded as {record.status}, and is {true_status}"
        is_deleted = batch_id in trace.environment.deleted_at
        if is_deleted and _was_lost(trace, batch_id) and record.status != "gone":
            yield f"{batch_id} is recorded as {record.status}, and is gone"
        is_over = record.status in TERMINAL or record.status == "gone"
        if is_over and (record.ttl is None or record.ttl > latest):
            yield f"{batch_id} is recorded as {record.status} for ever"
        if not is_over and record.ttl is not None:
            yield f"{batch_id} is open, and its record expires"


def _requests(trace: Trace) -> Iterator[str]:
    answered = [call for call in trace.calls.made if call.result is Result.ANSWERED]
    times = Counter((call.run, call.what) for call in answered if call.system is System.OPENAI)
    for (run, what), count in times.items():
        if count > MAX_SAME_REQUESTS:
            yield f"run {run} makes {count} times the request {what}"
