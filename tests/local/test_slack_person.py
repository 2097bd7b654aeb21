"""What a person types and presses reaches an app as Slack sends it, and is drawn as Slack draws it."""

import json
from collections.abc import Iterator
from dataclasses import replace
from urllib.error import HTTPError

import pytest

from local.slack_person import NoAnswerError, Person
from local.slack_rules import refusal_of
from local.slack_simulator import CHANNEL, SlackSimulator
from tests.clock import Clock
from tests.slack_app import SlackApp, button, listing, post, section


@pytest.fixture
def slack(clock: Clock) -> Iterator[SlackSimulator]:
    with SlackSimulator(clock=clock) as simulator:
        yield simulator


@pytest.fixture
def app(slack: SlackSimulator) -> Iterator[SlackApp]:
    with SlackApp(slack.signing_secret) as app:
        yield app


@pytest.fixture
def ada(slack: SlackSimulator, app: SlackApp) -> Person:
    return Person(slack, app.url)


def test_the_answer_to_a_command_is_seen_by_the_asker_alone(
    slack: SlackSimulator, app: SlackApp, ada: Person
) -> None:
    ada.type("/batches", "failed & done")

    [seen] = slack.on_screen
    assert (seen.text, seen.only_for) == ("Numbers from 1", ada.user)
    assert slack.messages == []
    [command] = app.commands
    assert (command["command"], command["text"]) == ("/batches", "failed & done")
    assert command["response_url"].startswith(slack.base_url.removesuffix("api/"))


def test_an_answer_may_be_for_everyone_or_plain_or_nothing(
    slack: SlackSimulator, app: SlackApp, ada: Person
) -> None:
    shared = json.dumps({"response_type": "in_channel", "text": "for all"}).encode()
    for body in (shared, b"plain", b""):
        app.answering = lambda form, body=body: (200, body)  # type: ignore[misc]
        ada.type("/batches", "")

    assert [(each.text, each.only_for) for each in slack.on_screen] == [
        ("for all", None),
        ("plain", ada.user),
    ]


def test_a_button_lets_the_app_replace_the_message_it_stands_in(
    slack: SlackSimulator, app: SlackApp, ada: Person
) -> None:
    ada.type("/batches", "")
    [before] = slack.on_screen

    ada.press(before.ts, "b10", "older")

    [after] = slack.on_screen
    assert after.text == "Numbers from 11"
    assert replace(after, text=before.text, blocks=before.blocks) == before
    [pressed] = app.interactions
    assert pressed["actions"][0]["value"] == "11"
    assert "message" not in pressed  # as an ephemeral one


def test_a_menu_tells_which_option_was_chosen(slack: SlackSimulator, app: SlackApp, ada: Person) -> None:
    ada.type("/batches", "")
    [message] = slack.on_screen

    ada.press(message.ts, "b10", "filter", 1)

    assert app.interactions[0]["actions"][0]["selected_option"]["value"] == "failed"


def test_what_is_not_there_cannot_be_pressed(slack: SlackSimulator, ada: Person) -> None:
    ada.type("/batches", "")
    [message] = slack.on_screen

    for ts, block_id, option in (("1.0", "b10", None), (message.ts, "b0", None), (message.ts, "b10", 9)):
        with pytest.raises(LookupError):
            ada.press(ts, block_id, "filter", option)


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (500, b"", "http_service_error"),
        (404, b"", "http_client_error"),
        (200, b'{"blocks": []}', "no_text"),
    ],
)
def test_an_app_that_fails_is_told_as_slack_tells_it(
    slack: SlackSimulator, app: SlackApp, ada: Person, status: int, body: bytes, error: str
) -> None:
    app.answering = lambda form: (status, body)

    ada.type("/batches", "")

    assert [each.text for each in slack.on_screen] == [f"/batches failed with the error “{error}”"]


def test_an_app_that_takes_too_long_is_not_waited_for(slack: SlackSimulator, app: SlackApp) -> None:
    app.answering = lambda form: (200, str(app.stopping.wait(0.5)).encode())

    Person(slack, app.url, patience_s=0.05).type("/batches", "")

    assert [each.text for each in slack.on_screen] == ["/batches failed with the error “operation_timeout”"]


def test_an_app_that_is_not_there_is_told_too(slack: SlackSimulator, ada: Person) -> None:
    gone = Person(slack, "http://127.0.0.1:9")
    ada.type("/batches", "")
    [message] = slack.on_screen

    gone.type("/batches", "")
    with pytest.raises(NoAnswerError, match="dispatch_failed"):
        gone.press(message.ts, "b10", "older")

    assert slack.on_screen[-1].text.endswith("“dispatch_failed”")


def test_a_forged_command_is_refused(slack: SlackSimulator, app: SlackApp, ada: Person) -> None:
    assert ada.forge("/batches", "") == 401
    assert (app.commands, slack.on_screen) == ([], [])


def test_an_address_is_good_for_five_answers_in_half_an_hour(slack: SlackSimulator, clock: Clock) -> None:
    first, second = (slack.responses.hand_out(CHANNEL, "U0ADA", "B0BATCHBELL") for _ in range(2))

    for n in range(5):
        post(first, {"text": f"answer {n}"})

    with pytest.raises(HTTPError, match="404"):
        post(first, {"text": "one too many"})
    clock.at += 1801
    with pytest.raises(HTTPError, match="404"):
        post(second, {"text": "too late"})
    assert len(slack.on_screen) == 5


def test_an_answer_may_remove_the_message_or_share_a_new_one(slack: SlackSimulator) -> None:
    shown = slack.say("listing", bot_id="B0BATCHBELL", only_for="U0ADA")
    url = slack.responses.hand_out(CHANNEL, "U0ADA", "B0BATCHBELL", shown.ts)

    post(url, {"response_type": "in_channel", "text": "shared"})
    post(url, {"delete_original": True})

    assert [each.text for each in slack.messages] == ["shared"]
    assert slack.on_screen == slack.messages


def test_slack_refuses_what_cannot_be_drawn_or_told_apart() -> None:
    good = listing(1)
    wide = section("x", accessory=button("x" * 76, "one", "1"))
    twins = {"type": "actions", "elements": [button("one", "same", "1"), button("two", "same", "2")]}
    shouting = {"type": "header", "text": {"type": "plain_text", "text": "x" * 151}}

    assert refusal_of(good) is None
    assert [refusal_of({"text": "x", "blocks": [each]}) for each in (wide, twins, shouting)] == [
        "invalid_blocks"
    ] * 3
