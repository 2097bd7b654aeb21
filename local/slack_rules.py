"""Rules: what Slack refuses in a message, and by which name."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

LONGEST_TEXT = 40_000
LONGEST_SECTION = 3_000
LONGEST_FIELD = 2_000
LONGEST_HEADER = 150
LONGEST_LABEL = {"button": 75, "option": 75, "placeholder": 150}
LONGEST_VALUE = {"button": 2_000, "option": 150}
MOST_FIELDS = 10
MOST_ELEMENTS = {"actions": 25, "context": 10}
MOST_OPTIONS = 100
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


def elements_of(block: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What may be pressed or chosen from in a block."""
    accessory = [block["accessory"]] if "accessory" in block else []
    return [*accessory, *(block.get("elements", []) if block.get("type") == "actions" else [])]


def _are_valid(blocks: Blocks) -> bool:
    return len(blocks) <= MOST_BLOCKS and all(
        all(0 < len(text) <= longest for text, longest in _texts(block))
        and len(block.get("fields", [])) <= MOST_FIELDS
        and len(block.get("elements", [])) <= MOST_ELEMENTS.get(block["type"], 0)
        and all(len(each.get("options", [])) <= MOST_OPTIONS for each in elements_of(block))
        and _have_names_of_their_own(block)
        for block in blocks
    )


def _have_names_of_their_own(block: Mapping[str, Any]) -> bool:
    names = [each.get("action_id") for each in elements_of(block)]
    return len(set(names)) == len(names)


def _texts(block: Mapping[str, Any]) -> list[tuple[str, int]]:
    """Each text of a block, and how long it may be."""
    longest = LONGEST_HEADER if block["type"] == "header" else LONGEST_SECTION
    text = [(block["text"]["text"], longest)] if "text" in block else []
    small = [*block.get("fields", []), *(block["elements"] if block["type"] == "context" else [])]
    labels = [label for each in elements_of(block) for label in _labels(each)]
    return text + [(each.get("text", ""), LONGEST_FIELD) for each in small] + labels


def _labels(element: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    """What stands on a button or in a menu, and what either sends."""
    if "placeholder" in element:
        yield element["placeholder"]["text"], LONGEST_LABEL["placeholder"]
    kind = "option" if "options" in element else "button"
    for each in element.get("options", [element]):
        yield each["text"]["text"], LONGEST_LABEL[kind]
        if "value" in each:
            yield each["value"], LONGEST_VALUE[kind]


def _refusal_of_metadata(metadata: Any) -> str | None:
    if metadata is None:
        return None
    if not isinstance(metadata.get("event_type"), str) or not isinstance(metadata.get("event_payload"), dict):
        return "invalid_metadata_format"
    return "metadata_too_large" if len(json.dumps(metadata)) > LONGEST_METADATA else None
