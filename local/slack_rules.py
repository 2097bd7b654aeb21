"""Rules: what Slack refuses in a message, and by which name."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

LONGEST_TEXT = 40_000
LONGEST_SECTION = 3_000
LONGEST_FIELD = 2_000
MOST_FIELDS = 10
MOST_BLOCKS = 50

# Slack does not tell these two; the blocks' is what bolt-js #2867 saw refused.
MOST_CHARACTERS_IN_BLOCKS = 11_000
LONGEST_METADATA = 8_000

Blocks = Sequence[Mapping[str, Any]]


def refusal_of(arguments: Mapping[str, Any]) -> str | None:
    """The error that such a message gets; None where Slack takes it."""
    blocks, attachments = arguments.get("blocks") or [], arguments.get("attachments") or []
    in_attachments = [block for each in attachments for block in each.get("blocks", [])]
    if not (arguments.get("text") or blocks or attachments):
        return "no_text"
    if len(arguments.get("text") or "") > LONGEST_TEXT:
        return "msg_too_long"
    if not _are_valid(blocks):
        return "invalid_blocks"
    if not _are_valid(in_attachments):
        return "invalid_attachments"
    if sum(len(text) for block in [*blocks, *in_attachments] for text, _ in _texts(block)) > (
        MOST_CHARACTERS_IN_BLOCKS
    ):
        return "msg_blocks_too_long"
    return _refusal_of_metadata(arguments.get("metadata"))


def _are_valid(blocks: Blocks) -> bool:
    return len(blocks) <= MOST_BLOCKS and all(
        all(0 < len(text) <= longest for text, longest in _texts(block))
        and len(block.get("fields", [])) <= MOST_FIELDS
        and len(block.get("elements", [])) <= MOST_FIELDS
        for block in blocks
    )


def _texts(block: Mapping[str, Any]) -> list[tuple[str, int]]:
    """Each text of a block, and how long it may be."""
    text = [(block["text"]["text"], LONGEST_SECTION)] if "text" in block else []
    small = [*block.get("fields", []), *block.get("elements", [])]
    return text + [(each.get("text", ""), LONGEST_FIELD) for each in small]


def _refusal_of_metadata(metadata: Any) -> str | None:
    if metadata is None:
        return None
    if not isinstance(metadata.get("event_type"), str) or not isinstance(metadata.get("event_payload"), dict):
        return "invalid_metadata_format"
    return "metadata_too_large" if len(json.dumps(metadata)) > LONGEST_METADATA else None
