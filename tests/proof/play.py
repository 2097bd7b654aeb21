"""Play: one story, told with our flows and adapters from its beginning until all has settled."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import asdict
from random import Random
from typing import TypeVar

import requests
from batchbell.adapters.batch_table import BatchTable
from batchbell.adapters.dynamodb import Table, make_client
from batchbell.adapters.openai_batches import OpenAIBatches
from batchbell.adapters.outbox_table import OutboxTable
from batchbell.adapters.slack_messages import SlackMessages
from batchbell.domain.errors import BatchbellError
from batchbell.domain.place import Place
from batchbell.flows.deliver import deliver
from batchbell.flows.poll import PollResult, poll
from batchbell.flows.tally import DeliverResult
from batchbell.handlers.schedule import DELIVER_AGAIN_SHARE, DELIVER_SHARE, POLL_SHARE, is_all_told

from local.memory_table import Item, Key, MemoryTable
from local.slack_simulator import CHANNEL, Landed
from tests.bot import TEAM
from tests.builders import DAY_S, NOW, a_policy
from tests.proof.calls import Calls
from tests.proof.faults import KINDS, Fault, System
from tests.proof.played import Faults, Known, Played
from tests.proof.stage import Killed, Stage
from tests.proof.story import Kind, Restore, Story
from tests.proof.surroundings import Surroundings
from tests.proof.wires import OpenAIWire, SlackWire, TableWire
from tests.tables import NAME

T = TypeVar("T")

TIMEOUT_S = 150
"""As template.yaml has it."""

SETTLE_S = 20 * 60
FORGET_S = 80 * 60
MOST_SETTLE_S = 14 * 3600


class Play:
    """The bot of one team and its surroundings, on a stage.

    What goes wrong is what the story's seed says, or else the given `faults`.
    """

    def __init__(self, story: Story, faults: Faults | None = None, table: MemoryTable | None = None) -> None:
        self.stage = Stage(story.seed, NOW - 3 * DAY_S)
        self.around = Surroundings(story, self.stage, self._say, self._see_post)
        self.table = table or MemoryTable()
        self.played = Played(story, self.stage, self.around, self.table)
        self.table.on_write = self.played.see_write
        self._story = story
        self._given = faults
        self._stopped_until = 0.0
        self._backup: dict[Key, Item] = {}
        self._known = Known()
        self._coming: dict[System, list[tuple[int, Fault]]] = defaultdict(list)
        self._connect()

    def _connect(self) -> None:
        """Make our adapters, and lay our wires beneath them."""
        story, openai, slack = self._story, self.around.openai, self.around.slack
        calls = Calls(self.stage, story.seed, self._choose, self._say)
        self.played.calls = calls
        client, session = make_client(), requests.Session()
        session.trust_env = False
        session.mount("http://", OpenAIWire(calls, openai, story.page_size, self.played.see_rows))
        TableWire(calls, client, self.table)
        self._slack_wire = SlackWire(calls, slack)
        table = Table(client, NAME, story.retention_s, self.stage.pause)
        self._outbox, self._batches = OutboxTable(table), BatchTable(table, story.watch_sizes)
        self._listing = OpenAIBatches(
            openai.base_url,
            lambda afresh: openai.key,
            clock=self.clock,
            sleep=self.stage.pause,
            random=lambda: 0.5,
            new_session=lambda: session,
        )
        self._messages = SlackMessages(
            slack.base_url, lambda afresh: slack.token, team=TEAM, clock=self.clock
        )

    def clock(self) -> float:
        """The bot's; overlapping runs differ a little."""
        return self.stage.now + self.around.skew_s + (self._story.seed + 7 * self.stage.number) % 5 - 2

    @property
    def second(self) -> int:
        """Of the story."""
        return int(self.stage.now) - NOW

    def run(self) -> Played:
        """Play it all. What breaks is found on the way, and by the judge afterwards."""
        story = self._story
        for life in story.lives:
            self.around.let_live(life)
        for upset in story.upsets:
            self.around.let_be_amiss(upset)
        if story.restore:
            self._let_restore(story.restore)
        for tick in story.ticks:
            self.around.at(tick, self.tick)
        try:
            self.stage.play(NOW + story.length_s + 1)
        except BaseException:
            self._close()
            raise
        return self.settle()

    def pass_time(self, seconds: float) -> None:
        self.stage.play(max(self.stage.now, NOW) + seconds)

    def let_fail(self, system: System, after: int, fault: Fault) -> None:
        """Let a call of this system go wrong, the one that comes after so many."""
        self._coming[system].append((after, fault))

    def settle(self) -> Played:
        """Let nothing fail any more, and the bot run until nothing is left to do; then it is over."""
        self.played.settles_from = self.stage.now
        self._coming.clear()
        self.around.mend()
        try:
            for until in self._settling():
                self.tick()
                self.stage.play(until)
        finally:
            self._close()
        return self.played

    def _settling(self) -> Iterator[float]:
        """When to run next: every minute, then seldom, for what waits for hours."""
        begun_at = self.stage.now
        while (settling_s := self.stage.now - begun_at) < MOST_SETTLE_S:
            least_s = SETTLE_S + (FORGET_S if self.around.removed_at else 0)
            if self._story.retention_s < DAY_S:
                least_s += self._story.retention_s + 3600
            if settling_s > least_s and not self.played.undelivered:
                return
            yield self.stage.now + (60 if settling_s < SETTLE_S else 1200)

    def _close(self) -> None:
        self.stage.close()
        self._slack_wire.close()
        self.around.close()

    def _let_restore(self, restore: Restore) -> None:
        def back_up() -> None:
            self._backup, self._known = dict(self.table.items), self.played.known
            self._say("the table is backed up")

        def put_back() -> None:
            self.stage.kill()
            self.table.items, self.played.known = dict(self._backup), self._known
            self._stopped_until = self.stage.now + restore.stop_s
            self._say(f"the bot stops, the table is restored, {restore.stop_s} s later it runs again")

        self.around.at(restore.backup_at, back_up)
        self.around.at(restore.at, put_back)

    def tick(self) -> None:
        """Let the bot run once, if it runs at all."""
        if self.stage.now >= self._stopped_until:
            self._forget()
            self.stage.begin(self._invoke, TIMEOUT_S)

    def _forget(self) -> None:
        """Delete some items that are past their time to live, as DynamoDB does in its own time."""
        random = Random(len(self.played.calls.made))
        for key, item in list(self.table.items.items()):
            if "ttl" in item and float(item["ttl"]["N"]) < self.clock() and random.random() < 0.5:
                del self.table.items[key]

    def _invoke(self) -> None:
        """What the schedule's handler does, deadlines included."""
        number, played, begun_at = self.stage.number, self.played, self.clock()
        played.runs += 1
        played.overlaps += len(self.stage.runs) > 1
        try:
            delivered = self._step(number, lambda: self._deliver(begun_at + DELIVER_SHARE * TIMEOUT_S))
            polled = self._step(number, lambda: self._poll(begun_at + POLL_SHARE * TIMEOUT_S))
            if polled and polled.failure is None:
                played.learn(number)
            if not is_all_told(delivered, polled):
                self._step(number, lambda: self._deliver(begun_at + DELIVER_AGAIN_SHARE * TIMEOUT_S))
        except Killed:
            self._say(f"run {number} dies")
            raise
        except Exception as error:
            played.say_broken(f"run {number} breaks: {error!r}")
            raise Killed from error
        played.see_watch()

    def _step(self, number: int, step: Callable[[], T]) -> T | None:
        """What came of a step; None where it failed."""
        try:
            result = step()
        except BatchbellError as error:
            self._say(f"run {number}: {type(error).__name__}: {error}")
            return None
        self._say_result(number, result)
        return result

    def _poll(self, deadline_at: float) -> PollResult:
        policy = a_policy(*self._story.notify_on, retention_s=self._story.retention_s)
        # One request at a time: the stage decides what comes first.
        return poll(self._listing, self._batches, policy, self.clock, deadline_at, at_once=1)

    def _deliver(self, deadline_at: float) -> DeliverResult:
        place, sleep = Place(TEAM, self.around.openai.base_url), self.stage.pause
        return deliver(self._outbox, self._messages, place, CHANNEL, self.clock, sleep, deadline_at)

    def _say_result(self, number: int, result: object) -> None:
        told = {name: value for name, value in asdict(result).items() if value}  # type: ignore[call-overload]
        if told.keys() - {"is_complete", "end", "pages", "open"}:
            said = ", ".join(f"{name}={value}" for name, value in told.items())
            self._say(f"run {number}: {type(result).__name__}({said})")

    def _choose(self, number: int, system: System, random: Random) -> Fault | None:
        fault = self._chosen(number, system, random)
        if fault:
            self.played.faults[number] = fault
        return fault

    def _chosen(self, number: int, system: System, random: Random) -> Fault | None:
        amiss = self.around.amiss
        if system is System.OPENAI and Kind.OPENAI_SLOW in amiss:
            return Fault.SILENT
        if system is System.TABLE and Kind.TABLE_DOWN in amiss:
            return Fault.THROTTLED
        if self._given is not None:
            fault = self._given.get(number)
            return fault if fault in KINDS[system] else self._come(system)
        is_victim = system in self._story.victims and self.played.settles_from is None
        return (
            random.choice(KINDS[system]) if is_victim and random.random() < self._story.fault_rate else None
        )

    def _come(self, system: System) -> Fault | None:
        """The fault whose turn it is, of those that are to come."""
        coming = self._coming[system]
        self._coming[system] = [(after - 1, fault) for after, fault in coming if after]
        return next((fault for after, fault in coming if not after), None)

    def _say(self, line: str) -> None:
        self.played.say(line)

    def _see_post(self, message: Landed) -> None:
        self.played.see_post(message)
