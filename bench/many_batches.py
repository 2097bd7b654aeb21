"""Many batches: seconds, requests and memory of polls over a day's batches, at 100 ms a request.

OpenAI's side is the simulator, in a process of its own. The table's side is the watch's real items,
packed and unpacked, and records that are not kept: what DynamoDB adds is not measured here.
"""

import json
import resource
import sys
import time
from collections.abc import Sequence
from importlib import import_module
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

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

DAY_S, REQUEST_S = 86_400, 0.1


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


def serve(pipe: Connection, many: int) -> None:
    """The simulator: it says where it is, then ends all but so many when it is told."""
    with OpenAISimulator() as openai:
        now = int(time.time())
        ids = [
            openai.add(created_at=now - DAY_S + DAY_S * n // many, expires_at=now + DAY_S)["id"]
            for n in range(many)
        ]
        openai.down = openai_faults.slow(REQUEST_S)
        pipe.send((openai.base_url, openai.key))
        while True:
            left = pipe.recv()
            for place, batch_id in enumerate(ids):
                if place % (many // left):
                    openai.move(batch_id, "cancelled")
            pipe.send(None)


def measured(name: str, listing: OpenAIBatches, records: Memory) -> dict[str, Any]:
    """One poll. Raises: RuntimeError if it did not come to its end."""
    policy = Policy(frozenset({"failed"}), metadata_filter=(), retention_s=30 * DAY_S)
    begun_at, cpu_at = time.time(), time.process_time()
    result: PollResult = poll(listing, records, policy, time.time, begun_at + 600)
    if result.failure or not result.is_complete:
        raise RuntimeError(f"{name}: {result}")
    return {
        "poll": name,
        "open": result.open,
        "requests": result.pages + result.retrieved,
        "wall_s": time.time() - begun_at,
        "cpu_s": time.process_time() - cpu_at,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def main(many: int, left: int) -> None:
    import_module("batchbell.handlers.schedule")  # its memory counts, as in the function
    context = get_context("spawn")
    pipe, other_end = context.Pipe()
    server = context.Process(target=serve, args=(other_end, many), daemon=True)
    server.start()
    url, key = pipe.recv()
    listing, records = OpenAIBatches(url, lambda _: key), Memory()
    polls = [measured(name, listing, records) for name in ("the first, page by page", "all open")]
    pipe.send(left)
    pipe.recv()
    polls += [
        measured(name, listing, records)
        for name in (f"all but {left} have ended", f"{left} open, evenly spread")
    ]
    server.kill()
    print(json.dumps(polls))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
