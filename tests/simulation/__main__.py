"""Simulate one random schedule after the other, until time is up or one breaks the promise.

TIME=60       for how many seconds; SEED=0 the first seed, the next one is one more
STORIES=1     how many schedules, if not until time is up
KEEP_ON=1     go on after one that breaks the promise; BRIEF=1 does not shrink it
EXHAUST=1     one fault at every call of two schedules, instead of random ones
"""

import logging
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import count

from tests.simulation.exhaust import DEEP, EVERY_END, exhausted, summary
from tests.simulation.oracle import Statistics, check
from tests.simulation.schedule import Schedule, schedule_for
from tests.simulation.simulation import Simulation
from tests.simulation.trace import Faults

MAX_SIMULATIONS = 300


def main() -> int:
    logging.getLogger("batchbell").setLevel(logging.CRITICAL)
    # No AWS account is used.
    os.environ |= {"AWS_DEFAULT_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "-", "AWS_SECRET_ACCESS_KEY": "-"}
    if os.environ.get("EXHAUST"):
        return _exhaust()
    begun_at, statistics, is_broken = time.monotonic(), Statistics(), False
    first, most = int(os.environ.get("SEED") or 0), int(os.environ.get("STORIES") or 0)
    time_s = float(os.environ.get("TIME") or (60 if not most else "inf"))
    for seed in count(first):
        if time.monotonic() - begun_at > time_s or (most and seed == first + most):
            break
        trace = Simulation(schedule_for(seed)).run()
        report = check(trace)
        statistics.add(trace, report)
        if report.broken:
            is_broken = True
            print(f"seed {seed} breaks the promise:", *report.broken, sep="\n    ")
            if not os.environ.get("BRIEF"):
                _show(seed)
            if not os.environ.get("KEEP_ON"):
                break
    print(statistics.text())
    print(f"seeds {first} to {first + statistics.schedules - 1}, {time.monotonic() - begun_at:.0f} s")
    return is_broken


def _exhaust() -> int:
    is_broken = False
    for name, schedule in (("every kind of end", EVERY_END), ("deep", DEEP)):
        results = list(exhausted(schedule))
        for _, faults, report in results:
            if report.broken:
                is_broken = True
                print(f"with {faults}:", *report.broken, sep="\n    ")
        print(f"\n{name}:\n\n{summary(results)}", flush=True)
    return is_broken


def _show(seed: int) -> None:
    """Print the log of the smallest schedule found that still breaks the promise."""
    trace = Simulation(schedule_for(seed)).run()
    schedule, faults = shrunk(trace.schedule, trace.faults)
    trace = Simulation(schedule, faults).run()
    print("\nshrunk:", schedule, f"with {faults}", "", *trace.lines, "", *check(trace).broken, sep="\n")
    print(f"\nto repeat it: make prove SEED={seed} STORIES=1\n")


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


if __name__ == "__main__":
    sys.exit(main())
