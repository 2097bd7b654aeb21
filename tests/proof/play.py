"""Play: one story, told with our flows and adapters from its beginning until all has settled."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from random import Random
from typing import Any

import requests

from batchbell.adapters.batch_table import BatchTable
from batchbell.adapters.dynamodb import Table, make_client
from batchbell.adapters.openai_batches import OpenAIBatches
from batchbell.adapters.outbox_table import OutboxTable
from batchbell.adapters.slack_messages import SlackMessages
from batchbell.domain.batch import TERMINAL
from batchbell.domain.errors import BatchbellError
from batchbell.domain.place import Place
from batchbell.domain.watch import Watch
from batchbell.flows.deliver import deliver
from batchbell.flows.poll import poll
from batchbell.handlers.schedule import DELIVER_AGAIN_SHARE, DELIVER_SHARE, POLL_SHARE
from local import openai_faults, slack_faults
from local.openai_rows import counts
from local.openai_simulator import OpenAISimulator
from local.slack_simulator import CHANNEL, Landed, SlackSimulator
from tests.bot import ids_of
from tests.builders import DAY_S, NOW, a_policy
from tests.proof.faults import KINDS, Fault, System
from tests.proof.memory import Item, Memory
from tests.proof.stage import Killed, Stage
from tests.proof.story import Kind, Life, Restore, Story, Upset
from tests.proof.wires import OpenAIWire, SlackWire, TableWire, Wires
from tests.tables import NAME

TEAM = "search"
TIMEOUT_S = 150
SETTLE_S = 12 * 60
FORGET_S = 80 * 60
MOST_SETTLE_S = 14 * 3600

Faults = dict[int, Fault]


@dataclass(frozen=True, slots=True)
class Post:
    """A message that Slack took, by call `number`; `baseline_at` is the baseline of the time."""

    number: int
    message: Landed
    baseline_at: int


@dataclass(slots=True)
class Played:
    """A story that was played: what was done, and what came of it."""

    story: Story
    openai: OpenAISimulator
    wires: Wires
    table: Memory
    faults: Faults = field(default_factory=dict)
    posts: list[Post] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    runs: int = 0
    overlaps: int = 0
    baseline_at: int = 0
    watch: Watch | None = None

    @property
    def is_hard(self) -> bool:
        """Whether something ended in it, something failed and runs overlapped: others prove little."""
        ends = any(change.at >= NOW and change.status in TERMINAL for change in self.openai.journal)
        upset = self.faults or self.story.upsets or self.story.restore
        return bool(ends and upset and self.overlaps)


class Play:
    """The bot of one team and its surroundings, on a stage."""

    def __init__(
        self,
        story: Story,
        faults: Faults | None = None,
        table: Memory | None = None,
    ) -> None:
        self.story = story
        self.stage = Stage(story.seed, NOW - 3 * DAY_S)
        self.openai = OpenAISimulator(clock=lambda: self.stage.now)
        self.slack = SlackSimulator(clock=lambda: self.stage.now, on_message=self._posted)
        self.openai.unknown_after = story.unknown_after
        self._servers = (self.openai._server, self.slack._server)
        self.memory = table or Memory()
        self.memory.on_write = self._written
        self._given = faults
        self._is_settling = False
        self._amiss: list[Upset] = []
        self._skew_s = 0.0
        self._stopped_until = 0.0
        self._backup: dict[Any, Item] = {}
        self.wires = Wires(self.stage, story.seed, self._choose, self._say)
        self.played = Played(story, self.openai, self.wires, self.memory)
        client = make_client()
        TableWire(self.wires, client, self.memory)
        SlackWire(self.wires, self.slack)
        session = requests.Session()
        session.trust_env = False
        session.mount("http://", OpenAIWire(self.wires, self.openai, story.page_size))
        self._policy = a_policy(*story.notify_on, retention_s=story.retention_s)
        self._table = Table(client, NAME, story.retention_s, self.stage.pause)
        self._listing = OpenAIBatches(
            self.openai.base_url,
            lambda afresh: self.openai.key,
            clock=self.clock,
            sleep=self.stage.pause,
            random=lambda: 0.5,
            new_session=lambda: session,
        )
        self._messages = SlackMessages(
            self.slack.base_url, lambda afresh: self.slack.token, team=TEAM, clock=self.clock
        )

    def clock(self) -> float:
        return self.stage.now + self._skew_s

    def run(self) -> Played:
        """Play it all. What breaks is found by the judge, afterwards and at each step."""
        story = self.story
        for life in story.lives:
            self.let_live(life)
        for upset in story.upsets:
            self.let_be_amiss(upset)
        if story.restore:
            self._schedule_restore(story.restore)
        for tick in story.ticks:
            self._at(tick, self.tick)
        try:
            self.stage.play(NOW + story.length_s + 1)
            self._settle()
        finally:
            self.close()
        return self.played

    def pass_time(self, seconds: float) -> None:
        self.stage.play(max(self.stage.now, NOW) + seconds)

    def settle(self) -> Played:
        """Let all come to rest, and the play be over."""
        try:
            self._settle()
        finally:
            self.close()
        return self.played

    def close(self) -> None:
        self.stage.close()
        for server in self._servers:
            server.server_close()

    def _settle(self) -> None:
        """Let nothing fail any more, and the bot run until nothing is left to do."""
        self._is_settling = True
        self._amiss.clear()
        self._show_amiss()
        begun_at, least_s = self.stage.now, SETTLE_S
        if any(life.removed_at for life in self.story.lives):
            least_s += FORGET_S
        if self.story.retention_s < DAY_S:
            least_s += self.story.retention_s + 3600
        while (settling_s := self.stage.now - begun_at) < MOST_SETTLE_S:
            if settling_s > least_s and not self.undelivered():
                return
            self.tick()
            self.stage.play(self.stage.now + (60 if settling_s < SETTLE_S else 1200))

    def undelivered(self) -> list[Item]:
        items = self.memory.items
        return [items[key] for key in items if key[0] == "outbox" and not key[1].startswith("lane#")]

    # What happens

    def _at(self, at_s: float, act: Callable[[], object]) -> None:
        self.stage.at(NOW + at_s, act)

    @property
    def second(self) -> int:
        """Of the story."""
        return int(self.stage.now) - NOW

    def let_live(self, life: Life) -> None:
        """Let all happen that happens to a batch."""
        for at, status in life.steps:
            self._during(life, at, lambda status=status: self.openai.move(life.id, status))  # type: ignore[misc]
        self._during(life, life.born_at, lambda: self._bear(life))
        self._at(life.born_at + life.late_s, lambda: self.openai.unlisted.discard(life.id))
        if life.ended_at is not None:
            self._during(life, life.ended_at, lambda: self._end(life))
        if life.removed_at is not None and life.removed_at > life.born_at:
            self._at(life.removed_at, lambda: self._remove(life))

    def _during(self, life: Life, at: int, act: Callable[[], object]) -> None:
        if at <= self.story.length_s and at < (life.removed_at or at + 1):
            self._at(at, act)

    def _bear(self, life: Life) -> None:
        if life.late_s:
            self.openai.unlisted.add(life.id)
        self.openai.add("validating", id=life.id, created_at=int(self.stage.now))
        self._say(f"{life.id} is born{f', and listed {life.late_s} s later' if life.late_s else ''}")

    def _end(self, life: Life) -> None:
        before = next(row for row in self.openai.batches if row["id"] == life.id)
        ended = self.openai.move(life.id, life.verdict.status, **life.verdict.fields)
        self._say(f"{life.id} ends: {life.verdict}")
        if life.countless_s and life.verdict.status == "completed":
            countless = ended | {"request_counts": counts(0, 0, 0), "error_file_id": None}
            self._show(life.id, countless, 0, life.countless_s)
        if life.flickers_s is not None:
            self._show(life.id, before, life.flickers_s, 60)

    def _show(self, batch_id: str, row: Item, after_s: int, for_s: int) -> None:
        """Let the list show this row for a while, whatever is true."""
        at = self.stage.now - NOW + after_s

        def show() -> None:
            self._say(f"the list shows {batch_id} as {row['status']}, {for_s} s long")
            self.openai.stale[batch_id] = row

        self._at(at, show)
        self._at(at + for_s, lambda: self.openai.stale.pop(batch_id, None) and None)

    def _remove(self, life: Life) -> None:
        self.openai.remove(life.id)
        self._say(f"{life.id} is deleted")

    def let_be_amiss(self, upset: Upset) -> None:
        def begin() -> None:
            self._say(f"{upset.kind}{f' by {upset.by_s} s' if upset.kind is Kind.CLOCK else ''}")
            self._amiss.append(upset)
            self._show_amiss()

        def end() -> None:
            if upset in self._amiss:
                self._say(f"no more: {upset.kind}")
                self._amiss.remove(upset)
                self._show_amiss()

        self._at(upset.at, begin)
        self._at(upset.at + upset.for_s, end)

    def let_fail(self, after: int, fault: Fault) -> None:
        """Let the call that comes after so many go wrong, if it can do so in this way."""
        assert self._given is not None
        self._given[len(self.wires.calls) + after] = fault

    def _show_amiss(self) -> None:
        amiss = {upset.kind for upset in self._amiss}
        skews = [upset.by_s for upset in self._amiss if upset.kind is Kind.CLOCK]
        self._skew_s = skews[-1] if skews else 0
        openai, slack = self.openai, self.slack
        openai.down = openai_faults.error(503) if Kind.OPENAI_DOWN in amiss else None
        openai.down = openai_faults.error(401) if Kind.KEY_REFUSED in amiss else openai.down
        slack.down = slack_faults.html(502) if Kind.SLACK_DOWN in amiss else None
        slack.down = slack_faults.ratelimited("40") if Kind.SLACK_BUSY in amiss else slack.down
        slack.channels[CHANNEL] = "not_in_channel" if Kind.CHANNEL_REFUSED in amiss else None
        slack.scopes = {"chat:write"} if Kind.NO_HISTORY in amiss else {"chat:write", "channels:history"}

    def _schedule_restore(self, restore: Restore) -> None:
        def back_up() -> None:
            self._backup = dict(self.memory.items)
            self._say("the table is backed up")

        def put_back() -> None:
            self.stage.kill()
            self.memory.items = dict(self._backup)
            self._stopped_until = self.stage.now + restore.stop_s
            self._say(f"the bot stops, the table is restored, {restore.stop_s} s later it runs again")

        self._at(restore.backup_at, back_up)
        self._at(restore.at, put_back)

    # The bot

    def tick(self) -> None:
        if self.stage.now >= self._stopped_until:
            self._forget()
            self.stage.begin(self._invoke, TIMEOUT_S)

    def _forget(self) -> None:
        """Delete some items that are past their time to live, as DynamoDB does in its own time."""
        random = Random(len(self.wires.calls))
        for key, item in list(self.memory.items.items()):
            if "ttl" in item and float(item["ttl"]["N"]) < self.clock() and random.random() < 0.5:
                del self.memory.items[key]

    def _invoke(self) -> None:
        """What the schedule's handler does, deadlines included."""
        played = self.played
        played.runs += 1
        number = self.stage.number
        played.overlaps += len(self.stage.runs) > 1
        begun_at = self.clock()
        outbox, batches = OutboxTable(self._table), BatchTable(self._table)
        place = Place(TEAM, self.openai.base_url)

        def deliver_until(share: float) -> object:
            until = begun_at + share * TIMEOUT_S
            return deliver(outbox, self._messages, place, CHANNEL, self.clock, self.stage.pause, until)

        steps: tuple[Callable[[], object], ...] = (
            lambda: deliver_until(DELIVER_SHARE),
            lambda: poll(
                self._listing,
                batches,
                self._policy,
                self.clock,
                begun_at + POLL_SHARE * TIMEOUT_S,
                at_once=1,  # the stage decides what comes first
            ),
            lambda: deliver_until(DELIVER_AGAIN_SHARE),
        )
        try:
            for step in steps:
                try:
                    self._say_result(number, step())
                except BatchbellError as error:
                    self._say(f"run {number}: {type(error).__name__}: {error}")
        except Killed:
            self._say(f"run {number} dies")
            raise
        except Exception as error:
            self._break(f"run {number} breaks: {error!r}")
            raise Killed from error
        self._look_at_watch()

    def _say_result(self, number: int, result: object) -> None:
        told = {name: value for name, value in asdict(result).items() if value}  # type: ignore[call-overload]
        if told.keys() - {"is_complete", "end", "pages", "open"}:
            said = ", ".join(f"{name}={value}" for name, value in told.items())
            self._say(f"run {number}: {type(result).__name__}({said})")

    def _look_at_watch(self) -> None:
        """See whether the cursor has passed something unread: neither of its times may."""
        read_table = Table(_Reader(self.memory), NAME, 0)  # type: ignore[arg-type]
        watch = BatchTable(read_table).load_watch()
        if watch is None:
            return
        self.played.watch, self.played.baseline_at = watch, watch.baseline_at
        cursor = watch.position.cursor
        for row in self.openai._rows.values():
            is_recorded = (f"batch#{row['id']}", "record") in self.memory.items
            is_kept = row["created_at"] > self.stage.now - self.story.retention_s
            if row["created_at"] < cursor.seen_through and not is_recorded and is_kept:
                self._break(f"seen_through has passed {row['id']}")
            is_open = row["status"] not in TERMINAL
            if row["created_at"] < cursor.read_back_to and is_open and row["id"] not in watch.watched:
                self._break(f"read_back_to has passed {row['id']}")

    def _posted(self, message: Landed) -> None:
        self._say(f"Slack takes: {message.text.partition(chr(10))[0]} [{' '.join(ids_of(message.metadata))}]")
        self.played.posts.append(Post(self.wires.number, message, self.played.baseline_at))

    def _written(self, before: Item, after: Item) -> None:
        """What a record says of an end it says for good."""
        status = before.get("status", {}).get("S")
        if status in TERMINAL and after.get("status") != before["status"]:
            is_expired = "ttl" in before and float(before["ttl"]["N"]) < self.clock()
            if not is_expired:
                self._break(f"the record of {before['pk']['S']} was {status}, and is {after.get('status')}")

    def _break(self, what: str) -> None:
        self._say(f"!! {what}")
        self.played.broken.append(what)

    # Calls

    def _choose(self, number: int, system: System, random: Random) -> Fault | None:
        fault = self._chosen(number, system, random)
        if fault:
            self.played.faults[number] = fault
        return fault

    def _chosen(self, number: int, system: System, random: Random) -> Fault | None:
        if self._is_settling:
            return None
        amiss = {upset.kind for upset in self._amiss}
        if system is System.OPENAI and Kind.OPENAI_SLOW in amiss:
            return Fault.SILENT
        if system is System.TABLE and Kind.TABLE_DOWN in amiss:
            return Fault.THROTTLED
        if self._given is not None:
            fault = self._given.get(number)
            return fault if fault in KINDS[system] else None
        if system not in self.story.victims or random.random() >= self.story.fault_rate:
            return None
        return random.choice(KINDS[system])

    def _say(self, line: str) -> None:
        at = self.stage.now - NOW
        self.played.lines.append(f"{at:+10.2f}  {line}")


class _Reader:
    """Reads the table aside, as no run does."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def get_item(self, **request: Any) -> Item:
        return self._memory("GetItem", request)
