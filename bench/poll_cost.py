"""Poll cost: what a run that announces nothing asks of OpenAI and of the table, by what is open and what is history."""

import json
import sys
from dataclasses import asdict, dataclass, field
from math import ceil

from batchbell.adapters.batch_table import BatchTable
from batchbell.adapters.dynamodb import Table, make_client
from batchbell.adapters.openai_batches import OpenAIBatches
from batchbell.adapters.outbox_table import OutboxTable
from batchbell.domain.policy import Policy
from batchbell.flows.poll import PollResult, poll

from bench.polled import Cost
from local.memory_table import MemoryTable
from local.meter import Meter
from local.openai_rows import WINDOW_S
from local.openai_simulator import OpenAISimulator

NOW = 1_800_000_000
DAY_S = 86_400
HISTORY_S = 30 * DAY_S
_MOST_POLLS = 60


@dataclass(slots=True)
class Bot:
    """A bot that polls once a minute."""

    openai: OpenAISimulator
    at: float = NOW
    meter: Meter = field(init=False)
    batches: BatchTable = field(init=False)
    outbox: OutboxTable = field(init=False)

    def __post_init__(self) -> None:
        memory, client = MemoryTable(), make_client()
        memory.attach(client)
        self.meter = Meter(client.meta.events, memory.item_at, self.clock)
        table = Table(client, "bench", HISTORY_S, self.sleep)
        self.batches, self.outbox = BatchTable(table), OutboxTable(table)

    def clock(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += seconds

    def poll(self) -> PollResult:
        """Look whether anything is owed, as a delivery does, then poll."""
        self.at += 60
        self.outbox.read(channel="C0BENCH")
        policy = Policy(frozenset({"completed", "failed", "expired"}), (), HISTORY_S)
        listing = OpenAIBatches(self.openai.base_url, lambda _: self.openai.key, clock=self.clock)
        return poll(listing, self.batches, policy, self.clock, self.at + 600)


def cost(open_count: int, history: int, polls: int) -> Cost:
    """Watch until all is known, then count."""
    listed = sorted([*ended(history), *still_open(open_count)], key=lambda each: each[0])
    bot = Bot(OpenAISimulator(clock=lambda: bot.at))
    ids = [bot.openai.add(status, created_at=at, **times)["id"] for at, status, times in listed]
    oldest = next((place for place, each in enumerate(listed) if each[1] == "in_progress"), None)
    meter, requests = bot.meter, bot.openai.requests
    with bot.openai:
        for _ in range(_MOST_POLLS):
            if bot.poll().is_complete:
                break
        busiest = meter.busiest()
        meter.clear()
        requests.clear()
        for _ in range(polls):
            bot.poll()
        pages = sum(asked.path == "/v1/batches" for asked in requests)
        return Cost(
            open=open_count,
            history=history,
            pages=pages / polls,
            retrieved=(len(requests) - pages) / polls,
            table_requests=meter.requests / polls,
            read_units=meter.read_units / polls,
            write_units=meter.write_units / polls,
            busiest=busiest,
            polls_to_tell=None if oldest is None else polls_to_tell(bot, ids[oldest]),
            plain_pages=1 if oldest is None else ceil((len(ids) - oldest) / 100),
        )


def ended(count: int) -> list[tuple[int, str, dict[str, int]]]:
    """When each was created, its status and times: evenly over the last month."""
    times = [int(NOW - HISTORY_S * (number + 0.5) / count) for number in range(count)]
    return [(at, "completed", {"completed_at": at + 600}) for at in times]


def still_open(count: int) -> list[tuple[int, str, dict[str, int]]]:
    """Evenly over the last day, none of them near its end."""
    return [
        (int(NOW - 0.9 * WINDOW_S * (number + 0.5) / count), "in_progress", {}) for number in range(count)
    ]


def polls_to_tell(bot: Bot, batch_id: str) -> int | None:
    """How many polls it takes until the end of this batch is owed to Slack."""
    bot.openai.move(batch_id, "completed")
    return next((number for number in range(1, _MOST_POLLS) if bot.poll().owed), None)


if __name__ == "__main__":
    print(json.dumps(asdict(cost(*map(int, sys.argv[1:])))))
