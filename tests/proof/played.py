"""Played: a story that was played, what was done in it, and what was seen to break on the way."""

from collections import defaultdict
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
from tests.proof.calls import Calls
from tests.proof.faults import Fault
from tests.proof.stage import Stage
from tests.proof.story import MOST_SKEW_S, Story
from tests.proof.surroundings import Surroundings
from tests.tables import NAME

Faults = dict[int, Fault]
"""What goes wrong, by the number of the call."""

BEGINS_WITHIN_S = 60
"""How long the bot may take to write down a baseline that it has begun."""


@dataclass(frozen=True, slots=True)
class Post:
    """A message that Slack took, by call `number`; `baseline_at` is the baseline of the time."""

    number: int
    message: Landed
    baseline_at: float


@dataclass(frozen=True, slots=True)
class Known:
    """What a run has been shown, and lived to write down: batches while open, and with how they ended."""

    open: frozenset[str] = frozenset()
    ended: frozenset[str] = frozenset()


@dataclass(slots=True)
class Played:
    """One story: its `lines` tell it, `watch` is what the last run left, `broken` what must never be.

    `baseline_at` is when the table first held a watch, or did so again; `settles_from` when faults
    stopped. `windows` counts the pages asked for elsewhere than where the page before ended.
    """

    story: Story
    stage: Stage
    around: Surroundings
    table: MemoryTable
    faults: Faults = field(default_factory=dict)
    posts: list[Post] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    runs: int = 0
    overlaps: int = 0
    windows: int = 0
    watch: Watch | None = None
    baseline_at: float = 0
    settles_from: float | None = None
    known: Known = Known()
    calls: Calls = field(init=False)
    _shown: dict[int, Known] = field(default_factory=lambda: defaultdict(Known))
    _last: dict[int, str] = field(default_factory=dict)

    @property
    def openai(self) -> OpenAISimulator:
        return self.around.openai

    @property
    def is_hard(self) -> bool:
        """Whether something ended in it, something failed and runs overlapped: others prove little."""
        ends = any(change.at >= NOW and change.status in TERMINAL for change in self.openai.changes)
        has_failed = self.story.restore or not all(call.is_answered for call in self.calls.made)
        return bool(ends and has_failed and self.overlaps)

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
        self.posts.append(Post(self.calls.number, message, self.baseline_at))

    def see_rows(self, rows: list[Item], after: str | None) -> None:
        """What a run is shown, of which nothing is known yet if it dies now."""
        run = self.stage.number
        self.windows += after not in (None, self._last.get(run))
        self._last[run] = rows[-1]["id"] if rows else ""
        shown = self._shown[run]
        ended = {row["id"] for row in rows if row["status"] in TERMINAL and _is_clear(row)}
        alive = {row["id"] for row in rows if row["status"] not in TERMINAL}
        self._shown[run] = Known(shown.open | alive, shown.ended | ended)

    def learn(self, run: int) -> None:
        """What this run was shown is known from now on: its poll came to an end."""
        shown = self._shown[run]
        self.known = Known(self.known.open | shown.open, self.known.ended | shown.ended)

    def see_write(self, before: Item, after: Item) -> None:
        """What a record says of an end it says for good, or until it expires."""
        if after.get("pk") == {"S": "watch"} and not before:
            self.baseline_at = self.stage.now
        status = before.get("status", {}).get("S")
        if status not in TERMINAL:
            return
        expires_at = float(before.get("ttl", {}).get("N", "inf"))
        if after.get("status") != before["status"] and expires_at > self.stage.now:
            self.say_broken(f"the record of {before['pk']['S']} was {status}, and is {after.get('status')}")

    def see_watch(self) -> None:
        """Neither time of the cursor may pass a batch unread, and a baseline is never begun anew."""
        self.watch = BatchTable(Table(_Reader(self.table), NAME, 0)).load_watch()  # type: ignore[arg-type]
        if self.watch is None:
            return
        if abs(self.watch.baseline_at - self.baseline_at) > MOST_SKEW_S + BEGINS_WITHIN_S:
            self.say_broken(f"the baseline is {self.watch.baseline_at}, and was {self.baseline_at:.0f}")
        cursor = self.watch.position.cursor
        for row in self.openai._rows.values():
            is_recorded = (f"batch#{row['id']}", "record") in self.table.items
            is_kept = row["created_at"] - MOST_SKEW_S > self.stage.now - self.story.retention_s
            if row["created_at"] < cursor.seen_through and not is_recorded and is_kept:
                self.say_broken(f"seen_through has passed {row['id']}")
            is_unwatched = row["status"] not in TERMINAL and row["id"] not in self.watch.watched
            if row["created_at"] < cursor.read_back_to and is_unwatched:
                self.say_broken(f"read_back_to has passed {row['id']}")


def _is_clear(row: Item) -> bool:
    """Whether the row says how its requests fared: what does not is asked for again, and may wait."""
    counted = row["request_counts"]
    return row["status"] != "completed" or bool(counted and counted["total"])


class _Reader:
    """Reads the table aside, as no run does."""

    def __init__(self, memory: MemoryTable) -> None:
        self._memory = memory

    def get_item(self, **request: Any) -> Item:
        return self._memory("GetItem", request)

    def batch_get_item(self, **request: Any) -> Item:
        return self._memory("BatchGetItem", request)
