"""Listing: every batch of a server, by one of several clients, in a fresh process."""

import json
import sys
import time
from collections.abc import Callable
from http.client import HTTPConnection
from urllib.parse import urlsplit

from bench.listing_server import KEY


def floor(url: str) -> Callable[[], int]:
    """What any client has to do: one connection, a request for each page, its JSON parsed."""
    base = urlsplit(url)
    connection = HTTPConnection(base.netloc)

    def listed() -> int:
        query, count = "?limit=100", 0
        while True:
            connection.request(
                "GET", f"{base.path}/batches{query}", headers={"Authorization": f"Bearer {KEY}"}
            )
            page = json.loads(connection.getresponse().read())
            count += len(page["data"])
            if not page["has_more"]:
                return count
            query = f"?limit=100&after={page['data'][-1]['id']}"

    return listed


def requests(url: str) -> Callable[[], int]:
    """The same with the library that batchbell asks with."""
    from requests import Session  # noqa: PLC0415

    session = Session()

    def listed() -> int:
        params, count = {"limit": "100"}, 0
        while True:
            answer = session.get(f"{url}/batches", params=params, headers={"Authorization": f"Bearer {KEY}"})
            page = json.loads(answer.content)
            count += len(page["data"])
            if not page["has_more"]:
                return count
            params["after"] = page["data"][-1]["id"]

    return listed


def batchbell(url: str) -> Callable[[], int]:
    """batchbell's client, every row parsed into its values."""
    from batchbell.adapters.openai_batches import OpenAIBatches  # noqa: PLC0415

    client = OpenAIBatches(url, lambda _: KEY)

    def listed() -> int:
        after, count = None, 0
        while True:
            page = client.page(after, deadline_at=time.time() + 600)
            count += len(page.batches)
            if not page.has_more:
                return count
            after = page.batches[-1].id

    return listed


def openai(url: str) -> Callable[[], int]:
    """OpenAI's own package, as its documentation lists batches."""
    from openai import OpenAI  # noqa: PLC0415

    client = OpenAI(api_key=KEY, base_url=url)
    return lambda: sum(1 for _ in client.batches.list(limit=100))


CLIENTS: dict[str, Callable[[str], Callable[[], int]]] = {
    each.__name__: each for each in (floor, requests, batchbell, openai)
}


def main(client: str, url: str) -> None:
    """List once, and print how long that took once the client was ready to ask."""
    listed = CLIENTS[client](url)
    wall, cpu = time.perf_counter(), time.process_time()
    count = listed()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(json.dumps({"rows": count, "wall": wall, "cpu": cpu}))


if __name__ == "__main__":
    main(*sys.argv[1:])
