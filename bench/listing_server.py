"""Listing server: a list of batches over HTTP on loopback, its pages rendered before the first request."""

import json
import sys
from urllib.parse import parse_qs, urlsplit

from local.openai_rows import Row, moved, row
from local.server import Reply, Request, Server

KEY = "sk-test"
PAGE = 100
NOW = 1_800_000_000
_STATUSES = (
    "completed",
    "completed",
    "completed",
    "failed",
    "completed",
    "in_progress",
    "completed",
    "expired",
)


def rows(count: int) -> list[Row]:
    """Batches, newest first, one every ten minutes, as OpenAI's endpoint shows them: with what they
    cost, why some failed, and what their makers call them.
    """
    return [_row(number) for number in range(count)]


def _row(number: int) -> Row:
    created_at = NOW - 600 * number
    counts = {"total": 1000, "completed": 997, "failed": 3}
    metadata = {"description": f"Nightly evaluation {number}", "team": "search"}
    born = row("validating", at=created_at, metadata=metadata, request_counts=counts)
    return moved(born, _STATUSES[number % len(_STATUSES)], at=created_at + 3600)


def pages(listed: list[Row]) -> dict[str, bytes]:
    """The body of each page, by the `after` that asks for it."""
    bodies = {}
    for start in range(0, len(listed), PAGE):
        shown = listed[start : start + PAGE]
        after = listed[start - 1]["id"] if start else ""
        answer = {
            "object": "list",
            "data": shown,
            "first_id": shown[0]["id"],
            "last_id": shown[-1]["id"],
            "has_more": start + PAGE < len(listed),
        }
        bodies[after] = json.dumps(answer).encode()
    return bodies


def main(count: int) -> None:
    """Answer until standard input ends; the first line printed is the base URL."""
    bodies = pages(rows(count))
    headers = {"content-type": "application/json", "openai-project": "proj_test"}

    def reply_to(request: Request) -> Reply:
        after = parse_qs(urlsplit(request.target).query).get("after", [""])[0]
        return Reply(body=bodies[after], headers=headers)

    with Server(reply_to) as server:
        print(json.dumps({"url": f"{server.url}/v1", "bytes": sum(map(len, bodies.values()))}), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main(int(sys.argv[1]))
