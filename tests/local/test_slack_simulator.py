"""The simulator behaves as Slack does to Slack's own client."""

from collections.abc import Iterator

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from local import slack_faults as faults
from local.slack_faults import Fault
from local.slack_history import Landed
from local.slack_simulator import BOT_ID, CHANNEL, SlackSimulator
from tests.builders import NOW
from tests.clock import Clock

POST, HISTORY = "chat.postMessage", "conversations.history"
METADATA = {"event_type": "test", "event_payload": {"id": "1"}}


@pytest.fixture
def slack(clock: Clock) -> Iterator[SlackSimulator]:
    with SlackSimulator(clock=clock) as simulator:
        yield simulator


def client_of(slack: SlackSimulator, token: str = "xoxb-test") -> WebClient:
    return WebClient(token, slack.base_url, retry_handlers=[])


def test_a_message_lands_and_is_in_the_history(slack: SlackSimulator) -> None:
    answer = client_of(slack).chat_postMessage(channel=CHANNEL, text="Hello", metadata=METADATA)

    [landed] = slack.messages
    assert landed == Landed(f"{NOW}.000000", CHANNEL, NOW, "Hello", BOT_ID, metadata=METADATA)
    assert (answer["ts"], answer["channel"]) == (landed.ts, CHANNEL)
    history = client_of(slack).conversations_history(channel=CHANNEL, include_all_metadata=True)
    shown = {"type": "message", "ts": landed.ts, "text": "Hello", "bot_id": BOT_ID, "metadata": METADATA}
    assert history["messages"] == [shown]


def test_metadata_is_shown_only_when_asked_for(slack: SlackSimulator) -> None:
    client_of(slack).chat_postMessage(channel=CHANNEL, text="Hello", metadata=METADATA)

    [shown] = client_of(slack).conversations_history(channel=CHANNEL)["messages"]

    assert "metadata" not in shown


def test_the_history_comes_newest_first_in_pages(slack: SlackSimulator, clock: Clock) -> None:
    for n in range(5):
        slack.say(f"chat {n}")
        clock.at += 1

    pages = client_of(slack).conversations_history(channel=CHANNEL, limit=2, oldest=f"{NOW}.000000")

    assert [[each["text"] for each in page["messages"]] for page in pages] == [
        ["chat 4", "chat 3"],
        ["chat 2", "chat 1"],
    ]


def test_the_bot_learns_who_it_is(slack: SlackSimulator) -> None:
    assert client_of(slack).auth_test()["bot_id"] == BOT_ID


def test_what_slack_would_refuse_is_refused(slack: SlackSimulator) -> None:
    slack.channels |= {"C0OLD": "is_archived", "C0PRIVATE": "not_in_channel"}
    slack.scopes.discard("channels:history")
    client = client_of(slack)
    long = [{"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3_001}}]
    wide = [{"type": "section", "fields": [{"type": "mrkdwn", "text": "x" * 2_001}]}]
    heavy = [{"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3_000}}] * 4
    calls = {
        "invalid_auth": lambda: client_of(slack, "xoxb-wrong").auth_test(),
        "not_authed": lambda: client_of(slack, "").auth_test(),
        "channel_not_found": lambda: client.chat_postMessage(channel="C0NONE", text="x"),
        "is_archived": lambda: client.chat_postMessage(channel="C0OLD", text="x"),
        "not_in_channel": lambda: client.chat_postMessage(channel="C0PRIVATE", text="x"),
        "missing_scope": lambda: client.conversations_history(channel=CHANNEL),
        "no_text": lambda: client.api_call(POST, json={"channel": CHANNEL}),
        "msg_too_long": lambda: client.chat_postMessage(channel=CHANNEL, text="x" * 40_001),
        "invalid_blocks": lambda: client.chat_postMessage(channel=CHANNEL, text="x", blocks=wide),
        "invalid_attachments": lambda: client.chat_postMessage(
            channel=CHANNEL, text="x", attachments=[{"blocks": long}]
        ),
        "msg_blocks_too_long": lambda: client.chat_postMessage(channel=CHANNEL, text="x", blocks=heavy),
        "invalid_metadata_format": lambda: client.chat_postMessage(
            channel=CHANNEL, text="x", metadata={"event_type": "test"}
        ),
        "metadata_too_large": lambda: client.chat_postMessage(
            channel=CHANNEL, text="x", metadata={"event_type": "test", "event_payload": {"id": "x" * 8_000}}
        ),
        "unknown_method": lambda: client.api_call("chat.shout"),
    }

    errors = {}
    for name, call in calls.items():
        with pytest.raises(SlackApiError) as raised:
            call()
        errors[name] = raised.value.response["error"]

    assert errors == {name: name for name in calls}
    assert slack.messages == []


def test_a_form_is_understood_as_well_as_json(slack: SlackSimulator) -> None:
    client_of(slack).api_call(POST, params={"channel": CHANNEL, "text": "Hello", "attachments": "[]"})

    assert [each.text for each in slack.messages] == ["Hello"]


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


@pytest.mark.parametrize(
    ("fault", "lands"),
    [
        (faults.DROPPED, False),
        (faults.REPLY_LOST, True),
        (faults.html(502), False),
        (faults.error("fatal_error"), False),
        (faults.error("fatal_error", takes_effect=True), True),
        (faults.ratelimited(), False),
    ],
)
def test_a_fault_hides_what_slack_did(slack: SlackSimulator, fault: Fault, lands: bool) -> None:
    slack.faults[POST].append(fault)

    with pytest.raises((SlackApiError, OSError)):
        client_of(slack).chat_postMessage(channel=CHANNEL, text="Hello")

    assert bool(slack.messages) is lands


def test_a_slow_slack_answers_in_the_end(slack: SlackSimulator) -> None:
    slack.faults[POST].append(faults.slow(0.01))

    assert client_of(slack).chat_postMessage(channel=CHANNEL, text="Hello")["ok"]


def test_a_late_message_shows_only_then(slack: SlackSimulator, clock: Clock) -> None:
    slack.faults[POST].append(faults.lands_late(20))
    with pytest.raises(OSError, match="closed connection"):
        client_of(slack).chat_postMessage(channel=CHANNEL, text="Hello")

    assert slack.messages == []
    clock.at += 20
    assert [each.ts for each in slack.messages] == [f"{NOW + 20}.000000"]


def test_a_slack_that_is_down_fails_every_call_until_it_is_up(slack: SlackSimulator) -> None:
    slack.down = faults.html(503)
    for _ in range(2):
        with pytest.raises(SlackApiError):
            client_of(slack).auth_test()

    slack.down = None

    assert client_of(slack).auth_test()["ok"]


def test_each_message_is_handed_to_whoever_watches() -> None:
    seen: list[Landed] = []

    with SlackSimulator(on_message=seen.append) as slack:
        client_of(slack).chat_postMessage(channel=CHANNEL, text="Hello")

    assert [each.text for each in seen] == ["Hello"]
