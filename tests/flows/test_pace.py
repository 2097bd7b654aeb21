"""Pace: however much ends at once, no partition of the table is asked for more than it takes."""

from contextlib import suppress

from batchbell.adapters.batch_table import BatchTable
from batchbell.adapters.dynamodb import Table, make_client
from batchbell.adapters.openai_batches import OpenAIBatches
from batchbell.domain.errors import StaleError
from batchbell.flows.poll import poll
from local.memory_table import MemoryTable
from local.meter import Meter
from local.openai_simulator import OpenAISimulator
from tests.builders import DAY_S, NOW, a_policy
from tests.simulation.event_loop import EventLoop

MANY, LONGEST_S = 1500, 600
PARTITION_TAKES = 1000
"""Write units a second."""


def test_two_polls_that_meet_1_500_ends_at_once_ask_no_partition_for_more_than_it_takes() -> None:
    loop = EventLoop(seed=1, now=NOW)
    openai = OpenAISimulator(clock=lambda: loop.now)
    memory, client = MemoryTable(), make_client()
    memory.lie_beneath(client)
    meter = Meter(client.meta.events, memory.item_at, lambda: loop.now)
    batches = BatchTable(Table(client, "table", 30 * DAY_S, loop.pause))

    def run() -> None:
        listing = OpenAIBatches(openai.base_url, lambda _: openai.key, clock=lambda: loop.now)
        with suppress(StaleError):  # the other one was first
            poll(listing, batches, a_policy(), lambda: loop.now, loop.now + LONGEST_S, at_once=1)

    with openai:
        loop.start(run, LONGEST_S)
        loop.run_until(NOW + LONGEST_S)
        ids = [openai.add("failed")["id"] for _ in range(MANY)]
        for _ in range(2):
            loop.start(run, LONGEST_S)
        loop.run_until(loop.now + LONGEST_S)

    owed = [item for (pk, _), item in memory.items.items() if pk == "outbox"]
    assert len(owed) == 1 + len(ids)
    assert meter.busiest() <= PARTITION_TAKES
