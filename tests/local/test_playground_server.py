"""The playground's server is for its own page on this machine, and for nothing else."""

import json
from collections.abc import Iterator, Mapping
from http.client import HTTPConnection
from typing import Any

import pytest

from batchbell.domain.message import appearance
from local.playground_server import Server

JSON = {"Content-Type": "application/json"}


class Counter:
    """A state, and a deed that changes it."""

    def __init__(self) -> None:
        self.at = 0

    def state(self) -> dict[str, int]:
        return {"at": self.at}

    def do(self, deed: str, said: Mapping[str, Any]) -> int:
        {"add": self._add}[deed](**said)
        return self.at

    def _add(self, number: int) -> None:
        self.at += number


@pytest.fixture
def counter() -> Counter:
    return Counter()


@pytest.fixture
def server(counter: Counter) -> Iterator[Server]:
    server = Server(counter.state, counter.do)
    server.start()
    yield server
    server.stop()


def ask(server: Server, method: str, path: str, body: str = "", **headers: str) -> tuple[int, bytes]:
    connection = HTTPConnection("127.0.0.1", server.server_port, timeout=5)
    try:
        connection.request(
            method, path, body, {name.replace("_", "-"): each for name, each in headers.items()}
        )
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_the_state_is_streamed_whenever_it_has_changed(server: Server, counter: Counter) -> None:
    connection = HTTPConnection("127.0.0.1", server.server_port, timeout=5)
    connection.request("GET", "/state")
    stream = connection.getresponse()

    first = stream.readline(), stream.readline()
    counter.at = 5
    second = stream.readline()
    connection.close()

    assert first == (b'data: {"at": 0}\n', b"\n")
    assert second == b'data: {"at": 5}\n'


def test_a_deed_is_done_and_answered(server: Server, counter: Counter) -> None:
    assert ask(server, "POST", "/do/add", '{"number": 2}', **JSON) == (200, b"2")
    assert counter.at == 2


def test_what_cannot_be_done_is_refused(server: Server, counter: Counter) -> None:
    asked = (("/do/unheard_of", "{}"), ("/do/add", '{"name": 1}'), ("/do/add", "{"), ("/do/add", "[]"))

    statuses = [ask(server, "POST", path, body, **JSON)[0] for path, body in asked]

    assert statuses == [400] * 4
    assert counter.at == 0


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example", **JSON},
        {"Origin": "http://evil.example", **JSON},
        {"Origin": "null", **JSON},
        {"Content_Type": "text/plain"},
    ],
)
def test_a_page_from_elsewhere_can_do_nothing(
    server: Server, counter: Counter, headers: dict[str, str]
) -> None:
    status, _ = ask(server, "POST", "/do/add", '{"number": 2}', **headers)

    assert status in (403, 415)
    assert counter.at == 0


def test_a_page_from_elsewhere_can_see_nothing(server: Server) -> None:
    for path in ("/", "/state", "/emoji.json"):
        assert ask(server, "GET", path, Host=f"evil.example:{server.server_port}")[0] == 403


def test_only_the_page_itself_is_served(server: Server) -> None:
    served = [
        ask(server, "GET", path)[0] for path in ("/", "/page.js", "/page.css", "/icon.svg", "/emoji.json")
    ]
    refused = [
        ask(server, "GET", path)[0]
        for path in ("/../run.py", "/page/", "//etc/passwd", "/none.js", "/%00.js")
    ]

    assert (served, refused) == ([200] * 5, [404] * 5)
    assert b"<title>batchbell playground</title>" in ask(server, "GET", "/")[1]


def test_emoji_of_every_message_are_known(server: Server) -> None:
    known = json.loads(ask(server, "GET", "/emoji.json")[1])

    assert {each.emoji for each in appearance._WORST_FIRST.values()} <= known.keys()
