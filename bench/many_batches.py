"""Many batches: seconds, requests and memory of polls over 48,000, at 100 ms a request.

    python -m bench.many_batches

OpenAI's side is the simulator, in a process of its own. The table's side is the watch's real items,
packed and unpacked, and records that are not kept: what DynamoDB adds is not measured here.
"""

import resource
import sys
import time
from collections.abc import Sequence
from importlib import import_module
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

from batchbell.adapters.dynamodb import Item
from batchbell.adapters.openai_batches import OpenAIBatches
from batchbell.adapters.watch_items import head_from, items_of, with_shards
from batchbell.domain.batch import Batch
from batchbell.domain.policy import Policy
from batchbell.domain.record import Entry, Recorded
from batchbell.domain.watch import Watch
from batchbell.flows.poll import PollResult, poll
from local import openai_faults
from local.openai_simulator import OpenAISimulator

MANY, DAY_S, REQUEST_S = 48_000, 86_400, 0.1


class Memory:
    """The watch's items in memory, and records that are forgotten."""

    def __init__(self) -> None:
        self.head: Item | None = None
        self.shards: dict[str, Item] = {}

    def load_watch(self) -> Watch | None:
        return with_shards(head_from(self.head), list(self.shards.values())) if self.head else None

    def save_watch(self, watch: Watch, *_: object) -> Watch:
        written, self.head, writes = items_of(watch)
        for write in writes:
            if "Put" in write:
                self.shards[write["Put"]["Item"]["pk"]["S"]] = write["Put"]["Item"]
            else:
                del self.shards[write["Delete"]["Key"]["pk"]["S"]]
        return written

    def record(self, entries: Sequence[Entry], *_: object) -> Recorded:
        return Recorded(stored=tuple(entries))

    def recorded_batch(self, *_: object) -> Batch | None:
        return None


def serve(pipe: Connection) -> None:
    """The simulator: it says where it is, then ends all but every so many when it is told."""
    with OpenAISimulator() as openai:
        now = int(time.time())
        ids = [
            openai.add(created_at=now - DAY_S + DAY_S * n // MANY, expires_at=now + DAY_S)["id"]
            for n in range(MANY)
        ]
        openai.down = openai_faults.slow(REQUEST_S)
        pipe.send(openai.base_url)
        while True:
            left = pipe.recv()
            for place, batch_id in enumerate(ids):
                if place % (MANY // left):
                    openai.move(batch_id, "cancelled")
            pipe.send(None)


def measured(name: str, listing: OpenAIBatches, records: Memory) -> None:
    policy = Policy(frozenset({"failed"}), metadata_filter=(), retention_s=30 * DAY_S)
    begun_at, cpu_at = time.time(), time.process_time()
    result: PollResult = poll(listing, records, policy, time.time, begun_at + 600)
    took_s, cpu_s = time.time() - begun_at, time.process_time() - cpu_at
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{name:32} {took_s:6.1f} s {cpu_s:6.1f} s CPU  {result.pages:4} pages {result.retrieved:4} by id"
        f"  {result.open:6} open  peak {peak_mb:4.0f} MB  {result.failure or ''}"
    )


def main() -> None:
    import_module("batchbell.handlers.schedule")  # its memory counts, as in the function
    context = get_context("spawn")
    pipe, other_end = context.Pipe()
    server = context.Process(target=serve, args=(other_end,), daemon=True)
    server.start()
    listing = OpenAIBatches(pipe.recv(), lambda *_: "sk-test")
    records = Memory()
    measured("first poll, page by page", listing, records)
    measured(f"all {MANY:,} open", listing, records)
    pipe.send(100)
    pipe.recv()
    measured("all but 100 have ended", listing, records)
    measured("100 open, evenly spread", listing, records)
    server.kill()


if __name__ == "__main__":
    main()
