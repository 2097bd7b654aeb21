"""Secret: the three that a team stores, and what each looks like."""

import re
from enum import StrEnum


class Slot(StrEnum):
    """The last part of the SSM parameter's name, in the order in which they are asked for."""

    OPENAI_API_KEY = "openai-api-key"
    SLACK_BOT_TOKEN = "slack-bot-token"  # noqa: S105  a name
    SLACK_SIGNING_SECRET = "slack-signing-secret"  # noqa: S105  a name


WANTED = {
    Slot.OPENAI_API_KEY: "an OpenAI API key, sk-…, which may be restricted to Batches: Read",
    Slot.SLACK_BOT_TOKEN: "the Bot User OAuth Token, xoxb-…, of the Slack app's page OAuth & Permissions",
    Slot.SLACK_SIGNING_SECRET: "the Signing Secret of the Slack app's page Basic Information",
}

_KINDS = (
    ("xoxb-", "a Slack bot token"),
    ("xoxp-", "a Slack user token"),
    ("xapp-", "a Slack app-level token"),
    ("xoxe", "a Slack configuration or refresh token"),
    ("xox", "a Slack token of another kind"),
    ("sk-admin-", "an OpenAI admin key"),
    ("sk-", "an OpenAI API key"),
    ("whsec_", "a webhook's secret"),
    ("http", "an address"),
)
_FITTING = {
    Slot.OPENAI_API_KEY: ("an OpenAI API key", None),
    Slot.SLACK_BOT_TOKEN: ("a Slack bot token",),
    Slot.SLACK_SIGNING_SECRET: ("a Slack signing secret",),
}


def parameter_name(team: str, slot: Slot) -> str:
    return f"/batchbell/{team}/{slot}"


def misfit(slot: Slot, secret: str, *, is_openai: bool = True) -> str | None:
    """Why the secret cannot be what belongs into the slot; None where it may be. Never shows it.

    Keys of other servers than OpenAI have any form.
    """
    if not re.fullmatch(r"[!-~]+", secret):
        return "it has a blank, a line end or a letter in it that no such secret has"
    kind = _kind_of(secret)
    if kind in _FITTING[slot] or (slot is Slot.OPENAI_API_KEY and not is_openai and not _is_slacks(kind)):
        return None
    if kind is None:
        return f"it does not look like {WANTED[slot]}"
    return f"that is {kind}; wanted is {WANTED[slot]}"


def _kind_of(secret: str) -> str | None:
    if re.fullmatch("[0-9a-f]{32}", secret):
        return "a Slack signing secret"
    return next((kind for prefix, kind in _KINDS if secret.startswith(prefix)), None)


def _is_slacks(kind: str | None) -> bool:
    return kind is not None and kind.startswith("a Slack ") and kind != "a Slack signing secret"
