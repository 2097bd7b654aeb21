"""Slack blocks: the parts of a message as blocks, and the arguments of chat.postMessage."""

from typing import Any

from batchbell.domain.message.mrkdwn import cut
from batchbell.domain.message.rendered import Context, Fields, Part, Rendered, Section
from batchbell.domain.notification import Form

EVENT_TYPE = "batchbell_notification"

MOST_BLOCKS = 50
SECTION_ROOM = 3_000

QUIETLY: dict[str, Any] = {
    "parse": "none",
    "link_names": False,
    "unfurl_links": False,
    "unfurl_media": False,
}
"""So that a message pings nobody."""

_TEXT_ROOM = 4_000
_CONTEXT_ROOM = _FIELD_ROOM = 2_000
_MOST_FIELDS = 10

_SAFE_IDS_ROOM = 3_000
"""Slack does not tell how much metadata is too large; this much has been seen to be taken."""


def arguments_for(rendered: Rendered, form: Form) -> dict[str, Any]:
    """What to post."""
    text: dict[str, Any] = {"text": cut(rendered.plain, _TEXT_ROOM)}
    if form is Form.BLOCKS:
        blocks = [block_for(part) for part in rendered.parts[:MOST_BLOCKS]]
        attachments = [{"color": rendered.colour, "blocks": blocks}] if blocks else []
        text = {"text": cut(rendered.text, _TEXT_ROOM), "attachments": attachments}
    return {**text, "metadata": _metadata(rendered, form), **QUIETLY}


def block_for(part: Part) -> dict[str, Any]:
    match part:
        case Section(text):
            return {"type": "section", "text": mrkdwn(text, SECTION_ROOM), "expand": True}
        case Context(text):
            return {"type": "context", "elements": [mrkdwn(text, _CONTEXT_ROOM)]}
        case Fields(fields):
            texts = [mrkdwn(f"*{label}*\n{value}", _FIELD_ROOM) for label, value in fields]
            return {"type": "section", "fields": texts[:_MOST_FIELDS]}


def mrkdwn(text: str, room: int) -> dict[str, Any]:
    # Verbatim: Slack makes no link or mention of what merely looks like one.
    return {"type": "mrkdwn", "text": cut(text, room), "verbatim": True}


def _metadata(rendered: Rendered, form: Form) -> dict[str, Any]:
    """The ids, by which the message is found again. Anyone in the workspace can read them."""
    ids = " ".join(rendered.ids)
    if form is Form.PLAIN and len(ids) > _SAFE_IDS_ROOM:
        # They may be what Slack refused.
        ids = rendered.ids[0]
    payload = {"id": rendered.ids[0], "ids": ids, "team": rendered.team}
    return {"event_type": EVENT_TYPE, "event_payload": payload}
