"""Try every fault at every call, one at a time: of a schedule with every kind of end, and of a deep one."""

from collections.abc import Iterator, Sequence

from tests.simulation.faults import FAULTS, Call, Fault, System
from tests.simulation.oracle import Report, check
from tests.simulation.schedule import NOW, BatchLife, Outcome, Schedule
from tests.simulation.simulation import Simulation
from tests.simulation.trace import Faults

NAMES = ("lost", "repeated", "allowed", "wrong")
_ENDED_AT = (150, 160, 250, 260, 270, 330, 335, 336)
EVERY_END = Schedule(
    seed=0,
    ticks=(5, 65, 125, 185, 245, 246, 305, 365),
    batches=(
        BatchLife("batch_old", -9000, -8000),
        BatchLife("batch_night", -4000, 190, steps=((-3000, "in_progress"), (100, "finalizing"))),
        *(
            BatchLife(f"batch_{n}", 20 * n, ended_at, outcome)
            for n, (outcome, ended_at) in enumerate(zip(Outcome, _ENDED_AT, strict=True))
        ),
        BatchLife("batch_swift", 190, 195, Outcome.FAILED),
        BatchLife("batch_late", 195, 200, Outcome.PARTLY_FAILED, late_s=100),
        BatchLife("batch_unsure", 195, 241, Outcome.PARTLY_FAILED, countless_s=90),
    ),
    page_size=5,
    notify_on=("completed", "failed", "expired", "cancelled"),
    index_lag_s=3,
)
DEEP = Schedule(
    seed=1,
    ticks=(5, 65, 125, 185, 186, 245),
    batches=(
        BatchLife("batch_deep", -3000, 150, Outcome.EXPIRED),
        BatchLife("batch_beside", -2990, 220),
        *(BatchLife(f"batch_old_{n}", -2900 + 400 * n, -2800 + 400 * n) for n in range(6)),
        BatchLife("batch_lost", -200, deleted_at=100),
        *(BatchLife(f"batch_{n}", n, 170, Outcome.PARTLY_FAILED) for n in range(6)),
    ),
    page_size=3,
    index_lag_s=60,
)
"""Two open batches lie far down the list, one is deleted, six ends are announced in one digest."""


def exhausted(schedule: Schedule, every: int = 1) -> Iterator[tuple[System, Faults, Report]]:
    """Yield the report on each fault at each call; only on each `every`-th, for a quick test.

    The history is read only after a reply was lost, so reads are tried where one is lost.
    """
    calls = _calls(schedule, {})
    posts = [n for n, call in enumerate(calls) if call.system is System.POST and "batch_" in call.what]
    lost = {posts[0]: Fault.CUT_AFTER}
    tried = [
        (call.system, before | {number: fault})
        for before, calls in (({}, calls), (lost, _calls(schedule, lost)))
        for number, call in enumerate(calls)
        if (call.system is System.READ) == bool(before)
        for fault in FAULTS[call.system]
    ]
    for system, faults in tried[::every]:
        trace = Simulation(schedule, faults).run()
        assert trace.faults == faults, "a fault found no call"
        yield system, faults, check(trace)


def _calls(schedule: Schedule, faults: Faults) -> list[Call]:
    """The calls of the schedule until it comes to rest."""
    calls = Simulation(schedule, faults).run().calls.made
    return [call for call in calls if call.at <= NOW + schedule.length_s + 60]


def summary(results: Sequence[tuple[System, Faults, Report]]) -> str:
    """One line for each system."""
    lines = []
    for system in System:
        reports = [report for of, _, report in results if of == system]
        sums = {name: sum(len(getattr(report, name)) for report in reports) for name in NAMES}
        lines.append(f"{len(reports):,} faults of {system}: {sums}")
    return "\n".join(lines)
