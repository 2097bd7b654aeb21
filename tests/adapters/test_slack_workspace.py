"""Slack workspace: who a token is, and what it may see of a channel."""

from collections.abc import Iterator

import pytest

from batchbell.adapters.slack_workspace import SlackWorkspace
from batchbell.domain.diagnosis.slack import Channel, Identity, Newest
from batchbell.domain.refusal import Refusal
from local import slack_faults as faults
from local.slack_simulator import CHANNEL, SlackSimulator


@pytest.fixture
def slack() -> Iterator[SlackSimulator]:
    with SlackSimulator() as slack:
        yield slack


@pytest.fixture
def workspace(slack: SlackSimulator) -> SlackWorkspace:
    return SlackWorkspace(slack.base_url, slack.token)


def test_a_token_is_a_bot_with_scopes(slack: SlackSimulator, workspace: SlackWorkspace) -> None:
    assert workspace.identity() == Identity(
        "Acme", "batchbell_search", "https://acme.slack.com/", scopes=frozenset(slack.scopes)
    )


def test_a_token_that_slack_refuses_or_that_cannot_be_sent_is_an_answer(slack: SlackSimulator) -> None:
    refused = [SlackWorkspace(slack.base_url, token).identity() for token in ("xoxb-other", "a\nb", "")]

    assert refused == [Refusal("invalid_auth")] * 3


@pytest.mark.parametrize(
    ("trouble", "channel", "newest"),
    [
        (None, Channel("search"), Newest()),
        ("not_in_channel", Channel("search", is_member=False), Refusal("not_in_channel")),
        ("is_archived", Channel("search", is_member=False, is_archived=True), Newest(is_archival=True)),
        ("channel_not_found", Refusal("channel_not_found"), Refusal("channel_not_found")),
    ],
)
def test_a_channel_is_seen_as_far_as_slack_shows_it(
    slack: SlackSimulator,
    workspace: SlackWorkspace,
    trouble: str | None,
    channel: Channel | Refusal,
    newest: Newest | Refusal,
) -> None:
    slack.scopes.add("channels:read")
    slack.channels[CHANNEL] = trouble

    assert (workspace.channel(CHANNEL), workspace.newest(CHANNEL)) == (channel, newest)


def test_a_missing_scope_is_named_as_the_channel_is_public_or_private(
    slack: SlackSimulator, workspace: SlackWorkspace
) -> None:
    slack.scopes -= {"channels:history", "groups:history"}
    public = workspace.channel(CHANNEL), workspace.newest(CHANNEL)
    slack.private.add(CHANNEL)
    private = workspace.channel(CHANNEL), workspace.newest(CHANNEL)

    assert public == (
        Refusal("missing_scope", "channels:read"),
        Refusal("missing_scope", "channels:history"),
    )
    assert private == (Refusal("missing_scope", "groups:read"), Refusal("missing_scope", "groups:history"))


def test_what_does_not_answer_as_slack_does_is_unreachable(
    slack: SlackSimulator, workspace: SlackWorkspace
) -> None:
    slack.faults["auth.test"].extend([faults.DROPPED, faults.html(), faults.raw(b"[]")])

    answers = [workspace.identity() for _ in range(3)]

    assert all(isinstance(each, Refusal) and each.is_unreachable for each in answers)
    assert len(slack.calls) == 3


@pytest.mark.parametrize(
    "body",
    [
        b'{"ok": true, "channel": ["C1"], "messages": [null]}',
        b'{"ok": true, "channel": "C1", "messages": {"0": {}}}',
        b'{"ok": true, "channel": 7, "messages": 7}',
    ],
)
def test_a_channel_told_in_another_shape_than_slacks_is_unreachable(
    slack: SlackSimulator, workspace: SlackWorkspace, body: bytes
) -> None:
    slack.faults["conversations.info"].append(faults.raw(body))
    slack.faults["conversations.history"].append(faults.raw(body))

    answers = [workspace.channel(CHANNEL), workspace.newest(CHANNEL)]

    assert all(isinstance(each, Refusal) and each.is_unreachable for each in answers)
