"""Targets: what was measured, the ratios that must hold in any run, and the budgets of the full one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from bench.measured import Run, Spread, ratio
from bench.polled import Cost

Runs = Mapping[str, Sequence[Run]]

NAMES = {
    "floor": "http.client and json",
    "requests": "requests and json",
    "batchbell": "batchbell",
    "openai": "openai",
}
A_DAY = 48_000
"""Batches: OpenAI lets a project create 2,000 an hour."""

WAYS = {"floor": "boto3 alone", "slack": "Slack function", "poll": "poll function", "usual": "the usual way"}


@dataclass(frozen=True, slots=True)
class Results:
    """All that one run measured."""

    rows: int
    listing: Runs
    ready: Runs
    from_source: Runs
    by_open: Sequence[Cost]
    by_history: Sequence[Cost]
    quiet: Cost
    day: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Target:
    """A ratio and the most that it may be; `why` is what takes the time."""

    claim: str
    reached: Spread
    most: float
    why: str

    def line(self) -> str:
        reached = f"{self.reached.median:.2f} ({self.reached.low:.2f} to {self.reached.high:.2f})"
        if self.reached.median <= self.most:
            return f"holds: {self.claim}: {reached}, at most {self.most:.2f}"
        missed_by = self.reached.median / self.most - 1
        return f"MISSED by {missed_by:.0%}: {self.claim}: {reached}, at most {self.most:.2f}; {self.why}"


@dataclass(frozen=True, slots=True)
class Budget:
    """A number that does not depend on the machine, or hardly, and the most that it may be."""

    claim: str
    reached: float
    most: float

    def line(self) -> str:
        verdict = "holds" if self.reached <= self.most else f"MISSED by {self.reached / self.most - 1:.0%}"
        return f"{verdict}: {self.claim}: {self.reached:,.4g}, at most {self.most:,}"


def listing_s(run: Run) -> float:
    return float(run.said["wall"])


def listing_cpu_s(run: Run) -> float:
    return float(run.said["cpu"])


def cpu_s(run: Run) -> float:
    return run.cpu_s


def wall_s(run: Run) -> float:
    return run.wall_s


def targets(results: Results) -> list[Target]:
    """What must hold in any run; ratios are taken round by round."""
    listing = results.listing
    parts = [median(map(listing_cpu_s, listing[name])) for name in ("floor", "requests", "batchbell")]
    why = (
        f"beyond the floor's {parts[0]:.2f} s CPU, requests takes {parts[1] - parts[0]:.2f} s over its calls and "
        f"making values of the rows {parts[2] - parts[1]:.2f} s"
    )
    found = [
        Target(
            f"listing, {what}, against {NAMES[peer]}",
            ratio(listing["batchbell"], listing[peer], of),
            most,
            why,
        )
        for what, of in (("wall", listing_s), ("CPU", listing_cpu_s))
        for peer, most in (("openai", 1 / 3), ("floor", 3.0))
    ]
    for kind, ready in (("with bytecode", results.ready), ("from source", results.from_source)):
        for way, most in (("slack", 1.5), ("poll", 1.75)):
            more = ready[way][0].said["modules"] - ready["floor"][0].said["modules"]
            why = f"it loads {more} modules more than boto3"
            claim = f"{WAYS[way]} ready {kind}, CPU, against boto3 alone"
            found.append(Target(claim, ratio(ready[way], ready["floor"], cpu_s), most, why))
    return found


def budgets(results: Results) -> list[Budget]:
    """What a day with as many batches as OpenAI takes may cost; none of a run with fewer."""
    _first, all_open, _ending, few_open = results.day
    if all_open["open"] < A_DAY:
        return []
    quiet, busiest = results.quiet, max(each.busiest for each in (*results.by_open, *results.by_history))
    polled, few = f"a quiet poll, {quiet.history:,} ended", f"{few_open['open']:,} open among {A_DAY:,}"
    every = f"all {all_open['open']:,} open"
    return [
        Budget(f"{polled}, requests to OpenAI", quiet.pages + quiet.retrieved, 1),
        Budget(f"{polled}, requests to the table", quiet.table_requests, 3),
        Budget(f"{polled}, read units", quiet.read_units, 10),
        Budget(f"{polled}, write units", quiet.write_units, 10),
        Budget(f"{few}, requests to OpenAI", few_open["requests"], 102),
        Budget(f"{every}, requests to OpenAI", all_open["requests"], 490),
        Budget(f"{every}, seconds", all_open["wall_s"], 60),
        Budget(f"{every}, peak of the process in MiB", max(each["peak_mib"] for each in results.day), 512),
        Budget(
            "write units a second of one partition, which takes 1,000, while two runs may overlap",
            busiest,
            500,
        ),
    ]
