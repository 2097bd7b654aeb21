"""Slack's markup and blocks, and untrusted text in them that must not become markup."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from typing import Any

Block = dict[str, Any]

QUIET: Block = {"parse": "none", "link_names": False, "unfurl_links": False, "unfurl_media": False}
"""Options with which a message notifies nobody by name and shows no previews."""

# Control characters, halves of surrogate pairs, and what changes the direction of reading.
_INVISIBLE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
# mrkdwn cannot quote its own marks, so each is replaced by a character that looks like it.
_LOOK_ALIKES = str.maketrans({"*": "\u2217", "~": "\u223c", "`": "\u02cb", "|": "\u00a6"})
_OUTER_UNDERSCORES = re.compile(r"(?<![^\W_])_+|_+(?![^\W_])")
_LAST_SECOND = 253_402_300_799  # 9999-12-31 23:59:59 UTC, where datetime ends


def escaped(untrusted: str, limit: int) -> str:
    """Return the text for use in a sentence: on one line, of at most `limit` characters."""
    return cut(_OUTER_UNDERSCORES.sub("\u02cd", _one_line(untrusted).translate(_LOOK_ALIKES)), limit)


def code(untrusted: str, limit: int = 300) -> str:
    """Return the text as a code span, which can be copied; empty if there is none."""
    span = cut(_one_line(untrusted).replace("`", "'"), limit - 2)
    return f"`{span}`" if span else ""


def date(at: float) -> str:
    """Return a time (Unix seconds) that Slack shows in the reader's zone, or else in UTC."""
    if not 0 <= at <= _LAST_SECOND:
        return f"second {at:.0f} of Unix time"
    fallback = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")
    return f"<!date^{int(at)}^{{date_short_pretty}} {{time}}|{fallback}>"


def cut(markup: str, limit: int) -> str:
    """Return the markup cut to `limit` characters, without half a tag or half an entity at its end."""
    if len(markup) <= limit:
        return markup
    return re.sub(r"(<[^>]*|&[a-z]*)$", "", markup[: max(limit - 1, 0)]).rstrip() + "…"


def counted(number: int, noun: str) -> str:
    """Return `no batch`, `1 batch`, `2 batches`."""
    plural = noun + ("es" if noun.endswith("ch") else "s")
    return f"{number:,} {plural}" if number > 1 else f"1 {noun}" if number == 1 else f"no {noun}"


def series(words: Sequence[str]) -> str:
    """Return `a`, `a and b`, `a, b and c`."""
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def duration(seconds: float) -> str:
    """Return a duration in its two largest units; in hours up to two days, as windows are."""
    left, words = max(int(seconds), 0), list[str]()
    units = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
    for size, unit in units if left >= 2 * 86_400 else units[1:]:
        count, left = divmod(left, size)
        if count:
            words.append(f"{count:,} {unit}")
        elif words:
            break
    return " ".join(words[:2]) or "0 s"


def section(text: str, accessory: Block | None = None) -> Block:
    """Return a paragraph: shown in full, or with a button beside it."""
    more = {"accessory": accessory} if accessory else {"expand": True}
    return {"type": "section", "text": _mrkdwn(text, 3_000), **more}


def fields(values: Sequence[tuple[str, str]]) -> Block:
    """Return labelled values, which Slack shows in two columns, at most ten."""
    texts = [_mrkdwn(f"*{label}*\n{value}", 2_000) for label, value in values]
    return {"type": "section", "fields": texts[:10]}


def context(text: str) -> Block:
    """Return a small grey line."""
    return {"type": "context", "elements": [_mrkdwn(text, 2_000)]}


def actions(*elements: Block) -> Block:
    """Return a row of buttons and menus."""
    return {"type": "actions", "elements": list(elements)}


def button(action: str, label: str, value: str) -> Block:
    """Return a button; Slack sends its action and value back."""
    return {
        "type": "button",
        "action_id": action,
        "text": {"type": "plain_text", "text": label},
        "value": value,
    }


def menu(action: str, values: Mapping[str, str], chosen: str) -> Block:
    """Return a menu of `values` by their labels, which shows the label `chosen`."""
    options = {
        label: {"text": {"type": "plain_text", "text": label}, "value": value}
        for label, value in values.items()
    }
    initial = {"initial_option": options[chosen]} if chosen in options else {}
    return {"type": "static_select", "action_id": action, "options": list(options.values()), **initial}


def _one_line(untrusted: str) -> str:
    words = (_INVISIBLE.sub("", word) for word in untrusted.split())
    return escape(" ".join(filter(None, words)), quote=False)


def _mrkdwn(text: str, limit: int) -> Block:
    # Verbatim: Slack makes no link or mention of what merely looks like one.
    return {"type": "mrkdwn", "text": cut(text, limit), "verbatim": True}
