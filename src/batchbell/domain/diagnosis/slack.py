"""Slack: what its answers say of the token, its scopes and the channel."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from batchbell.domain.diagnosis.finding import Finding, good, skipped, wrong
from batchbell.domain.refusal import CREDENTIAL, FOR_NOW, Refusal

ANY_BOT = "batchbell"
"""Stands for the bot's name where Slack has not told it."""

TOKEN, CHAT_WRITE, COMMANDS = "slack.token", "slack.chat_write", "slack.commands"
CHANNEL, HISTORY = "slack.channel", "slack.history"


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the token is; `scopes` is None where Slack did not say. `url` is the workspace's."""

    workspace: str
    name: str
    url: str = ""
    is_bot: bool = True
    scopes: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Channel:
    """What `conversations.info` tells."""

    name: str
    is_private: bool = False
    is_member: bool = True
    is_archived: bool = False


@dataclass(frozen=True, slots=True)
class Newest:
    """The channel's newest message could be read; `is_archival` if it says that it was archived."""

    is_archival: bool = False


def token_finding(who: Identity | Refusal) -> Finding:
    if isinstance(who, Refusal):
        return _refused(TOKEN, who, "")
    if not who.is_bot:
        advice = "Store the Bot User OAuth Token, xoxb-…, with `batchbell secrets`."
        return wrong(TOKEN, "slack.not_a_bot_token", f"The token is that of a person, {who.name}", advice)
    return good(TOKEN, f"{who.name} in the workspace {who.workspace}")


def scope_findings(who: Identity) -> Iterator[Finding]:
    """The scopes that can be told from the token alone."""
    purposes = ((CHAT_WRITE, "chat:write", "post"), (COMMANDS, "commands", "have a slash command"))
    for check, scope, purpose in purposes:
        if who.scopes is None:
            yield skipped(check, f"Slack did not say whether the token has {scope}")
        elif scope in who.scopes:
            yield good(check, f"{scope}: it may {purpose}")
        else:
            yield wrong(check, "slack.missing_scope", f"Without {scope} it may not {purpose}", _grant(scope))


def channel_finding(
    channel_id: str, bot: str, channel: Channel | Refusal, newest: Newest | Refusal
) -> Finding:
    """Whether messages can stand in the channel.

    The bot need not have `channels:read`, which `conversations.info` asks for; what it may see of
    the history tells nearly as much.
    """
    if isinstance(channel, Refusal) and isinstance(newest, Refusal) and newest.error == "missing_scope":
        return skipped(CHANNEL, f"Without {newest.needed} the bot cannot look into {channel_id}")
    if trouble := _trouble_with(channel, newest):
        return _refused(CHANNEL, trouble, channel_id, bot)
    if isinstance(channel, Refusal):
        return good(CHANNEL, f"{bot} is in {channel_id}")
    kind = "private" if channel.is_private else "public"
    return good(CHANNEL, f"{bot} is in #{channel.name} ({channel_id}, {kind})")


def _trouble_with(channel: Channel | Refusal, newest: Newest | Refusal) -> Refusal | None:
    """Why no message can be posted, as far as it can be seen."""
    if isinstance(channel, Channel):
        is_archived, is_member = channel.is_archived, channel.is_member
    elif isinstance(newest, Newest):
        is_archived, is_member = newest.is_archival, True
    else:
        return newest
    if is_archived:
        return Refusal("is_archived")
    return None if is_member else Refusal("not_in_channel")


def history_finding(newest: Newest | Refusal) -> Finding:
    """Whether a message whose reply was lost can be looked for."""
    if isinstance(newest, Newest):
        return good(HISTORY, "It may look whether a message has landed")
    if newest.error in ("not_in_channel", "channel_not_found"):
        return skipped(HISTORY, "Told once the bot is in the channel")
    if newest.error != "missing_scope":
        return skipped(HISTORY, _said(newest))
    scope = newest.needed or "channels:history"
    says = f"Without {scope} a message whose reply was lost is posted twice, or not at all"
    return wrong(HISTORY, "slack.missing_scope", says, _grant(scope))


def advice_for(refusal: Refusal, channel_id: str, bot: str = ANY_BOT) -> str:
    """What a person must do about it."""
    if refusal.is_unreachable:
        return "Try again; check the network, and SlackBaseUrl."
    if refusal.error in CREDENTIAL:
        return _REPLACE_IT
    if refusal.error in FOR_NOW:
        return "Wait a minute, then try again."
    invite = f"In the channel type `/invite @{bot}`"
    return {
        "not_in_channel": f"{invite}.",
        "channel_not_found": f"Check SlackChannel, {channel_id}, an id at the bottom of the channel's "
        f"details. A private channel is only found once the bot is in it: {invite[0].lower()}{invite[1:]}.",
        "is_archived": "Unarchive the channel, or deploy with the id of another as SlackChannel.",
        "missing_scope": _grant(refusal.needed or "the scope"),
    }.get(refusal.error, _LOOK_IT_UP)


def refusal_in(reason: str) -> Refusal | None:
    """The refusal that a parked message's or a blocked lane's reason tells of; None for another."""
    found = re.fullmatch(r"[a-z]+\.[A-Za-z]+: ([a-z_]+)(?: \(needs ([a-z_:.,]+)\))?", reason)
    return Refusal(found[1], needed=found[2]) if found else None


def _refused(check: str, refusal: Refusal, channel_id: str, bot: str = ANY_BOT) -> Finding:
    says = {
        "not_in_channel": f"The bot is not in {channel_id}",
        "channel_not_found": f"The bot can see no channel {channel_id}",
        "is_archived": f"The channel {channel_id} is archived",
    }.get(refusal.error, _said(refusal))
    code = "slack.unreachable" if refusal.is_unreachable else f"slack.{refusal.error}"
    return wrong(check, code, says, advice_for(refusal, channel_id, bot))


def _said(refusal: Refusal) -> str:
    if refusal.is_unreachable:
        return f"Slack does not answer ({refusal.error})"
    return f"Slack says {refusal.error}"


def _grant(scope: str) -> str:
    return (
        f"At api.slack.com/apps, under OAuth & Permissions, add {scope} to the bot token scopes, "
        "and install the app to the workspace again."
    )


_REPLACE_IT = (
    "Take the Bot User OAuth Token, xoxb-…, of the app's page OAuth & Permissions, "
    "and store it with `batchbell secrets`."
)

_LOOK_IT_UP = (
    "Slack's documentation (docs.slack.dev) says what that means; "
    "a rule of the workspace is for its admins to change."
)
