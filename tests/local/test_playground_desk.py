"""What is done on the page is done to the simulators, and the page shows what they hold."""

from collections.abc import Iterator
from typing import Any

import pytest

from local.aws import Invocation
from local.openai_simulator import OpenAISimulator
from local.playground import furnish
from local.playground_desk import Desk
from local.playground_outbox import Owed
from local.playground_pulse import Pulse
from local.slack_person import Person
from local.slack_simulator import SlackSimulator
from tests.clock import Clock
from tests.slack_app import SlackApp


@pytest.fixture
def openai(clock: Clock) -> Iterator[OpenAISimulator]:
    with OpenAISimulator(clock=clock) as simulator:
        yield simulator


@pytest.fixture
def slack(clock: Clock) -> Iterator[SlackSimulator]:
    with SlackSimulator(clock=clock) as simulator:
        yield simulator


@pytest.fixture
def pulse() -> Pulse:
    return Pulse(lambda: Invocation(None, has_failed=False, log=""), lambda: ())


@pytest.fixture
def desk(openai: OpenAISimulator, slack: SlackSimulator, pulse: Pulse) -> Iterator[Desk]:
    with SlackApp(slack.signing_secret) as app:
        yield Desk(openai, slack, Person(slack, app.url), pulse, "search")


def messages(desk: Desk) -> list[Any]:
    return [(each["who"], each["text"], each["is_ephemeral"]) for each in desk.state()["messages"]]


def test_what_is_typed_is_a_command_or_words(desk: Desk) -> None:
    for text in ("/batches failed", "/bathces", "good morning", "  "):
        desk.do("type", {"text": text})

    assert messages(desk) == [
        ("batchbell", "Numbers from 1", True),
        ("Slackbot", "`/bathces` is not a command of this channel. Try `/batches`.", True),
        ("Ada", "good morning", False),
    ]


def test_a_button_is_pressed_and_its_failure_told(desk: Desk, slack: SlackSimulator) -> None:
    desk.do("type", {"text": "/batches"})
    [shown] = desk.state()["messages"]
    older = {"ts": shown["ts"], "block_id": "b10", "action_id": "older"}

    done = desk.do("press", older)
    slack.signing_secret = "another"
    failed = desk.do("press", older)

    assert (done, failed) == ({}, {"error": "http_client_error"})
    assert messages(desk) == [("batchbell", "Numbers from 11", True)]


def test_a_forged_command_is_refused(desk: Desk) -> None:
    assert desk.do("forge", {}) == {"status": 401}


@pytest.mark.parametrize(
    ("deeds", "status", "counted"),
    [
        (["next"], "in_progress", (200, 60, 0)),
        (["next", "next", "next"], "completed", (200, 200, 0)),
        (["complete"], "completed", (200, 200, 0)),
        (["partly fail"], "completed", (200, 196, 4)),
        (["fail"], "failed", (200, 0, 0)),
        (["expire"], "expired", (200, 140, 0)),
        (["cancel"], "cancelling", (200, 80, 0)),
        (["cancel", "next"], "cancelled", (200, 80, 0)),
    ],
)
def test_a_batch_is_led_to_its_end_by_hand(
    desk: Desk, deeds: list[str], status: str, counted: tuple[int, int, int]
) -> None:
    desk.do("add", {"name": "Product tags", "total": 200})
    [born] = desk.state()["batches"]

    for deed in deeds:
        desk.do("move", {"id": born["id"], "to": deed})

    [batch] = desk.state()["batches"]
    assert (born["status"], born["name"]) == ("validating", "Product tags")
    assert (batch["status"], tuple(batch["counts"].values())) == (status, counted)


def test_what_is_broken_is_shown_and_mended(
    desk: Desk, openai: OpenAISimulator, slack: SlackSimulator
) -> None:
    for what in ("openai", "slack", "reply"):
        desk.do("break", {"what": what, "on": True})
    broken = desk.state()["broken"]
    for what in ("openai", "slack", "reply"):
        desk.do("break", {"what": what, "on": False})

    assert broken == {"openai": True, "slack": True, "reply": True}
    assert desk.state()["broken"] == {"openai": False, "slack": False, "reply": False}
    assert (openai.down, slack.down) == (None, None)


def test_what_the_bot_owes_is_shown_by_name(desk: Desk, openai: OpenAISimulator, pulse: Pulse) -> None:
    row = openai.add("failed", metadata={"description": "Product tags"})

    pulse.owed = (Owed(f"{row['id']}#failed", "pending"),)

    assert desk.state()["outbox"] == [{"id": "Product tags · failed", "state": "pending", "why": ""}]


def test_what_cannot_be_done_says_so(desk: Desk) -> None:
    desk.do("add", {"name": "", "total": 1})
    [batch] = desk.state()["batches"]

    for deed, said in (
        ("shout", {}),
        ("move", {"id": "batch_none", "to": "next"}),
        ("move", {"id": batch["id"], "to": "glory"}),
        ("break", {"what": "everything", "on": True}),
        ("press", {"ts": "1.0", "block_id": "b", "action_id": "a"}),
        ("add", {"name": "x", "total": "many"}),
    ):
        with pytest.raises((LookupError, ValueError)):
            desk.do(deed, said)


def test_the_team_has_more_batches_than_a_page_of_answers_holds(openai: OpenAISimulator, desk: Desk) -> None:
    furnish(openai)

    assert len(openai.batches) > 20
    assert [each["status"] for each in desk.state()["batches"]].count("in_progress") == 3


def test_the_bot_is_woken_when_asked_and_its_log_shown(desk: Desk) -> None:
    log = '{"message": "Ran", "poll": {"open": 3, "recorded": 1}, "deliver": {"delivered": 1}}'
    pulse = Pulse(lambda: Invocation(None, has_failed=False, log=log), lambda: (Owed("a", "pending"),))
    pulse.set_automatic(False)

    with pulse:
        pulse.now()
        for _ in range(3000):
            if not (pulse.said and pulse.owed):
                pulse._stopping.wait(0.01)

    assert [line[10:] for line in pulse.said] == ["3 open, 1 changed, 1 announced"]
