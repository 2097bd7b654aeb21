"""Played: a story that was played, what was done in it, and what was seen to break on the way."""

from dataclasses import dataclass, field
from typing import Any

from batchbell.adapters.batch_table import BatchTable
from batchbell.adapters.dynamodb import Table
from batchbell.domain.batch import TERMINAL
from batchbell.domain.watch import Watch
from local.memory_table import Item, MemoryTable
from local.openai_simulator import OpenAISimulator
from local.slack_simulator import Landed
from tests.bot import ids_of
from tests.builders import NOW
from tests.proof.faults import Fault
from tests.proof.stage import Stage
from tests.proof.story import Story
from tests.proof.wires import Wires
from tests.tables import NAME

Faults = dict[int, Fault]
"""What goes wrong, by the number of the call."""


@dataclass(frozen=True, slots=True)
class Post:
    """A message that Slack took, by call `number`; `baseline_at` is the baseline of the time."""

    number: int
    message: Landed
    baseline_at: int


@dataclass(slots=True)
class Played:
    """One story: its `lines` tell it, `watch` is what the last run left, `broken` what must never be."""

    story: Story
    stage: Stage
    openai: OpenAISimulator
    table: MemoryTable
    faults: Faults = field(default_factory=dict)
    posts: list[Post] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    runs: int = 0
    overlaps: int = 0
    watch: Watch | None = None
    wires: Wires = field(init=False)

    @property
    def is_hard(self) -> bool:
        """Whether something ended in it, something failed and runs overlapped: others prove little."""
        ends = any(change.at >= NOW and change.status in TERMINAL for change in self.openai.journal)
        upset = self.faults or self.story.upsets or self.story.restore
        return bool(ends and upset and self.overlaps)

    @property
    def baseline_at(self) -> int:
        return self.watch.baseline_at if self.watch else 0

    @property
    def undelivered(self) -> list[str]:
        """The keys of what is in the outbox."""
        return [sk for pk, sk in self.table.items if pk == "outbox" and not sk.startswith("lane#")]

    def say(self, line: str) -> None:
        self.lines.append(f"{self.stage.now - NOW:+10.2f}  {line}")

    def say_broken(self, what: str) -> None:
        self.say(f"!! {what}")
        self.broken.append(what)

    def see_post(self, message: Landed) -> None:
        self.say(f"Slack takes: {message.text.partition(chr(10))[0]} [{' '.join(ids_of(message.metadata))}]")
        self.posts.append(Post(self.wires.number, message, self.baseline_at))

    def see_write(self, before: Item, after: Item) -> None:
        """What a record says of an end it says for good, or until it expires."""
        status = before.get("status", {}).get("S")
        if status in TERMINAL and after.get("status") != before["status"]:
            expires_at = float(before.get("ttl", {}).get("N", "inf"))
            if expires_at > self.stage.now:
                self.say_broken(
                    f"the record of {before['pk']['S']} was {status}, and is {after.get('status')}"
                )

    def see_watch(self) -> None:
        """Neither time of the cursor may pass a batch unread."""
        self.watch = BatchTable(Table(_Reader(self.table), NAME, 0)).load_watch()  # type: ignore[arg-type]
        if self.watch is None:
            return
        cursor = self.watch.position.cursor
        for row in self.openai._rows.values():
            is_recorded = (f"batch#{row['id']}", "record") in self.table.items
            is_kept = row["created_at"] > self.stage.now - self.story.retention_s
            if row["created_at"] < cursor.seen_through and not is_recorded and is_kept:
                self.say_broken(f"seen_through has passed {row['id']}")
            is_unwatched = row["status"] not in TERMINAL and row["id"] not in self.watch.watched
            if row["created_at"] < cursor.read_back_to and is_unwatched:
                self.say_broken(f"read_back_to has passed {row['id']}")


class _Reader:
    """Reads the table aside, as no run does."""

    def __init__(self, memory: MemoryTable) -> None:
        self._memory = memory

    def get_item(self, **request: Any) -> Item:
        return self._memory("GetItem", request)
