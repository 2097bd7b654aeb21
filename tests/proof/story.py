"""Story: what happens to a team's batches, its bot and the services around it, made of a seed."""

from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Any

from batchbell.adapters.watch_items import SIZES, Sizes

from local.openai_rows import counts
from local.openai_simulator import After
from tests.proof.faults import System

DAY_S = 86_400
LENGTH_S = 1500
MOST_LATE_S = 200
"""How late a row may show below newer ones here, and by how much ..."""

MOST_SKEW_S = 90
"""... the bot's clock may differ from the servers': together less than the cursor's overlap."""


SMALL = Sizes(head=140, shard=160)
"""So small that a few batches fill a head and several shards."""


class Verdict(StrEnum):
    """How a batch ends: its status and its counts."""

    SUCCEEDED = "all succeeded"
    PARTLY = "some failed"
    ALL_FAILED = "all failed"
    EMPTY = "empty"
    UNKNOWN = "unknown"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"

    @property
    def status(self) -> str:
        return self.value if self in (self.FAILED, self.EXPIRED, self.CANCELLED) else "completed"

    @property
    def fields(self) -> dict[str, Any]:
        shares = {self.SUCCEEDED: (8, 8, 0), self.PARTLY: (8, 5, 3), self.ALL_FAILED: (8, 0, 8)}
        if self is Verdict.UNKNOWN:
            return {"request_counts": None}
        if self is Verdict.EMPTY:
            return {"request_counts": counts(0, 0, 0)}
        return {"request_counts": counts(*shares[self])} if self in shares else {}


@dataclass(frozen=True, slots=True)
class Life:
    """One batch, in seconds of the story: born, at its `steps` in other statuses, ended as `verdict`.

    The list shows it `late_s` after its birth; its last status without its counts for
    `countless_s`, and once more, `flickers_s` after its end, as it was before. `removed_at`: the
    server forgets it.
    """

    id: str
    born_at: int
    steps: tuple[tuple[int, str], ...] = ()
    ended_at: int | None = None
    verdict: Verdict = Verdict.SUCCEEDED
    late_s: int = 0
    countless_s: int = 0
    flickers_s: int | None = None
    removed_at: int | None = None


class Kind(StrEnum):
    """What may be amiss for a while."""

    OPENAI_DOWN = "OpenAI answers 503"
    KEY_REFUSED = "OpenAI refuses the key"
    OPENAI_SLOW = "OpenAI takes 25 seconds for an answer"
    SLACK_DOWN = "Slack answers 502"
    SLACK_BUSY = "Slack answers 429"
    CHANNEL_REFUSED = "the bot is not in the channel"
    NO_HISTORY = "the channel's history may not be read"
    CLOCK = "the bot's clock is wrong"
    TABLE_DOWN = "the table throttles"


@dataclass(frozen=True, slots=True)
class Upset:
    """Something is amiss from `at` for `for_s`; `by_s` is how wrong a clock is."""

    kind: Kind
    at: int
    for_s: int
    by_s: int = 0


@dataclass(frozen=True, slots=True)
class Restore:
    """At `at` the bot stops, the table becomes what it was at `backup_at`, `stop_s` later it runs again."""

    backup_at: int
    at: int
    stop_s: int


@dataclass(frozen=True, slots=True)
class Story:
    """All that happens, in seconds from its beginning.

    `fault_rate` is the share of calls that go wrong: of those to the `victims`. `watch_sizes` are
    those of the watch's items.
    """

    seed: int
    ticks: tuple[int, ...]
    lives: tuple[Life, ...]
    upsets: tuple[Upset, ...] = ()
    restore: Restore | None = None
    fault_rate: float = 0
    victims: tuple[System, ...] = tuple(System)
    page_size: int = 100
    unknown_after: After = After.REFUSED
    notify_on: tuple[str, ...] = ("completed", "failed", "expired")
    retention_s: int = 30 * DAY_S
    watch_sizes: Sizes = SIZES

    @property
    def length_s(self) -> int:
        return max([0, *self.ticks])


def story_for(seed: int) -> Story:
    """The story of this seed."""
    random = Random(seed)
    restore = _restore(random) if random.random() < 0.25 else None
    length_s = LENGTH_S + (restore.stop_s if restore else 0)
    victims = random.choice((*_VICTIMS, tuple(System), tuple(System), tuple(System)))
    rates = (0, 0.01, 0.03, 0.1, 0.2) if len(victims) == len(System) else (0.2, 0.4, 0.6)
    return Story(
        seed=seed,
        ticks=_ticks(random, length_s, restore),
        lives=tuple(_life(random, f"batch_{n:02}", restore) for n in range(random.choice((3, 8, 20)))),
        upsets=tuple(_upset(random, restore) for _ in range(random.choice((0, 0, 1, 2, 3)))),
        restore=restore,
        fault_rate=random.choice(rates),
        victims=victims,
        page_size=random.choice((2, 3, 5, 100)),
        unknown_after=random.choice(_AFTER),
        notify_on=random.choice(_NOTIFY_ON),
        retention_s=random.choice((30 * DAY_S, 30 * DAY_S, 4 * 3600)),
        watch_sizes=random.choice((SIZES, SMALL)),
    )


# Half of the servers do as OpenAI does. Those that page in ways of their own have their tests among the dialects.
_AFTER = (After.REFUSED, After.REFUSED, After.REFUSED, After.EMPTY_PAGE, After.FIRST_PAGE, After.NEVER_KNOWN)
_VICTIMS = ((System.POST,), (System.POST, System.READ), (System.OPENAI,))
_NOTIFY_ON = (
    ("completed", "failed", "expired"),
    ("completed", "failed", "expired"),
    ("completed", "failed", "expired", "cancelled", "in_progress", "finalizing"),
    ("failed",),
)


def _restore(random: Random) -> Restore:
    at = random.randint(200, 1000)
    return Restore(random.randint(0, at - 60), at, random.choice((3700, 3700, 7300, 120)))


def _ticks(random: Random, length_s: int, restore: Restore | None) -> tuple[int, ...]:
    """Every minute one run, or more that overlap; none while the bot is stopped."""
    pollers = random.choice((1, 2, 2, 3))
    ticks = [
        minute + random.choice((0, 0, 1, 3, 10))
        for minute in range(5, length_s, 60)
        for poller in range(pollers)
        if poller == 0 or random.random() < 0.7
    ]
    if restore:
        ticks = [tick for tick in ticks if not restore.at <= tick < restore.at + restore.stop_s]
    return tuple(sorted(ticks))


def _time(random: Random, start: int, end: int, restore: Restore | None) -> int:
    """A time of the story, seldom one while the bot is stopped; ties are common."""
    at = random.randint(start, end) if random.random() < 0.7 else random.choice((-40, 100, 400, 800))
    stop_s = restore.stop_s if restore and random.random() < 0.8 else 0
    return at + stop_s if restore and at >= restore.at else at


def _life(random: Random, batch_id: str, restore: Restore | None) -> Life:
    born_at = _time(random, -600 if random.random() < 0.3 else 0, 1300, restore)
    if random.random() < 0.1:
        born_at -= random.choice((3600, 9000, DAY_S))
    took_s = random.choice((2, 20, 50, 200, 600, DAY_S))
    ended_at = born_at + took_s if born_at + took_s < LENGTH_S + 8000 else None
    if born_at < -700 and random.random() < 0.5:
        ended_at = _time(random, 0, 1300, restore)
    lasts_s = took_s if ended_at is None else ended_at - born_at
    steps = sorted(random.sample(range(1, lasts_s), 2)) if lasts_s > 20 else []
    courses = zip(steps, ("in_progress", "finalizing"), strict=False)
    return Life(
        id=batch_id,
        born_at=born_at,
        steps=tuple((born_at + after_s, status) for after_s, status in courses),
        ended_at=ended_at,
        verdict=random.choice(list(Verdict)),
        late_s=random.choice((0, 0, 0, 5, 70, MOST_LATE_S)),
        countless_s=random.choice((0, 0, 30, 400)),
        flickers_s=random.choice((None, None, None, 15, 100)),
        removed_at=_time(random, 100, 1300, restore) if random.random() < 0.12 else None,
    )


def _upset(random: Random, restore: Restore | None) -> Upset:
    kind = random.choice(list(Kind))
    at = _time(random, 0, 1200, restore)
    for_s = random.choice((30, 150, 600, 1000))
    return Upset(kind, at, for_s, random.choice((-MOST_SKEW_S, -40, 40, MOST_SKEW_S)))
