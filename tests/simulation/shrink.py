"""Find a smaller schedule that still breaks the promise."""

from collections.abc import Iterator
from dataclasses import replace

from tests.simulation.oracle import check
from tests.simulation.schedule import Schedule
from tests.simulation.simulation import Simulation
from tests.simulation.trace import Faults

MAX_SIMULATIONS = 300


def shrunk(schedule: Schedule, faults: Faults) -> tuple[Schedule, Faults]:
    """Leave out faults, disruptions, batches and runs for as long as something is broken."""
    left, smaller = MAX_SIMULATIONS, _smaller(schedule, faults)
    while left and (candidate := next(smaller, None)):
        left -= 1
        trace = Simulation(*candidate).run()
        if check(trace).broken:
            schedule, faults = candidate[0], trace.faults
            smaller = _smaller(schedule, faults)
    return schedule, faults


def _smaller(schedule: Schedule, faults: Faults) -> Iterator[tuple[Schedule, Faults]]:
    for part in _parts(len(faults)):
        yield (schedule, {number: faults[number] for number in [*faults][: part.start] + [*faults][part.stop :]})
    for name in ("disruptions", "batches", "ticks"):
        values = getattr(schedule, name)
        for part in _parts(len(values)):
            yield replace(schedule, **{name: values[: part.start] + values[part.stop :]}), faults
    plain = tuple(replace(life, late_s=0, countless_s=0, stale_after_s=None) for life in schedule.batches)
    if plain != schedule.batches:
        yield replace(schedule, batches=plain), faults


def _parts(length: int) -> Iterator[slice]:
    """All, halves, quarters, … of so many."""
    size = length
    while size:
        yield from (slice(start, start + size) for start in range(0, length, size))
        size //= 2
