"""Secret: what is put into the wrong slot is named, and never shown."""

import pytest

from batchbell.domain.secret import Slot, misfit

SIGNING = "8f742231b10e8888abcd99fea0b1c2d3"


@pytest.mark.parametrize(
    ("slot", "secret"),
    [
        (Slot.OPENAI_API_KEY, "sk-proj-1"),
        (Slot.OPENAI_API_KEY, "anything-else"),
        (Slot.SLACK_BOT_TOKEN, "xoxb-1-2-3"),
        (Slot.SLACK_SIGNING_SECRET, SIGNING),
    ],
)
def test_what_belongs_there_is_taken(slot: Slot, secret: str) -> None:
    assert misfit(slot, secret) is None


@pytest.mark.parametrize(
    ("slot", "secret", "says"),
    [
        (Slot.OPENAI_API_KEY, "xoxb-1-2-3", "that is a Slack bot token"),
        (Slot.OPENAI_API_KEY, SIGNING, "that is a Slack signing secret"),
        (Slot.OPENAI_API_KEY, "sk-admin-1", "that is an OpenAI admin key"),
        (Slot.SLACK_BOT_TOKEN, "sk-1", "that is an OpenAI API key"),
        (Slot.SLACK_BOT_TOKEN, "xoxp-1", "that is a Slack user token"),
        (Slot.SLACK_BOT_TOKEN, "xapp-1", "that is a Slack app-level token"),
        (Slot.SLACK_BOT_TOKEN, SIGNING, "that is a Slack signing secret"),
        (Slot.SLACK_BOT_TOKEN, "something", "it does not look like the Bot User OAuth Token"),
        (Slot.SLACK_SIGNING_SECRET, "sk-1", "that is an OpenAI API key"),
        (Slot.SLACK_SIGNING_SECRET, SIGNING.upper(), "it does not look like the Signing Secret"),
        (Slot.SLACK_SIGNING_SECRET, f"{SIGNING}\n{SIGNING}", "it has a blank, a line end"),
    ],
)
def test_what_does_not_is_named(slot: Slot, secret: str, says: str) -> None:
    why = misfit(slot, secret)

    assert why is not None
    assert why.startswith(says)
    assert secret not in why


def test_another_servers_key_may_have_any_form_but_slacks() -> None:
    assert misfit(Slot.OPENAI_API_KEY, SIGNING, is_openai=False) is None
    assert misfit(Slot.OPENAI_API_KEY, "xoxb-1", is_openai=False) is not None
