"""Slack: a reply as the JSON of a message."""

from typing import Any

from batchbell.domain.message.mrkdwn import cut
from batchbell.domain.message.rendered import Context, Fields, Part, Section
from batchbell.domain.reply.reply import Actions, Button, Choice, Reply, Row

_SECTION_ROOM = 3_000
_CONTEXT_ROOM = 2_000
_FIELD_ROOM = 2_000
_MOST_FIELDS = 10
_MOST_BLOCKS = 50


def message_for(reply: Reply, *, is_shared: bool) -> dict[str, Any]:
    """What to answer a slash command with, seen by who asked, or by the whole channel."""
    parts = (Section(reply.text), *reply.parts)[:_MOST_BLOCKS]
    return {
        "response_type": "in_channel" if is_shared else "ephemeral",
        "text": cut(reply.text, _SECTION_ROOM),
        "blocks": [_block(part) for part in parts],
        "parse": "none",
        "link_names": False,
        "unfurl_links": False,
        "unfurl_media": False,
    }


def _block(part: Part | Row | Actions) -> dict[str, Any]:
    match part:
        case Section(text):
            return {"type": "section", "text": _mrkdwn(text, _SECTION_ROOM), "expand": True}
        case Context(text):
            return {"type": "context", "elements": [_mrkdwn(text, _CONTEXT_ROOM)]}
        case Fields(fields):
            texts = [_mrkdwn(f"*{label}*\n{value}", _FIELD_ROOM) for label, value in fields]
            return {"type": "section", "fields": texts[:_MOST_FIELDS]}
        case Row(text, button):
            return {"type": "section", "text": _mrkdwn(text, _SECTION_ROOM), "accessory": _element(button)}
        case Actions(elements):
            return {"type": "actions", "elements": [_element(each) for each in elements]}


def _element(element: Button | Choice) -> dict[str, Any]:
    match element:
        case Button(action, label, command):
            return {"type": "button", "action_id": action, "text": _plain(label), "value": command}
        case Choice(action, options, chosen):
            drawn = {label: {"text": _plain(label), "value": command} for label, command in options}
            initial = {"initial_option": drawn[chosen]} if chosen in drawn else {}
            return {"type": "static_select", "action_id": action, "options": list(drawn.values()), **initial}


def _mrkdwn(text: str, room: int) -> dict[str, Any]:
    # Verbatim: Slack makes no link or mention of what merely looks like one.
    return {"type": "mrkdwn", "text": cut(text, room), "verbatim": True}


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text}
