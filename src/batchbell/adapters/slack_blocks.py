"""Slack blocks: a rendered message as the arguments of chat.postMessage."""

from typing import Any

from slack_sdk.models.attachments import BlockAttachment
from slack_sdk.models.blocks import Block, ContextBlock, MarkdownTextObject, SectionBlock
from slack_sdk.models.metadata import Metadata

from batchbell.domain.message.mrkdwn import cut
from batchbell.domain.message.rendered import Context, Fields, Part, Rendered, Section
from batchbell.domain.notification import Form

EVENT_TYPE = "batchbell_notification"

_TEXT_ROOM = 4_000
_SECTION_ROOM = 3_000
_FIELD_ROOM = 2_000
_MOST_FIELDS = 10
_MOST_BLOCKS = 50

_SAFE_IDS_ROOM = 3_000
"""Slack does not tell how much metadata is too large; this much has been seen to be taken."""


def arguments_for(rendered: Rendered, form: Form) -> dict[str, Any]:
    """What to post, in a form that pings nobody. Raises: SlackObjectFormationError."""
    text: dict[str, Any] = {"text": cut(rendered.plain, _TEXT_ROOM)}
    if form is Form.BLOCKS:
        blocks = [_block(part) for part in rendered.parts[:_MOST_BLOCKS]]
        attachments = [BlockAttachment(color=rendered.colour, blocks=blocks).to_dict()] if blocks else []
        text = {"text": cut(rendered.text, _TEXT_ROOM), "attachments": attachments}
    return {
        **text,
        "metadata": _metadata(rendered, form),
        "parse": "none",
        "link_names": False,
        "unfurl_links": False,
        "unfurl_media": False,
    }


def _block(part: Part) -> Block:
    match part:
        case Section(text):
            return SectionBlock(text=_mrkdwn(text, _SECTION_ROOM), expand=True)
        case Context(text):
            return ContextBlock(elements=[_mrkdwn(text, _FIELD_ROOM)])
        case Fields(fields):
            texts = [_mrkdwn(f"*{label}*\n{value}", _FIELD_ROOM) for label, value in fields]
            return SectionBlock(fields=texts[:_MOST_FIELDS])


def _mrkdwn(text: str, room: int) -> MarkdownTextObject:
    # Verbatim: Slack makes no link or mention of what merely looks like one.
    return MarkdownTextObject(text=cut(text, room), verbatim=True)


def _metadata(rendered: Rendered, form: Form) -> Metadata:
    """The ids, by which the message is found again. Anyone in the workspace can read them."""
    ids = " ".join(rendered.ids)
    if form is Form.PLAIN and len(ids) > _SAFE_IDS_ROOM:
        # They may be what Slack refused.
        ids = rendered.ids[0]
    return Metadata(EVENT_TYPE, {"id": rendered.ids[0], "ids": ids, "team": rendered.team})
