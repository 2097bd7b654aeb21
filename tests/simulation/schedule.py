"""What happens to a team's batches, its bot and the services around it: made from a seed, or written by hand.

All times are seconds after NOW unless they end in `_s`.
"""

from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Any

from local.openai_rows import counts
from local.openai_simulator import After
from tests.simulation.faults import System

NOW = 1_800_000_000
DAY_S = 86_400
LENGTH_S = 1500
MAX_LATE_S = 200
"""How late a row may be listed below newer ones, and by how much ..."""

MAX_SKEW_S = 90
"""... the bot's clock may differ: together less than the cursor's overlap of 300 s."""

TERMINAL = frozenset({"completed", "failed", "expired", "cancelled"})
DEFAULT_NOTIFY_ON = ("completed", "failed", "expired")


class Outcome(StrEnum):
    SUCCEEDED = "all succeeded"
    PARTLY_FAILED = "some failed"
    ALL_FAILED = "all failed"
    EMPTY = "empty"
    UNKNOWN = "unknown"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"

    @property
    def status(self) -> str:
        return self.value if self.value in TERMINAL else "completed"

    @property
    def fields(self) -> dict[str, Any]:
        """What the batch's row then says of its requests."""
        counted = {self.SUCCEEDED: (8, 8, 0), self.PARTLY_FAILED: (8, 5, 3), self.ALL_FAILED: (8, 0, 8)}
        counted |= {self.EMPTY: (0, 0, 0)}
        if self is Outcome.UNKNOWN:
            return {"request_counts": None}
        return {"request_counts": counts(*counted[self])} if self in counted else {}


@dataclass(frozen=True, slots=True)
class BatchLife:
    """One batch: created, in other statuses at its `steps`, ended with `outcome`, deleted.

    The list shows it `late_s` after its creation. It shows the end without counts for `countless_s`, and the
    status before the end once more, `stale_after_s` after the end, for a minute.
    """

    id: str
    created_at: int
    ended_at: int | None = None
    outcome: Outcome = Outcome.SUCCEEDED
    steps: tuple[tuple[int, str], ...] = ()
    late_s: int = 0
    countless_s: int = 0
    stale_after_s: int | None = None
    deleted_at: int | None = None


class Kind(StrEnum):
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
class Disruption:
    """`kind` from `at` on, for `for_s`; `by_s` is how far a clock is ahead."""

    kind: Kind
    at: int
    for_s: int
    by_s: int = 0


@dataclass(frozen=True, slots=True)
class Schedule:
    """`ticks` are when the bot runs. `fault_rate` is the share of the calls to `victims` that go wrong."""

    seed: int
    ticks: tuple[int, ...]
    batches: tuple[BatchLife, ...] = ()
    disruptions: tuple[Disruption, ...] = ()
    fault_rate: float = 0
    victims: tuple[System, ...] = tuple(System)
    page_size: int = 100
    unknown_after: After = After.REFUSED
    notify_on: tuple[str, ...] = DEFAULT_NOTIFY_ON
    retention_s: int = 30 * DAY_S
    index_lag_s: int = 0

    @property
    def length_s(self) -> int:
        return max([0, *self.ticks])


# Half of the servers do as OpenAI does.
_AFTER = (After.REFUSED, After.REFUSED, After.REFUSED, After.EMPTY_PAGE, After.FIRST_PAGE, After.NEVER_KNOWN)
_VICTIMS = ((System.POST,), (System.POST, System.READ), (System.OPENAI,), *[tuple(System)] * 3)
_NOTIFY_ON = (
    DEFAULT_NOTIFY_ON,
    DEFAULT_NOTIFY_ON,
    (*DEFAULT_NOTIFY_ON, "cancelled", "in_progress", "finalizing"),
    ("failed",),
)


def schedule_for(seed: int) -> Schedule:
    """The random schedule of this seed."""
    random = Random(seed)
    victims = random.choice(_VICTIMS)
    rates = (0, 0.01, 0.03, 0.1, 0.2) if len(victims) == len(System) else (0.2, 0.4, 0.6)
    return Schedule(
        seed=seed,
        ticks=_ticks(random),
        batches=tuple(_batch(random, f"batch_{n:02}") for n in range(random.choice((3, 8, 20)))),
        disruptions=tuple(_disruption(random) for _ in range(random.choice((0, 0, 1, 2, 3)))),
        fault_rate=random.choice(rates),
        victims=victims,
        page_size=random.choice((2, 3, 5, 100)),
        unknown_after=random.choice(_AFTER),
        notify_on=random.choice(_NOTIFY_ON),
        retention_s=random.choice((30 * DAY_S, 30 * DAY_S, 4 * 3600)),
        index_lag_s=random.choice((0, 3, 60)),
    )


def _ticks(random: Random) -> tuple[int, ...]:
    """One run every minute, or more that overlap."""
    runs = random.choice((1, 2, 2, 3))
    ticks = [
        minute + random.choice((0, 0, 1, 3, 10))
        for minute in range(5, LENGTH_S, 60)
        for run in range(runs)
        if run == 0 or random.random() < 0.7
    ]
    return tuple(sorted(ticks))


def _time(random: Random, start: int, end: int) -> int:
    """A time at which something happens; ties are common."""
    return random.randint(start, end) if random.random() < 0.7 else random.choice((-40, 100, 400, 800))


def _batch(random: Random, batch_id: str) -> BatchLife:
    created_at = _time(random, -600 if random.random() < 0.3 else 0, 1300)
    if random.random() < 0.1:
        created_at -= random.choice((3600, 9000, DAY_S))
    took_s = random.choice((2, 20, 50, 200, 600, DAY_S))
    ended_at = created_at + took_s if created_at + took_s < LENGTH_S + 8000 else None
    if created_at < -700 and random.random() < 0.5:
        ended_at = max(_time(random, 0, 1300), created_at + 1)
    lasts_s = took_s if ended_at is None else ended_at - created_at
    steps = sorted(random.sample(range(1, lasts_s), 2)) if lasts_s > 20 else []
    statuses = zip(steps, ("in_progress", "finalizing"), strict=False)
    return BatchLife(
        id=batch_id,
        created_at=created_at,
        ended_at=ended_at,
        outcome=random.choice(list(Outcome)),
        steps=tuple((created_at + after_s, status) for after_s, status in statuses),
        late_s=random.choice((0, 0, 0, 5, 70, MAX_LATE_S)),
        countless_s=random.choice((0, 0, 30, 400)),
        stale_after_s=random.choice((None, None, None, 15, 100)),
        deleted_at=_time(random, 100, 1300) if random.random() < 0.12 else None,
    )


def _disruption(random: Random) -> Disruption:
    by_s = random.choice((-MAX_SKEW_S, -40, 40, MAX_SKEW_S))
    return Disruption(random.choice(list(Kind)), _time(random, 0, 1200), random.choice((30, 150, 600, 1000)), by_s)
