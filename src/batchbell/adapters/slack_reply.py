"""Slack: a reply as the JSON of a message."""

from typing import Any

from batchbell.adapters.slack_blocks import MOST_BLOCKS, QUIETLY, SECTION_ROOM, block_for, mrkdwn
from batchbell.domain.message.mrkdwn import cut
from batchbell.domain.message.rendered import Part, Section
from batchbell.domain.reply.reply import Actions, Button, Choice, Reply, Row


def message_for(reply: Reply, *, is_shared: bool) -> dict[str, Any]:
    """What to answer a slash command with, seen by who asked, or by the whole channel."""
    parts = (Section(reply.text), *reply.parts)[:MOST_BLOCKS]
    return {
        "response_type": "in_channel" if is_shared else "ephemeral",
        "text": cut(reply.text, SECTION_ROOM),
        "blocks": [_block(part) for part in parts],
        **QUIETLY,
    }


def _block(part: Part | Row | Actions) -> dict[str, Any]:
    match part:
        case Row(text, button):
            return {"type": "section", "text": mrkdwn(text, SECTION_ROOM), "accessory": _element(button)}
        case Actions(elements):
            return {"type": "actions", "elements": [_element(each) for each in elements]}
        case _:
            return block_for(part)


def _element(element: Button | Choice) -> dict[str, Any]:
    match element:
        case Button(action, label, command):
            return {"type": "button", "action_id": action, "text": _plain(label), "value": command}
        case Choice(action, options, chosen):
            drawn = {label: {"text": _plain(label), "value": command} for label, command in options}
            initial = {"initial_option": drawn[chosen]} if chosen in drawn else {}
            return {"type": "static_select", "action_id": action, "options": list(drawn.values()), **initial}


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text}
