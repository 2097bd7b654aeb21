"""The simulator behaves as Slack does: to Slack's own client, to a person, and to an app that a person uses."""

from collections.abc import Iterator
from dataclasses import replace
from urllib.error import HTTPError

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from local.slack_simulator import BOT_ID, CHANNEL, Message, NoAnswerError, Person, SlackSimulator
from tests.builders import NOW
from tests.clock import Clock
from tests.slack_app import SlackApp, overflow, plain, post, section

POST = "chat.postMessage"
METADATA = {"event_type": "test", "event_payload": {"id": "1"}}


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


def client_of(slack: SlackSimulator, token: str = "xoxb-test") -> WebClient:
    return WebClient(token, slack.base_url, retry_handlers=[])


def test_a_message_lands_and_is_in_the_history(slack: SlackSimulator) -> None:
    answer = client_of(slack).chat_postMessage(channel=CHANNEL, text="Hello", metadata=METADATA)

    [message] = slack.messages
    assert message == Message(f"{NOW}.000000", CHANNEL, NOW, "Hello", BOT_ID, metadata=METADATA)
    assert (answer["ts"], answer["channel"]) == (message.ts, CHANNEL)
    history = client_of(slack).conversations_history(channel=CHANNEL, include_all_metadata=True)
    shown = {"type": "message", "ts": message.ts, "text": "Hello", "bot_id": BOT_ID, "metadata": METADATA}
    assert history["messages"] == [shown]
    assert "metadata" not in client_of(slack).conversations_history(channel=CHANNEL)["messages"][0]


def test_what_slack_would_reject_is_rejected(slack: SlackSimulator) -> None:
    slack.channels |= {"C0OLD": "is_archived", "C0PRIVATE": "not_in_channel"}
    slack.scopes.discard("channels:history")
    client = client_of(slack)
    calls = {
        "invalid_auth": lambda: client_of(slack, "xoxb-wrong").auth_test(),
        "not_authed": lambda: client_of(slack, "").auth_test(),
        "channel_not_found": lambda: client.chat_postMessage(channel="C0NONE", text="x"),
        "is_archived": lambda: client.chat_postMessage(channel="C0OLD", text="x"),
        "not_in_channel": lambda: client.chat_postMessage(channel="C0PRIVATE", text="x"),
        "missing_scope": lambda: client.conversations_history(channel=CHANNEL),
        "no_text": lambda: client.api_call(POST, json={"channel": CHANNEL}),
        "unknown_method": lambda: client.api_call("chat.shout"),
    }

    errors = {}
    for name, call in calls.items():
        with pytest.raises(SlackApiError) as raised:
            call()
        errors[name] = raised.value.response["error"]

    assert errors == {name: name for name in calls}
    assert slack.messages == []


def test_a_channel_may_take_only_one_message_a_second(slack: SlackSimulator, clock: Clock) -> None:
    slack.rate_limit = True
    client = client_of(slack)
    client.chat_postMessage(channel=CHANNEL, text="one")

    with pytest.raises(SlackApiError) as raised:
        client.chat_postMessage(channel=CHANNEL, text="two")
    clock.at += 1
    client.chat_postMessage(channel=CHANNEL, text="three")

    assert (raised.value.response.status_code, raised.value.response.headers["Retry-After"]) == (429, "1")
    assert [each.text for each in slack.messages] == ["one", "three"]


def test_a_button_lets_the_app_replace_its_message(slack: SlackSimulator, app: SlackApp, ada: Person) -> None:
    ada.type("/batches", "failed & done")
    [before] = slack.on_screen

    ada.press(before.ts, "b10", "older")

    [after] = slack.on_screen
    assert (before.text, before.only_for, slack.messages) == ("Numbers from 1", ada.user, [])
    assert (app.commands[0]["command"], app.commands[0]["text"]) == ("/batches", "failed & done")
    assert after.text == "Numbers from 11"
    assert replace(after, text=before.text, blocks=before.blocks) == before
    assert app.interactions[0]["actions"][0]["value"] == "11"
    assert "message" not in app.interactions[0]  # an ephemeral one is not sent along


def test_an_option_of_a_menu_is_chosen_and_what_is_not_there_cannot_be_pressed(
    slack: SlackSimulator, app: SlackApp, ada: Person
) -> None:
    ada.type("/batches", "")
    [message] = slack.on_screen

    ada.press(message.ts, "b10", "filter", 1)

    assert app.interactions[0]["actions"][0]["selected_option"]["value"] == "failed"
    for ts, block_id, option in (("1.0", "b10", None), (message.ts, "b0", None), (message.ts, "b10", 9)):
        with pytest.raises(LookupError):
            ada.press(ts, block_id, "filter", option)


LINK = {"text": plain("Open"), "value": "link", "url": "https://x.example/"}
LINK_BUTTON = {"type": "button", "action_id": "open", "text": plain("Open"), "url": "https://x.example/"}
LINKS = (
    section("x", block_id="b", accessory=overflow({"text": plain("Details"), "value": "batch_1"}, LINK)),
    {"type": "actions", "block_id": "c", "elements": [LINK_BUTTON]},
)


def test_an_overflow_menu_of_the_channels_message_is_answered_to_one_person(
    slack: SlackSimulator, app: SlackApp, ada: Person
) -> None:
    message = slack.say("A batch ended", bot_id=BOT_ID, blocks=LINKS)

    ada.press(message.ts, "b", "more", 0)

    [_, note] = slack.on_screen
    assert (note.text, note.only_for, slack.messages) == ("About batch_1", ada.user, [message])
    [pressed] = app.interactions
    assert pressed["container"]["is_ephemeral"] is False
    assert pressed["message"]["blocks"][0]["block_id"] == "b"
    chosen = {"text": plain("Details"), "value": "batch_1"}
    expected = {"type": "overflow", "action_id": "more", "block_id": "b", "selected_option": chosen}
    assert expected.items() <= pressed["actions"][0].items()
    assert "value" not in pressed["actions"][0]


def test_a_pressed_link_is_told_to_the_app_without_a_value(slack: SlackSimulator, app: SlackApp, ada: Person) -> None:
    message = slack.say("A batch ended", bot_id=BOT_ID, blocks=LINKS)

    ada.press(message.ts, "c", "open")
    ada.press(message.ts, "b", "more", 1)

    [button_pressed, option_chosen] = [each["actions"][0] for each in app.interactions]
    assert (button_pressed["type"], "value" in button_pressed) == ("button", False)
    assert option_chosen["selected_option"] == LINK


@pytest.mark.parametrize("status", [204, 302, 404])
def test_a_press_that_is_not_answered_200_has_failed(
    slack: SlackSimulator, app: SlackApp, ada: Person, status: int
) -> None:
    message, app.status = slack.say("A batch ended", bot_id=BOT_ID, blocks=LINKS), status

    with pytest.raises(NoAnswerError):
        ada.press(message.ts, "c", "open")


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [(500, b"", "http_service_error"), (404, b"", "http_client_error"), (200, b'{"blocks": []}', "no_text")],
)
def test_an_app_that_fails_gets_slacks_error_in_the_channel(
    slack: SlackSimulator, app: SlackApp, ada: Person, status: int, body: bytes, error: str
) -> None:
    app.answering = lambda form: (status, body)

    ada.type("/batches", "")

    assert [each.text for each in slack.on_screen] == [f"/batches failed with the error “{error}”"]


def test_slack_waits_neither_for_a_slow_app_nor_for_one_that_is_not_there(slack: SlackSimulator, app: SlackApp) -> None:
    app.answering = lambda form: (200, str(app.stopping.wait(0.5)).encode())

    Person(slack, app.url, patience_s=0.05).type("/batches", "")
    Person(slack, "http://127.0.0.1:9").type("/batches", "")

    errors = [each.text.rpartition(" ")[2] for each in slack.on_screen]
    assert errors == ["“operation_timeout”", "“dispatch_failed”"]


def test_a_response_url_takes_five_answers_within_half_an_hour(slack: SlackSimulator, clock: Clock) -> None:
    first, second = (slack.response_url(CHANNEL, "U0ADA") for _ in range(2))

    for n in range(5):
        post(first, {"text": f"answer {n}"})

    with pytest.raises(HTTPError, match="404"):
        post(first, {"text": "one too many"})
    clock.at += 1801
    with pytest.raises(HTTPError, match="404"):
        post(second, {"text": "too late"})
    assert len(slack.on_screen) == 5


def test_an_answer_may_remove_the_message_or_share_a_new_one(slack: SlackSimulator) -> None:
    shown = slack.say("listing", bot_id=BOT_ID, only_for="U0ADA")
    url = slack.response_url(CHANNEL, "U0ADA", shown.ts)

    post(url, {"response_type": "in_channel", "text": "shared"})
    post(url, {"delete_original": True})

    assert [each.text for each in slack.messages] == ["shared"]
    assert slack.on_screen == slack.messages
