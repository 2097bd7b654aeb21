"""A fixed part of what `make prove` tries, and why its result can be trusted."""

import re
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.memory_table import Item, MemoryTable
from tests.simulation.exhaust import DEEP, EVERY_END, exhausted
from tests.simulation.oracle import Statistics, check
from tests.simulation.schedule import BatchLife, Outcome, Schedule, schedule_for
from tests.simulation.simulation import Simulation
from tests.simulation.wire import ids_of


@pytest.mark.parametrize("first", range(0, 30, 10))
def test_whatever_fails_every_end_is_announced_and_none_repeated_against_the_promise(first: int) -> None:
    statistics, broken = Statistics(), []

    for seed in range(first, first + 10):
        trace = Simulation(schedule_for(seed)).run()
        report = check(trace)
        statistics.add(trace, report)
        broken += [f"seed {seed}: {each}" for each in report.broken]

    assert broken == []
    assert statistics.sums["numbers"]["hard"] >= 5
    assert statistics.sums["numbers"]["expected"] > 15


@pytest.mark.parametrize("schedule", [EVERY_END, DEEP], ids=["every end", "deep"])
def test_one_fault_at_any_call_breaks_nothing(schedule: Schedule) -> None:
    results = [*exhausted(schedule, every=61)]

    assert [(faults, report.broken) for _, faults, report in results if report.broken] == []
    assert len(results) > 10


def test_the_deep_schedule_has_open_batches_far_down_a_digest_and_a_deleted_batch() -> None:
    trace = Simulation(DEEP).run()

    ids = [ids_of(post.message.metadata) for post in trace.posts]
    assert check(trace).broken == ()
    assert ["batch_lost#gone"] in ids
    assert max(map(len, ids)) > 5


def test_a_seed_gives_one_course_of_events_and_so_do_its_faults() -> None:
    first, second = (Simulation(schedule_for(3)).run() for _ in range(2))

    again = Simulation(schedule_for(3), first.faults).run()

    assert first.faults
    assert first.calls.made == second.calls.made == again.calls.made
    one, two = (re.sub(r"127\.0\.0\.1:\d+", "", "\n".join(trace.lines)) for trace in (first, second))
    assert one == two


def test_the_oracle_misses_a_batch_that_the_server_listed_too_late() -> None:
    late = BatchLife("batch_late", 70, 80, Outcome.FAILED, late_s=1000)
    newer = BatchLife("batch_newer", 700, 710, Outcome.FAILED)

    trace = Simulation(Schedule(0, tuple(range(5, 2000, 60)), (late, newer))).run()

    assert check(trace).lost == ("batch_late#failed: never announced",)


@pytest.mark.parametrize("seed", [5, 6])
def test_the_table_in_memory_answers_as_motos_does(table: Any, seed: int) -> None:
    trace = Simulation(schedule_for(seed), table=Compared(table.client)).run()

    assert len(trace.calls.made) > 200
    assert check(trace).broken == ()


class Compared(MemoryTable):
    """The table in memory, each of whose answers must be moto's, too."""

    def __init__(self, client: Any) -> None:
        super().__init__()
        self._client = client

    def __call__(self, operation: str, request: Item) -> Item:
        is_repeated = request.get("ClientRequestToken") in self._tokens  # which moto does not look at
        ours = _outcome(lambda: super(Compared, self).__call__(operation, request))
        name = re.sub("(?<!^)([A-Z])", r"_\1", operation).lower()
        theirs = ours if is_repeated else _outcome(lambda: getattr(self._client, name)(**request))
        assert _answer(ours) == _answer(theirs), (operation, request)
        if isinstance(ours, ClientError):
            raise ours
        return ours


def _outcome(call: Any) -> Any:
    try:
        return call()
    except ClientError as error:
        return error


def _answer(outcome: Any) -> Any:
    """What the bot reads of an answer. A set has no order."""
    if isinstance(outcome, ClientError):
        response: Any = outcome.response
        reasons = [(each["Code"], _ordered(each.get("Item"))) for each in response.get("CancellationReasons", [])]
        return response["Error"]["Code"], _ordered(response.get("Item")), reasons
    batched = [_ordered(item) for items in outcome.get("Responses", {}).values() for item in items]
    return _ordered(outcome.get("Item")), [*map(_ordered, outcome.get("Items", []))], sorted(batched, key=str)


def _ordered(item: Item | None) -> Item:
    return {name: sorted(value.get("SS", ())) or value for name, value in (item or {}).items()}
