"""Find a smaller schedule that still breaks the promise."""

from collections.abc import Iterator
from dataclasses import replace

from tests.simulation.oracle import check
from tests.simulation.schedule import Schedule
from tests.simulation.simulation import Simulation
from tests.simulation.trace import Faults

MAX_SIMULATIONS = 300


def shrunk(schedule: Schedule, faults: Faults) -> tuple[Schedule, Faults]:
    """Leave out batches, disruptions, runs and faults for as long as something is broken."""
    left = MAX_SIMULATIONS
    has_shrunk = True
    while has_shrunk:
        has_shrunk = False
        for smaller, fewer in _smaller(schedule, faults):
            left -= 1
            if left < 0:
                return schedule, faults
            trace = Simulation(smaller, fewer).run()
            if check(trace).broken:
                schedule, faults, has_shrunk = smaller, trace.faults, True
                break
    return schedule, faults


def _smaller(schedule: Schedule, faults: Faults) -> Iterator[tuple[Schedule, Faults]]:
    for part in _parts(len(faults)):
        yield (
            schedule,
            {number: faults[number] for number in [*faults][: part.start] + [*faults][part.stop :]},
        )
    for name in ("disruptions", "batches", "ticks"):
        values = getattr(schedule, name)
        for part in _parts(len(values)):
            yield replace(schedule, **{name: values[: part.start] + values[part.stop :]}), faults
    for place, life in enumerate(schedule.batches):
        for name, value in {"late_s": 0, "countless_s": 0, "stale_after_s": None, "steps": ()}.items():
            if getattr(life, name) != value:
                plain = replace(life, **{name: value})  # type: ignore[arg-type]
                batches = (*schedule.batches[:place], plain, *schedule.batches[place + 1 :])
                yield replace(schedule, batches=batches), faults


def _parts(length: int) -> Iterator[slice]:
    """All, halves, quarters, … of so many."""
    size = length
    while size:
        yield from (slice(start, start + size) for start in range(0, length, size))
        size //= 2
