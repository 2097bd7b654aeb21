"""`batchbell test-message`: posted as every other, and what to do where it is not."""

import json
from typing import Any

import pytest

from batchbell.config import Secret
from local import slack_faults as faults
from local.slack_simulator import CHANNEL
from tests.cli.account import Account

POST, HISTORY = "chat.postMessage", "conversations.history"


def ok(**fields: Any) -> faults.Fault:
    return faults.raw(json.dumps({"ok": True, **fields}).encode())


def test_a_test_message_is_posted_and_linked(account: Account) -> None:
    code, printed = account.run("test-message")

    [posted] = account.slack.messages
    link = f"https://acme.slack.com/archives/{CHANNEL}/p{posted.ts.replace('.', '')}"
    found = "Found again in the channel's history: a message whose reply is lost will not be posted twice."
    assert (code, printed) == (0, f"Posted to {CHANNEL}: {link}\n{found}\n")
    assert "This is a test message" in posted.text


def test_without_a_link_it_is_named_and_as_json_it_has_none(account: Account) -> None:
    account.slack.faults["auth.test"].append(faults.DROPPED)
    _, printed = account.run("test-message")
    account.slack.faults["auth.test"].append(faults.DROPPED)
    _, as_json = account.run("test-message", "--json")

    first, second = account.slack.messages
    assert printed.startswith(f"Posted to {CHANNEL}: message {first.ts}\n")
    assert json.loads(as_json) == {"channel": CHANNEL, "ts": second.ts, "link": None, "found": True}


def test_a_message_that_the_history_does_not_show_is_looked_for_three_times(account: Account) -> None:
    account.slack.faults[HISTORY].extend([ok(messages=[])] * 3)

    code, printed = account.run("test-message")

    says = "it was not found again in the channel's history. The channel's history does not show it. Look into"
    assert (code, account.slept) == (1, [0, 2, 5])
    assert f"batchbell: {says}" in printed


def test_a_scope_that_is_missing_to_find_it_is_named_with_what_follows(account: Account) -> None:
    account.slack.scopes.discard("channels:history")

    code, printed = account.run("test-message")
    as_json = json.loads(account.run("test-message", "--json")[1].splitlines()[0])

    assert (code, as_json["found"]) == (1, False)
    assert "Without channels:history a message whose reply was lost is posted twice, or not at all." in printed
    assert "add channels:history to the bot token scopes" in printed


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (faults.error("not_in_channel"), "not_in_channel. In the channel type `/invite @batchbell_search`."),
        (faults.ratelimited(3), "ratelimited. Wait a minute, then try again."),
        (faults.error("restricted_action"), "restricted_action. Slack's documentation (docs.slack.dev) says"),
    ],
)
def test_what_slack_refused_is_said_in_one_line_with_what_to_do(account: Account, fault: Any, says: str) -> None:
    account.slack.faults[POST].append(fault)

    code, printed = account.run("test-message")

    assert (code, printed.count("\n")) == (1, 1)
    assert printed.startswith(f"batchbell: not posted to {CHANNEL}: {POST}: {says}")


def test_what_may_have_been_posted_is_said_to_be_so(account: Account) -> None:
    account.slack.faults[POST].append(faults.DROPPED)

    says = f"it may or may not have been posted; look into the channel {CHANNEL}"
    assert account.run("test-message") == (1, f"batchbell: {POST}: RemoteDisconnected: {says}\n")


def test_a_token_that_is_not_stored_is_said(account: Account) -> None:
    account.delete_secret(Secret.SLACK_BOT_TOKEN)

    says = "slack-bot-token is not stored: store it with `batchbell secrets --team search`"
    assert account.run("test-message") == (1, f"batchbell: {says}\n")
