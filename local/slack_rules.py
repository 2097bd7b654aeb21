"""Slack's rules: what it rejects and by which error, how it completes a message, and how a message reads."""

import html
import json
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from local.slack_simulator import Message

LONGEST_TEXT = 40_000
LONGEST_SECTION = 3_000
LONGEST_FIELD = 2_000
LONGEST_HEADER = 150
LONGEST_LABEL = {"button": 75, "option": 75, "placeholder": 150}
LONGEST_VALUE = {"button": 2_000, "option": 150}
LONGEST = {"block_id": 255, "action_id": 255, "url": 3_000, "accessibility_label": 75}
LONGEST_METADATA = 8_000  # not documented
MOST_CHARACTERS_IN_BLOCKS = 11_000  # not documented: bolt-js #2867 saw this rejected
MOST_BLOCKS = 50
MOST_FIELDS = 10
MOST_ELEMENTS = {"actions": 25, "context": 10}
MOST_OPTIONS = {"overflow": 5, "static_select": 100}

EMOJI = {
    ":alarm_clock:": "⏰",
    ":arrow_left:": "⬅️",
    ":arrow_right:": "➡️",
    ":arrows_counterclockwise:": "🔄",
    ":bell:": "🔔",
    ":black_square_for_stop:": "⏹️",
    ":bulb:": "💡",
    ":eyes:": "👀",
    ":grey_question:": "❔",
    ":hourglass:": "⌛",
    ":hourglass_flowing_sand:": "⏳",
    ":key:": "🔑",
    ":mag:": "🔍",
    ":no_entry:": "⛔",
    ":warning:": "⚠️",
    ":white_check_mark:": "✅",
    ":x:": "❌",
}
"""The emoji of our messages."""

Block = Mapping[str, Any]


def scope_for(method: str, *, is_private: bool) -> str | None:
    """Return the scope that a method needs for such a channel; None if it needs none."""
    kind = "groups" if is_private else "channels"
    return {"chat.postMessage": "chat:write", "conversations.history": f"{kind}:history"}.get(method)


def channel_error_for(method: str, error: str | None, *, is_private: bool) -> str | None:
    """Return a method's error in a channel where posting fails with `error`."""
    if error == "not_in_channel" and is_private:
        return "channel_not_found"  # Slack hides a private channel from who is not in it
    return None if (method, error) == ("conversations.history", "is_archived") else error


def error_for(message: Mapping[str, Any]) -> str | None:
    """Return the error with which Slack rejects such a message; None if it takes it."""
    blocks = message.get("blocks") or []
    if not (message.get("text") or blocks):
        return "no_text"
    if len(message.get("text") or "") > LONGEST_TEXT:
        return "msg_too_long"
    if not _are_valid(blocks):
        return "invalid_blocks"
    texts = [text for block in blocks for text, _ in _texts(block)]
    if sum(map(len, texts)) > MOST_CHARACTERS_IN_BLOCKS:
        return "msg_blocks_too_long"
    return _metadata_error_for(message.get("metadata") or {"event_type": "", "event_payload": {}})


def elements_of(block: Block) -> list[Block]:
    """Return the buttons and menus of a block."""
    accessory = [block["accessory"]] if "accessory" in block else []
    return [*accessory, *(block.get("elements", []) if block.get("type") == "actions" else [])]


def shown_content(message: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is seen of a message. Slack gives a block_id to each block with a button or a menu."""
    blocks = message.get("blocks") or ()
    with_ids = ({"block_id": f"b{n}", **block} if elements_of(block) else block for n, block in enumerate(blocks))
    return {"text": message.get("text") or "", "blocks": tuple(with_ids)}


def _metadata_error_for(metadata: Mapping[str, Any]) -> str | None:
    if not isinstance(metadata.get("event_type"), str) or not isinstance(metadata.get("event_payload"), dict):
        return "invalid_metadata_format"
    return "metadata_too_large" if len(json.dumps(metadata)) > LONGEST_METADATA else None


def _are_valid(blocks: Sequence[Block]) -> bool:
    ids = [block["block_id"] for block in blocks if "block_id" in block]
    return len(blocks) <= MOST_BLOCKS and len(set(ids)) == len(ids) and all(map(_is_valid, blocks))


def _is_valid(block: Block) -> bool:
    elements = elements_of(block)
    menus = [each for each in elements if each["type"] in MOST_OPTIONS]
    options = [option for menu in menus for option in menu["options"]]
    return (
        all(0 < len(text) <= longest for text, longest in _texts(block))
        and all(
            0 < len(each[name]) <= longest
            for each in (block, *elements, *options)
            for name, longest in LONGEST.items()
            if name in each
        )
        and len(block.get("fields", [])) <= MOST_FIELDS
        and len(block.get("elements", [])) <= MOST_ELEMENTS.get(block["type"], 0)
        and all(1 <= len(menu["options"]) <= MOST_OPTIONS[menu["type"]] for menu in menus)
        and all("url" not in option for menu in menus if menu["type"] != "overflow" for option in menu["options"])
        and len({each.get("action_id") for each in elements}) == len(elements)
    )


def _texts(block: Block) -> Iterator[tuple[str, int]]:
    """Yield each text and value of a block, and how long it may be."""
    if "text" in block:
        yield block["text"]["text"], LONGEST_HEADER if block["type"] == "header" else LONGEST_SECTION
    for each in [*block.get("fields", []), *(block["elements"] if block["type"] == "context" else [])]:
        yield each.get("text", ""), LONGEST_FIELD
    for element in elements_of(block):
        if "placeholder" in element:
            yield element["placeholder"]["text"], LONGEST_LABEL["placeholder"]
        kind = "option" if "options" in element else "button"
        for each in element.get("options", [element]):
            yield each.get("text", {}).get("text", ""), LONGEST_LABEL[kind]
            if "value" in each:
                yield each["value"], LONGEST_VALUE[kind]


# A message as text, for a terminal.

_WIDTH = 100
_COLUMN = 46
_MARKUP = re.compile(
    r"`(?P<code>[^`\n]+)`"
    r"|<!date\^(?P<at>\d+)\^[^|>]*\|[^>]*>"
    r"|<(?P<url>[^|>]+)\|(?P<label>[^>]*)>"
    r"|(?<![\w*])\*(?P<bold>[^*\n]+)\*(?![\w*])"
    r"|(?<![\w_])_(?P<italic>[^_\n]+)_(?![\w_])"
    r"|(?P<emoji>:[a-z_]+:)"
)


def as_text(message: "Message", *, zone: tzinfo | None = None, ansi: bool = False) -> str:
    """Return the message as it looks in Slack; times in `zone`, styles only with `ansi`.

    Where there are blocks, the text is for notifications and screen readers alone.
    """
    blocks = message.blocks or [{"text": {"text": message.text}}]
    return "\n".join(_lines_of(blocks, zone, ansi=ansi))


def _lines_of(blocks: Sequence[Block], zone: tzinfo | None, *, ansi: bool) -> Iterator[str]:
    """Yield each block's lines, what can be pressed in brackets; with `ansi` a context is dim."""
    for block in blocks:
        is_dim = ansi and block.get("type") == "context"
        texts = [block["text"]] if "text" in block else block["elements"] if block["type"] == "context" else []
        title, *rest = "\n".join(_plain(each["text"], zone) for each in texts).split("\n")
        first = " ".join(filter(None, [title, *map(_label, elements_of(block))]))
        for line in _wrapped("\n".join([first, *rest])) if first else ():
            yield f"\x1b[2m{line}\x1b[0m" if is_dim else line
        fields = [_plain(each["text"], zone) for each in block.get("fields", ())]
        cells = [": ".join(each.split("\n", 1)) for each in fields]
        for left, right in zip(cells[::2], [*cells[1::2], ""], strict=False):
            if max(len(left), len(right)) <= _COLUMN:
                yield f"{left:<{_COLUMN}}  {right}".rstrip()
            else:
                yield from filter(None, (left, right))


def _label(element: Block) -> str:
    """Return what stands on a button or a menu, in brackets."""
    if element["type"] == "overflow":
        return "[⋯]"
    return f"[{element['text']['text']}]" if "text" in element else f"[{element['placeholder']['text']} ▾]"


def _plain(mrkdwn: str, zone: tzinfo | None) -> str:
    """Return some mrkdwn as a reader sees it, without its markup."""
    return html.unescape(_without_markup(mrkdwn, zone))


def _without_markup(mrkdwn: str, zone: tzinfo | None) -> str:
    def plain_part(match: re.Match[str]) -> str:
        part = match.groupdict()
        if part["at"]:
            return datetime.fromtimestamp(int(part["at"]), zone).strftime("%b %d, %H:%M")
        if part["emoji"]:
            return EMOJI.get(part["emoji"], part["emoji"])
        return part["code"] or _without_markup(part["label"] or part["bold"] or part["italic"] or "", zone)

    return _MARKUP.sub(plain_part, mrkdwn)


def _wrapped(text: str) -> list[str]:
    wrap = textwrap.TextWrapper(_WIDTH, break_long_words=False, break_on_hyphens=False)
    return [line for paragraph in text.split("\n") for line in wrap.wrap(paragraph) or [""]]
