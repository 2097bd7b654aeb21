"""Slack text: a message as a person would read it, for a terminal."""

import html
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any, Protocol

from local.slack_emoji import EMOJI

WIDTH = 100
_COLUMN = 46

_MARKUP = re.compile(
    r"`(?P<code>[^`\n]+)`"
    r"|<!date\^(?P<at>\d+)\^[^|>]*\|[^>]*>"
    r"|<(?P<url>[^|>]+)\|(?P<label>[^>]*)>"
    r"|(?<![\w*])\*(?P<bold>[^*\n]+)\*(?![\w*])"
    r"|(?<![\w_])_(?P<italic>[^_\n]+)_(?![\w_])"
    r"|(?P<emoji>:[a-z_]+:)"
)


class Posted(Protocol):
    """A message as Slack holds it."""

    @property
    def text(self) -> str: ...

    @property
    def attachments(self) -> Sequence[Mapping[str, Any]]: ...


def as_text(message: Posted, *, zone: tzinfo | None = None, ansi: bool = False) -> str:
    """The message as it looks in Slack; times in `zone`, colours only with `ansi`."""
    lines = _wrapped(_read(message.text, zone))
    for attachment in message.attachments:
        edge = _painted("▌", attachment.get("color", "")) if ansi else "▌"
        for line in _lines_of(attachment.get("blocks", ()), zone):
            lines += [f"{edge} {part}".rstrip() for part in _wrapped(line)]
    return "\n".join(lines)


def _lines_of(blocks: Sequence[Mapping[str, Any]], zone: tzinfo | None) -> Iterator[str]:
    for block in blocks:
        texts = [block["text"]] if "text" in block else block.get("elements", ())
        for text in texts:
            yield from _read(text["text"], zone).split("\n")
        yield from _columns([_read(field["text"], zone) for field in block.get("fields", ())])


def _columns(fields: Sequence[str]) -> Iterator[str]:
    """Labelled values two by two, as Slack sets them; one by one where they are long."""
    cells = [": ".join(field.split("\n", 1)) for field in fields]
    for left, right in zip(cells[::2], [*cells[1::2], ""], strict=False):
        if max(len(left), len(right)) <= _COLUMN:
            yield f"{left:<{_COLUMN}}  {right}".rstrip()
        else:
            yield from filter(None, (left, right))


def _read(mrkdwn: str, zone: tzinfo | None) -> str:
    """The words of some mrkdwn."""
    return html.unescape(_unmarked(mrkdwn, zone))


def _unmarked(mrkdwn: str, zone: tzinfo | None) -> str:
    def words_of(match: re.Match[str]) -> str:
        part = match.groupdict()
        if part["at"]:
            return datetime.fromtimestamp(int(part["at"]), zone).strftime("%b %d, %H:%M")
        if part["url"]:
            return _unmarked(part["label"], zone)
        if part["emoji"]:
            return EMOJI.get(part["emoji"], part["emoji"])
        return part["code"] or _unmarked(part["bold"] or part["italic"], zone)

    return _MARKUP.sub(words_of, mrkdwn)


def _wrapped(text: str) -> list[str]:
    wrap = textwrap.TextWrapper(WIDTH, break_long_words=False, break_on_hyphens=False, drop_whitespace=True)
    return [line for paragraph in text.split("\n") for line in wrap.wrap(paragraph) or [""]]


def _painted(text: str, colour: str) -> str:
    red, green, blue = bytes.fromhex(colour.removeprefix("#") or "808080")
    return f"\x1b[38;2;{red};{green};{blue}m{text}\x1b[0m"
