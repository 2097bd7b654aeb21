"""The walk: it reads so many pages and no more, and the next one goes on where it stopped."""

from batchbell.adapters.batch_table import BatchTable
from batchbell.adapters.dynamodb import Table, make_client
from batchbell.adapters.openai_batches import OpenAIBatches
from batchbell.flows.poll import PollResult, poll
from local import openai_faults
from local.memory_table import MemoryTable
from local.openai_simulator import OpenAISimulator
from tests.builders import DAY_S, a_policy
from tests.clock import Clock

MOST_PAGES = 1000


def test_a_list_of_more_pages_than_a_walk_may_read_is_read_on_in_the_next_poll(clock: Clock) -> None:
    openai = OpenAISimulator(clock=clock)
    memory, client = MemoryTable(), make_client()
    memory.attach(client)
    batches = BatchTable(Table(client, "table", 30 * DAY_S, clock.sleep))

    def polled() -> PollResult:
        clock.at += 60
        listing = OpenAIBatches(openai.base_url, lambda _: openai.key, clock=clock)
        return poll(listing, batches, a_policy(), clock, clock() + 3600)

    with openai:
        polled()
        ids = [openai.add("failed")["id"] for _ in range(MOST_PAGES + 50)]
        openai.down = openai_faults.short_pages(1)
        first, second = polled(), polled()

    owed = {
        item["sk"]["S"].partition("#batch_")[2] for (pk, _), item in memory.items.items() if pk == "outbox"
    }
    assert (first.is_complete, first.failure, first.pages, first.recorded) == (False, None, 1000, 1000)
    assert (second.is_complete, second.pages <= 1 + 50 + 2, second.recorded) == (True, True, 50)
    assert {f"batch_{each}" for each in owed if each} == {f"{each}#failed" for each in ids}
