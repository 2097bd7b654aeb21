"""Every batch of a server, listed by one of several clients in a fresh process; and that server."""

import json
import resource
import sys
import time
from collections.abc import Callable
from http.client import HTTPConnection
from urllib.parse import parse_qs, urlsplit

KEY = "sk-test"
HEADERS = {"Authorization": f"Bearer {KEY}"}
PAGE = 100
STATUSES = ("completed", "completed", "completed", "failed", "completed", "in_progress", "expired")

Listing = Callable[[], int]
"""Lists all batches and returns how many there are."""


def http_client(url: str) -> Listing:
    """Return what any client must do: one connection, a request for each page, its JSON parsed."""
    base = urlsplit(url)
    connection = HTTPConnection(base.netloc)

    def page(query: str) -> bytes:
        connection.request("GET", base.path + query, headers=HEADERS)
        return connection.getresponse().read()

    return _loop(page)


def requests(url: str) -> Listing:
    """Return the same with the library that batchbell uses."""
    from requests import Session  # noqa: PLC0415

    session = Session()
    return _loop(lambda query: session.get(url + query, headers=HEADERS).content)


def batchbell(url: str) -> Listing:
    """Return batchbell's client, which makes values of every row."""
    from batchbell.config import Server  # noqa: PLC0415
    from batchbell.openai.client import OpenAIClient  # noqa: PLC0415

    client = OpenAIClient(Server(url), lambda _: KEY)
    return lambda: sum(len(page.batches) for page in client.paginate(deadline_at=time.time() + 600))


def openai(url: str) -> Listing:
    """Return OpenAI's own package, as its documentation lists batches."""
    from openai import OpenAI  # noqa: PLC0415

    client = OpenAI(api_key=KEY, base_url=url)
    return lambda: sum(1 for _ in client.batches.list(limit=PAGE))


CLIENTS = {each.__name__: each for each in (http_client, requests, batchbell, openai)}


def _loop(get: Callable[[str], bytes]) -> Listing:
    def listed() -> int:
        after, count = "", 0
        while True:
            page = json.loads(get(f"/batches?limit={PAGE}{after}"))
            count += len(page["data"])
            if not page["has_more"]:
                return count
            after = f"&after={page['last_id']}"

    return listed


def serve(count: int) -> None:
    """Serve so many batches, in pages rendered before, until standard input ends; print the base URL."""
    from local.openai_rows import row  # noqa: PLC0415
    from local.server import Reply, Request, Server  # noqa: PLC0415

    now, about = int(time.time()), {"metadata": {"description": "Nightly evaluation", "team": "search"}}
    rows = [row(STATUSES[n % len(STATUSES)], at=now - 600 * n, **about) for n in range(count)]
    bodies = {}
    for start in range(0, count, PAGE):
        data, after = rows[start : start + PAGE], rows[start - 1]["id"] if start else ""
        page = {"object": "list", "data": data, "has_more": start + PAGE < count}
        bodies[after] = json.dumps(page | {"first_id": data[0]["id"], "last_id": data[-1]["id"]}).encode()

    def reply_to(request: Request) -> Reply:
        after = parse_qs(urlsplit(request.target).query).get("after", [""])[0]
        return Reply(body=bodies[after], headers={"content-type": "application/json"})

    with Server(reply_to) as server:
        print(json.dumps({"url": f"{server.url}/v1"}), flush=True)
        sys.stdin.read()


def main(client: str, url: str) -> None:
    """List once; print the seconds that this took once the client was made."""
    listed = CLIENTS[client](url)
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    report = {"rows": listed(), "wall_s": time.perf_counter() - wall_s, "cpu_s": time.process_time() - cpu_s}
    print(json.dumps(report | {"peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))


if __name__ == "__main__":
    serve(int(sys.argv[2])) if sys.argv[1] == "serve" else main(*sys.argv[1:])
