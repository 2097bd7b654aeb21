"""The playground's page changes the simulators, shows what they hold, and is for this machine only."""

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from http.client import HTTPConnection
from threading import Event
from typing import Any

import pytest

from batchbell.aws.store import Store
from batchbell.models import State
from local.aws import Invocation
from local.openai_simulator import OpenAISimulator
from local.playground import Bot, Entry, read_outbox
from local.playground_server import Page, PageServer
from local.slack_simulator import Person, SlackSimulator
from tests.builders import NOW, a_batch, a_notification, a_state
from tests.clock import Clock
from tests.slack_app import SlackApp
from tests.tables import LocalTable

RAN = '{"message": "Ran", "poll": {"open": 3, "recorded": 1}, "deliver": {"delivered": 1}}'
JSON = {"Content_Type": "application/json"}


@pytest.fixture
def openai(clock: Clock) -> Iterator[OpenAISimulator]:
    with OpenAISimulator(clock=clock) as simulator:
        yield simulator


@pytest.fixture
def slack(clock: Clock) -> Iterator[SlackSimulator]:
    with SlackSimulator(clock=clock) as simulator:
        yield simulator


@pytest.fixture
def bot() -> Bot:
    return Bot(lambda: Invocation(None, has_failed=False, log=RAN), lambda: (Entry("a", "pending"),))


@pytest.fixture
def page(openai: OpenAISimulator, slack: SlackSimulator, bot: Bot) -> Iterator[Page]:
    with SlackApp(slack.signing_secret) as app:
        yield Page(openai, slack, Person(slack, app.url), bot, "search")


@pytest.fixture
def server(page: Page) -> Iterator[PageServer]:
    with PageServer(page) as server:
        yield server


def messages(page: Page) -> list[Any]:
    return [(each["who"], each["text"], each["is_ephemeral"]) for each in page.state()["messages"]]


def ask(server: PageServer, method: str, path: str, body: str = "", **headers: str) -> tuple[int, bytes]:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    with closing(HTTPConnection("127.0.0.1", server.server_port, timeout=5)) as connection:
        connection.request(method, path, body, names)
        answer = connection.getresponse()
        return answer.status, answer.read()


def test_what_is_typed_is_a_command_or_a_message(page: Page) -> None:
    for text in ("/batches failed", "/bathces", "good morning", "  "):
        page.act("type", {"text": text})

    assert messages(page) == [
        ("batchbell", "Numbers from 1", True),
        ("Slackbot", "`/bathces` is not a command of this channel. Try `/batches`.", True),
        ("Ada", "good morning", False),
    ]


def test_a_button_is_pressed_and_its_error_is_returned(page: Page, slack: SlackSimulator) -> None:
    page.act("type", {"text": "/batches"})
    [shown] = page.state()["messages"]
    older = {"ts": shown["ts"], "block_id": "b10", "action_id": "older"}

    pressed = page.act("press", older)
    slack.signing_secret = "another"
    failed = page.act("press", older)

    assert (pressed, failed) == ({}, {"error": "http_client_error"})
    assert messages(page) == [("batchbell", "Numbers from 11", True)]
    assert page.act("forge", {}) == {"status": 401}


@pytest.mark.parametrize(
    ("moves", "status", "counted"),
    [
        (["next", "next", "next"], "completed", (200, 200, 0)),
        (["partly fail"], "completed", (200, 196, 4)),
        (["fail"], "failed", (200, 0, 0)),
        (["cancel", "next"], "cancelled", (200, 80, 0)),
    ],
)
def test_a_batch_is_moved_to_its_end_by_hand(
    page: Page, moves: list[str], status: str, counted: tuple[int, int, int]
) -> None:
    page.act("add", {"name": "Product tags", "total": 200})
    [new] = page.state()["batches"]

    for move in moves:
        page.act("move", {"id": new["id"], "to": move})

    [batch] = page.state()["batches"]
    assert (new["status"], new["name"]) == ("validating", "Product tags")
    assert (batch["status"], tuple(batch["counts"].values())) == (status, counted)


def test_the_bot_runs_when_it_is_wanted_and_its_log_is_shown() -> None:
    ran = Event()

    def tick() -> Invocation:
        ran.set()
        return Invocation(None, has_failed=False, log=RAN)

    with Bot(tick, lambda: ()) as bot:
        bot.is_automatic = False
        bot.tick_now()
        ran.wait(30)

    assert [line[10:] for line in bot.log] == ["3 open, 1 changed, 1 announced"]


def test_each_notification_is_shown_with_what_holds_it_up(table: LocalTable) -> None:
    store = Store(table.client, table.name)
    waiting, limited, unknown, parked = (a_notification(a_batch(f"batch_{n}", "failed")) for n in ("a", "b", "c", "d"))
    store.save_state(a_state(version=0), (waiting, limited, unknown, parked))
    store.save([replace(limited, message_id=limited.id)])
    store.save([replace(unknown, state=State.UNKNOWN, message_id=unknown.id, unknown_since=NOW)])
    store.save([replace(parked, state=State.PARKED, message_id=parked.id, reason="channel_not_found")])

    a, b, c, d = sorted((each.id, each.state, each.why) for each in read_outbox(table.client, table.name))

    assert (a, b) == (("batch_a#failed", "pending", ""), ("batch_b#failed", "pending", "Slack refused it for now"))
    assert (c[:2], d) == (("batch_c#failed", "unknown"), ("batch_d#failed", "parked", "channel_not_found"))


def test_what_is_impossible_is_rejected(server: PageServer, page: Page) -> None:
    page.act("add", {"name": "", "total": 1})
    [batch] = page.state()["batches"]
    bodies = [
        ("shout", "{}"),
        ("move", '{"id": "batch_none", "to": "next"}'),
        ("move", json.dumps({"id": batch["id"], "to": "glory"})),
        ("break", '{"what": "everything", "on": true}'),
        ("press", '{"ts": "1.0", "block_id": "b", "action_id": "a"}'),
        ("add", '{"name": "x", "total": "many"}'),
        *(("type", body) for body in ('{"name": 1}', "{", "[]")),
    ]

    answers = [ask(server, "POST", f"/do/{action}", body, **JSON)[0] for action, body in bodies]

    assert answers == [400] * len(bodies)


FROM_ELSEWHERE = (
    {"Host": "evil.example"},
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Content_Type": "text/plain"},
)


@pytest.mark.parametrize("headers", [JSON | each for each in FROM_ELSEWHERE])
def test_a_page_from_elsewhere_can_do_and_see_nothing(server: PageServer, page: Page, headers: dict[str, str]) -> None:
    status, _ = ask(server, "POST", "/do/type", '{"text": "hello"}', **headers)

    assert status in (403, 415)
    assert messages(page) == []
    assert ask(server, "GET", "/state", Host=f"evil.example:{server.server_port}")[0] == 403


def test_only_the_page_itself_is_served(server: PageServer) -> None:
    found = ("/", "/page.js", "/page.css", "/icon.svg", "/emoji.json")
    missing = ("/../run.py", "/page/", "//etc/passwd", "/none.js", "/%00.js")

    assert [ask(server, "GET", path)[0] for path in found + missing] == [200] * 5 + [404] * 5
    assert b"<title>batchbell playground</title>" in ask(server, "GET", "/")[1]
