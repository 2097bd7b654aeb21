"""Simulate one schedule, from its beginning until the bot has nothing left to do."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from random import Random

from local.memory_table import MemoryTable
from tests.simulation.bot import TIMEOUT_S, Bot
from tests.simulation.environment import Environment
from tests.simulation.event_loop import EventLoop, Killed
from tests.simulation.faults import FAULTS, Calls, Fault, System
from tests.simulation.schedule import DAY_S, NOW, Kind, Schedule
from tests.simulation.trace import Faults, Trace
from tests.simulation.wire import OpenAIWire, SlackWire, TableWire

SETTLE_S = 20 * 60
DELETED_AFTER_S = 80 * 60
PERSON_ACTS_AFTER_S = 8 * 3600
MAX_SETTLE_S = 14 * 3600


class Simulation:
    """The bot of one team and its environment, in virtual time.

    The faults are random, or else the given `faults`. `fault_for` may choose one by system and request.
    """

    def __init__(self, schedule: Schedule, faults: Faults | None = None, table: MemoryTable | None = None) -> None:
        self.loop = EventLoop(schedule.seed, NOW - 3 * DAY_S)
        self.fault_for: Callable[[System, str], Fault | None] = lambda system, what: None
        self.environment = Environment(schedule, self.loop, self._log)
        self.table = table or MemoryTable(lambda: self.loop.now, schedule.index_lag_s)
        self._schedule = schedule
        self._given = faults
        self._coming: dict[System, list[tuple[int, Fault]]] = defaultdict(list)
        calls = Calls(self.loop, schedule.seed, self._choose, self._log)
        self.trace = Trace(schedule, self.loop, self.environment, self.table, calls)
        self.table.on_write = self.trace.on_write
        self.environment.slack._on_message = self.trace.on_message
        self._slack_wire = SlackWire(calls, self.environment)
        self.connect_bot()

    def connect_bot(self) -> None:
        """Let a new process of the bot begin, as a new configuration makes it do."""
        self.bot = Bot(self.environment, self._schedule, self.clock, self.loop.pause)
        wire = OpenAIWire(self.trace.calls, self.environment, self._schedule.page_size, self.trace.on_rows)
        self.bot.session.mount("http://", wire)
        TableWire(self.trace.calls, self.bot.client, self.table)

    def clock(self) -> float:
        """The bot's clock; those of overlapping runs differ a little."""
        differs_s = (self._schedule.seed + 7 * self.loop.run_number) % 5 - 2
        return self.loop.now + self.environment.skew_s + differs_s

    def run(self) -> Trace:
        """Simulate the whole schedule."""
        for life in self._schedule.batches:
            self.environment.add(life)
        for disruption in self._schedule.disruptions:
            self.environment.disrupt(disruption)
        for tick in self._schedule.ticks:
            self.environment.at(tick, self.tick)
        try:
            self.loop.run_until(NOW + self._schedule.length_s + 1)
        except BaseException:
            self._close()
            raise
        return self.settle()

    def run_for(self, seconds: float) -> None:
        self.loop.run_until(max(self.loop.now, NOW) + seconds)

    def fail(self, system: System, after: int, fault: Fault) -> None:
        """Let one call of this system go wrong: the one that comes after so many."""
        self._coming[system].append((after, fault))

    def settle(self) -> Trace:
        """Stop all faults, and run the bot until nothing is left to do."""
        self.trace.settles_from = self.loop.now
        self._coming.clear()
        self.fault_for = lambda system, what: None
        self.environment.repair()
        try:
            for until in self._settling():
                self.tick()
                self.loop.run_until(until)
        finally:
            self._close()
        return self.trace

    def _settling(self) -> Iterator[float]:
        """Yield until when to wait after each run: a minute at first, then longer, for what waits for hours."""
        begun_at, has_acted = self.loop.now, False
        least_s = SETTLE_S + (DELETED_AFTER_S if self.environment.deleted_at else 0)
        if self._schedule.retention_s < DAY_S:
            least_s += self._schedule.retention_s + 3600
        while (settling_s := self.loop.now - begun_at) < MAX_SETTLE_S:
            if settling_s > least_s and not self.trace.facts.undelivered:
                return
            if settling_s > PERSON_ACTS_AFTER_S and not has_acted:
                has_acted = True
                self.trace.on_redeliver()
                self.loop.start(self.bot.redeliver, TIMEOUT_S)
            yield self.loop.now + (60 if settling_s < SETTLE_S else 1200)

    def _close(self) -> None:
        self.loop.close()
        self._slack_wire.close()
        self.environment.close()

    def tick(self) -> None:
        """Let the bot run once. Before, DynamoDB deletes some items that are past their time to live."""
        random = Random(len(self.trace.calls.made))
        for key, item in list(self.table.items.items()):
            if "ttl" in item and float(item["ttl"]["N"]) < self.clock() and random.random() < 0.5:
                del self.table.items[key]
        self.loop.start(self._invoke, TIMEOUT_S)

    def _invoke(self) -> None:
        run, trace = self.loop.run_number, self.trace
        trace.runs += 1
        trace.overlaps += len(self.loop.runs) > 1
        try:
            self.bot.run(lambda line: trace.log(f"run {run}: {line}"), lambda is_good: trace.on_poll(run, is_good))
        except Killed:
            trace.log(f"run {run} dies")
            raise
        except Exception as error:
            trace.log_broken(f"run {run} raises {error!r}")
            raise Killed from error
        trace.on_end_of_run()

    def _choose(self, number: int, system: System, what: str, random: Random) -> Fault | None:
        active, fault = self.environment.active, self.fault_for(system, what)
        if system is System.OPENAI and Kind.OPENAI_SLOW in active:
            fault = Fault.SILENT
        elif system is System.TABLE and Kind.TABLE_DOWN in active:
            fault = Fault.THROTTLED
        elif not fault and self._given is not None:
            fault = self._given.get(number)
            fault = fault if fault in FAULTS[system] else self._next(system)
        elif not fault and system in self._schedule.victims and self.trace.settles_from is None:
            is_wrong = random.random() < self._schedule.fault_rate
            fault = random.choice(FAULTS[system]) if is_wrong else None
        if fault:
            self.trace.faults[number] = fault
        return fault

    def _next(self, system: System) -> Fault | None:
        coming = self._coming[system]
        self._coming[system] = [(after - 1, fault) for after, fault in coming if after]
        return next((fault for after, fault in coming if not after), None)

    def _log(self, line: str) -> None:
        self.trace.log(line)
