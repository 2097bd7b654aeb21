"""mrkdwn: Slack's markup, made from foreign text that must not become markup."""

import re
from datetime import UTC, datetime

_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
# Control characters, halves of surrogate pairs, and what turns the direction of reading.
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
# mrkdwn cannot quote its own marks, so each gives way to a look-alike.
_LOOK_ALIKES = str.maketrans({"*": "\u2217", "~": "\u223c", "`": "\u02cb", "|": "\u00a6"})
_OUTER_UNDERSCORES = re.compile(r"(?<![^\W_])_+|_+(?![^\W_])")
_LAST_SECOND = 253_402_300_799  # 9999-12-31 23:59:59 UTC, where datetime ends


def escaped(foreign: str, room: int) -> str:
    """Foreign text to stand in a sentence, on one line, of at most `room` characters."""
    one_line = _OUTER_UNDERSCORES.sub("\u02cd", _one_line(foreign).translate(_LOOK_ALIKES))
    return _within(one_line, room)


def code(foreign: str, room: int = 300) -> str:
    """Foreign text as a code span, to be copied; empty where there is none."""
    span = _within(_one_line(foreign).replace("`", "'"), room - 2)
    return f"`{span}`" if span else ""


def link(url: str, label: str) -> str:
    """`label`, already escaped, leading to `url`."""
    return f"<{url}|{label}>"


def date(at: float) -> str:
    """A time (Unix seconds) in the reader's own zone; in UTC where that cannot be shown."""
    if not 0 <= at <= _LAST_SECOND:
        return f"second {at:.0f} of Unix time"
    fallback = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")
    return f"<!date^{int(at)}^{{date_short_pretty}} {{time}}|{fallback}>"


def cut(markup: str, room: int) -> str:
    """Markup cut to `room` characters, without leaving half a tag or half an entity."""
    if len(markup) <= room:
        return markup
    return re.sub(r"(<[^>]*|&[a-z]*)$", "", markup[: max(room - 1, 0)]).rstrip() + "…"


def _one_line(foreign: str) -> str:
    words = (_UNSEEN.sub("", word) for word in foreign.split())
    return " ".join(filter(None, words))


def _within(text: str, room: int) -> str:
    """`text` with its entities, cut by whole characters so that no entity is cut in two."""
    pieces = [_ENTITIES.get(character, character) for character in text[: max(room, 0) + 1]]
    if sum(map(len, pieces)) <= room:
        return "".join(pieces)
    size, kept = 1, 0  # 1 for the ellipsis
    while size + len(pieces[kept]) <= room:
        size += len(pieces[kept])
        kept += 1
    return "".join(pieces[:kept]).rstrip() + "…"
