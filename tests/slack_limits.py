"""Slack's documented limits of a message, independent of ours: the SDK's checks, and those that it lacks.

Sources: docs.slack.dev/reference/block-kit and /reference/methods/chat.postMessage.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models.blocks import Block

Object = Mapping[str, Any]

LONGEST = {
    "message": {"text": 40_000},
    "block": {"block_id": 255},
    "section text": {"text": 3_000},
    "header text": {"text": 150},
    "field": {"text": 2_000},
    "context text": {"text": 3_000},
    "button": {"action_id": 255, "value": 2_000, "url": 3_000, "accessibility_label": 75},
    "button text": {"text": 75},
    "overflow": {"action_id": 255},
    "static_select": {"action_id": 255},
    "placeholder": {"text": 150},
    "option": {"value": 150, "url": 3_000},
    "option text": {"text": 75},
}
"""How long a string may be, by the kind of its object and its key; none may be empty."""

NEEDED = {"message": ["text"], "button": ["text", "action_id"], "option": ["text", "value"], "overflow": ["action_id"]}
NEEDED["static_select"] = ["action_id"]
PLAIN = {"header text", "button text", "placeholder", "option text"}
MOST = {"section": ("fields", 10), "actions": ("elements", 25), "context": ("elements", 10)}
MOST |= {"overflow": ("options", 5), "static_select": ("options", 100)}
MOST_BLOCKS = 50
MOST_CHARACTERS = 11_000  # of all blocks' texts; not documented: bolt-js #2867
LONGEST_METADATA = 8_000  # as JSON; not documented
KEYS = {"text", "blocks", "metadata", "parse", "link_names", "unfurl_links", "unfurl_media"}
KEYS |= {"response_type", "replace_original", "delete_original"}


def violations(message: Object) -> list[str]:
    """Return each limit that the message breaks, in words."""
    blocks = message.get("blocks", ())
    objects = [("message", message), *(pair for block in blocks for pair in _objects(block))]
    ids = [block["block_id"] for block in blocks if "block_id" in block]
    found = [
        *(f"unknown key {key} of the message" for key in message.keys() - KEYS),
        *(each for kind, thing in objects for each in _of_object(kind, thing)),
        *(each for block in blocks for each in _of_sdk(block)),
        *_metadata_violations(message.get("metadata")),
    ]
    if len(blocks) > MOST_BLOCKS:
        found.append(f"{len(blocks)} blocks")
    if len(set(ids)) < len(ids):
        found.append("two blocks with one block_id")
    characters = sum(len(thing["text"]) for kind, thing in objects[1:] if isinstance(thing.get("text"), str))
    if characters > MOST_CHARACTERS:
        found.append(f"{characters} characters in blocks")
    return found


def _objects(block: Object) -> Iterator[tuple[str, Object]]:
    """Yield the block and all objects in it, each with its kind."""
    yield "block", block
    yield block["type"], block
    if "text" in block:
        yield f"{block['type']} text", block["text"]
    yield from (("field", each) for each in block.get("fields", ()))
    for element in [*block.get("elements", ()), *([block["accessory"]] if "accessory" in block else [])]:
        if block["type"] == "context":
            yield "context text", element
            continue
        yield element["type"], element
        if "text" in element:
            yield "button text", element["text"]
        if "placeholder" in element:
            yield "placeholder", element["placeholder"]
        for option in element.get("options", ()):
            yield "option", option
            if "text" in option:
                yield "option text", option["text"]


def _of_object(kind: str, thing: Object) -> Iterator[str]:
    for key, longest in LONGEST.get(kind, {}).items():
        value = thing.get(key)
        if isinstance(value, str) and not 0 < len(value) <= longest:
            yield f"{key} of a {kind} has {len(value)} characters"
    yield from (f"a {kind} without {key}" for key in NEEDED.get(kind, ()) if key not in thing)
    if kind in PLAIN and (thing.get("type") != "plain_text" or "verbatim" in thing):
        yield f"a {kind} that is not plain_text"
    key, most = MOST.get(kind, ("", 0))
    if len(thing.get(key, ())) > most or thing.get(key) == []:
        yield f"{len(thing[key])} {key} of a {kind}"
    if kind in ("actions", "section"):
        elements: Sequence[Object] = thing.get("elements", ())
        action_ids = [each.get("action_id") for each in elements]
        if len(set(action_ids)) < len(action_ids):
            yield "two elements of a block with one action_id"
    if kind == "static_select" and any("url" in option for option in thing.get("options", ())):
        yield "an option with a url outside an overflow"
    if kind == "option" and thing.keys() - {"text", "value", "url", "description"}:
        yield "unknown key of an option"


def _of_sdk(block: Object) -> Iterator[str]:
    """Yield what the SDK finds, and whether it knows each key: it drops the others."""
    try:
        parsed = Block.parse(dict(block))
        known = parsed.to_dict() if parsed else {}
    except (SlackObjectFormationError, TypeError, AttributeError) as error:
        yield f"the SDK says: {error}"
        return
    if known != block:
        yield f"unknown keys in a {block['type']}"


def _metadata_violations(metadata: Any) -> Iterator[str]:
    if metadata is None:
        return
    if not isinstance(metadata.get("event_type"), str) or not isinstance(metadata.get("event_payload"), dict):
        yield "metadata without event_type and event_payload"
    elif len(json.dumps(metadata)) > LONGEST_METADATA:
        yield f"metadata of {len(json.dumps(metadata))} characters"
