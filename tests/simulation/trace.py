"""What happened in a simulation, and what was seen to go wrong on the way."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from local.memory_table import Item, MemoryTable
from local.slack_simulator import Message
from tests.simulation.bot import Bot, Facts
from tests.simulation.environment import Environment
from tests.simulation.event_loop import EventLoop
from tests.simulation.faults import Calls, Fault, Result
from tests.simulation.schedule import MAX_SKEW_S, NOW, TERMINAL, Kind, Schedule
from tests.simulation.wire import ids_of

Faults = dict[int, Fault]
"""The faults of a simulation, by the number of the call."""

BASELINE_TAKES_S = 60
"""How long after it began a baseline may first be in the table."""


@dataclass(frozen=True, slots=True)
class Post:
    """A message that Slack took with call `number`; `baseline_at` is that of the time."""

    number: int
    message: Message
    baseline_at: float


@dataclass(frozen=True, slots=True)
class Seen:
    """Batch ids that runs were shown, open or ended, and lived to record."""

    open: frozenset[str] = frozenset()
    ended: frozenset[str] = frozenset()


@dataclass(slots=True)
class Trace:
    """`baseline_at` is when the table first held a poll state of this project; faults stop at `settles_from`."""

    schedule: Schedule
    loop: EventLoop
    environment: Environment
    table: MemoryTable
    calls: Calls
    faults: Faults = field(default_factory=dict)
    posts: list[Post] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    runs: int = 0
    overlaps: int = 0
    baseline_at: float = 0
    baselines: int = 0
    settles_from: float | None = None
    seen: Seen = Seen()
    facts: Facts = Facts()
    _shown: dict[int, Seen] = field(default_factory=lambda: defaultdict(Seen))

    @property
    def announced(self) -> list[str]:
        """The ids of the batches' notifications that Slack took, in order, copies included."""
        ids = [each for post in self.posts for each in ids_of(post.message.metadata)]
        return [each for each in ids if each.startswith("batch_")]

    @property
    def was_skewed(self) -> bool:
        return any(each.kind is Kind.CLOCK for each in self.environment.had)

    @property
    def skew_s(self) -> int:
        """How far the bot's clock may have been wrong."""
        return max(MAX_SKEW_S, *(abs(each.by_s) for each in self.environment.had if each.kind is Kind.CLOCK), 0)

    @property
    def is_hard(self) -> bool:
        """Whether something ended in it, something failed and runs overlapped: others prove little."""
        ends = any(change.at >= NOW and change.status in TERMINAL for change in self.environment.openai.changes)
        return ends and any(call.result is not Result.ANSWERED for call in self.calls.made) and self.overlaps > 0

    def log(self, line: str) -> None:
        self.lines.append(f"{self.loop.now - NOW:+10.2f}  {line}")

    def log_broken(self, what: str) -> None:
        self.log(f"!! {what}")
        self.broken.append(what)

    def on_message(self, message: Message) -> None:
        self.log(f"Slack takes: {message.text.partition(chr(10))[0]} [{' '.join(ids_of(message.metadata))}]")
        self.posts.append(Post(self.calls.number, message, self.baseline_at))

    def on_rows(self, rows: list[Item]) -> None:
        """Note what a run is shown. If it dies now, it has not recorded it."""
        run = self.loop.run_number
        shown = self._shown[run]
        ended = {row["id"] for row in rows if row["status"] in TERMINAL and _has_outcome(row)}
        alive = {row["id"] for row in rows if row["status"] not in TERMINAL}
        self._shown[run] = Seen(shown.open | alive, shown.ended | ended)

    def on_poll(self, run: int, is_good: bool) -> None:
        """Count what this run was shown as recorded, if its poll came to a good end."""
        shown = self._shown.pop(run, Seen())
        if is_good:
            self.seen = Seen(self.seen.open | shown.open, self.seen.ended | shown.ended)
            return
        own = [call for call in self.calls.made if call.run == run]
        if not self.was_skewed and all(call.result is Result.ANSWERED and not call.fault for call in own):
            self.log_broken(f"the poll of run {run} failed, but every call was answered in time")

    def on_redeliver(self) -> None:
        """Only what Slack called malformed may still wait for a person, long after faults stopped."""
        malformed = {id for call in self.calls.made if call.fault is Fault.MALFORMED for id in call.what.split()}
        for waiting in self.facts.undelivered:
            if not any(id in waiting for id in malformed):
                self.log_broken(f"{waiting} waits for a person")

    def on_write(self, before: Item, after: Item) -> None:
        """A recorded end stays as it is until its record expires."""
        if Bot.is_poll_state(after) and self.baselines < self.environment.projects:
            self.baselines, self.baseline_at = self.environment.projects, self.loop.now
        record = Bot.record_in(before)
        if record is None or record.status not in TERMINAL:
            return
        now = Bot.record_in(after)
        if (now is None or now.status != record.status) and (record.ttl or self.loop.now) >= self.loop.now:
            self.log_broken(f"the record of {before['pk']['S']} was {record.status}, and is {now}")

    def on_end_of_run(self) -> None:
        """Neither time of the cursor passes a batch unread, and a baseline does not begin anew."""
        self.facts = Bot.facts(self.table)
        state = self.facts.state
        if state is None:
            return
        if abs(state.baseline_at - self.baseline_at) > self.skew_s + BASELINE_TAKES_S:
            self.log_broken(f"the baseline is {state.baseline_at}, and was {self.baseline_at:.0f}")
        for row in self.environment.rows:
            record = self.facts.records.get(row["id"])
            is_kept = row["created_at"] - self.skew_s > self.loop.now - self.schedule.retention_s
            if row["created_at"] < state.announce_from and record is None and is_kept:
                self.log_broken(f"announce_from has passed {row['id']}")
            is_followed = row["status"] in TERMINAL or row["id"] in self.facts.followed
            if row["created_at"] < state.read_back_to and not is_followed:
                self.log_broken(f"read_back_to has passed {row['id']}")


def _has_outcome(row: dict[str, Any]) -> bool:
    """Whether the row says how the batch ended. One without counts is retrieved, and may wait."""
    return row["status"] != "completed" or bool((row["request_counts"] or {}).get("total"))
