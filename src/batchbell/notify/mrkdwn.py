"""Slack's markup and blocks, and untrusted text in them that must not become markup."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape
from itertools import pairwise
from typing import Any

Block = dict[str, Any]
# Options with which a message notifies nobody by name and shows no previews.
QUIET: Block = {"parse": "none", "link_names": False, "unfurl_links": False, "unfurl_media": False}
NO_QUESTION = "link"  # the value of what asks nothing
# Control characters, what changes the direction of reading, and halves of surrogate pairs.
_INVISIBLE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
# mrkdwn cannot quote its own marks, so each is replaced by a character that looks like it.
_LOOK_ALIKES = str.maketrans({"*": "\u2217", "~": "\u223c", "`": "\u02cb", "|": "\u00a6"})
_EMOJI = re.compile(r":(?=[\w+'-])")  # the first colon of `:name:`, whose second may be ours
_OUTER_UNDERSCORES = re.compile(r"(?<![^\W_])_+|_+(?![^\W_])")


def escaped(untrusted: str, limit: int) -> str:
    """Return the text for use in a sentence: on one line, of at most `limit` characters."""
    text = _OUTER_UNDERSCORES.sub("\u02cd", _one_line(untrusted).translate(_LOOK_ALIKES))
    text = f"\u203a{text[4:]}" if text.startswith("&gt;") else text  # at the start of a line it quotes
    return cut(_EMOJI.sub("\ua789", text), limit)


def code(untrusted: str | None, limit: int = 300) -> str:
    """Return the text as a code span, which can be copied; empty if there is none."""
    span = cut(_one_line(untrusted or "").replace("`", "'"), limit - 2)
    return f"`{span}`" if span else ""


def date(at: float) -> str:
    """Return a time (Unix seconds) that Slack shows in the reader's zone, or else in UTC."""
    if not 0 <= at < 253_402_300_800:  # the year 10000, where datetime ends
        return f"second {at:.0f} of Unix time"
    fallback = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")
    return f"<!date^{int(at)}^{{date_short_pretty}} {{time}}|{fallback}>"


def ago(at: float, now: float) -> str:
    """Return how long ago that was, which Slack counts on."""
    since = f"{duration(now - at)} ago"
    return f"<!date^{int(at)}^{{ago}}|{since}>" if 0 <= at < 253_402_300_800 else since


def cut(markup: str, limit: int) -> str:
    """Return the markup cut to `limit` characters, without half a tag or half an entity at its end."""
    if len(markup) <= limit:
        return markup
    return re.sub(r"(<[^>]*|&[a-z]*)$", "", markup[: max(limit - 1, 0)]).rstrip() + "…"


def counted(number: int, noun: str) -> str:
    """Return `no batch`, `1 batch`, `2 batches`."""
    plural = noun + ("es" if noun.endswith("ch") else "s")
    return f"{number:,} {plural}" if number > 1 else f"1 {noun}" if number == 1 else f"no {noun}"


def series(words: Sequence[str], last: str = "and") -> str:
    """Return `a`, `a and b`, `a, b and c`, with another word before the last if one is given."""
    return f" {last} ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def duration(seconds: float) -> str:
    """Return a duration in its two largest units; in hours up to two days, as windows are."""
    left, units = max(int(seconds), 0), ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
    for (size, unit), (part, smaller) in pairwise(units if left >= 2 * 86_400 else units[1:]):
        if left >= size:
            rest = left % size // part
            return f"{left // size:,} {unit}" + (f" {rest} {smaller}" if rest else "")
    return f"{left} s"


def section(text: str, accessory: Block | None = None) -> Block:
    """Return a paragraph: shown in full, or with a button beside it."""
    more = {"accessory": accessory} if accessory else {"expand": True}
    return {"type": "section", "text": _mrkdwn(text, 3_000), **more}


def fields(values: Sequence[tuple[str, str]]) -> Block:
    """Return labelled values, which Slack shows in two columns, at most ten."""
    return {"type": "section", "fields": [_mrkdwn(f"*{label}*\n{value}") for label, value in values[:10]]}


def context(text: str) -> Block:
    """Return a small grey line."""
    return {"type": "context", "elements": [_mrkdwn(text)]}


def actions(*elements: Block) -> Block:
    """Return a row of buttons and menus."""
    return {"type": "actions", "elements": list(elements)}


def button(action: str, label: str, value: str, of: str = "") -> Block:
    """Return a button; Slack sends its action and value back. `of` is what screen readers add to the label."""
    more = {"accessibility_label": cut(f"{label} of {of}", 75)} if of else {}
    return {"type": "button", "action_id": action, **_choice(label, value), **more}


def link(label: str, url: str, of: str = "") -> Block:
    """Return a button that leads to a page."""
    more = {"accessibility_label": cut(f"{label}: {of}", 75)} if of else {}
    return {"type": "button", "action_id": "open", "text": _plain(label), "url": url, **more}


def overflow(*buttons: Block) -> Block:
    """Return the menu behind a ⋯ that offers these buttons; of a link too Slack sends a value back."""
    options = [{key: each[key] for key in ("text", "value", "url") if key in each} for each in buttons]
    return {"type": "overflow", "action_id": "more", "options": [{"value": NO_QUESTION, **each} for each in options]}


def menu(action: str, label: str, values: Sequence[tuple[str, str]]) -> Block:
    """Return a menu of labels, each with the value that is sent back."""
    options = [_choice(cut(each, 75), value) for each, value in values]
    return {"type": "static_select", "action_id": action, "placeholder": _plain(label), "options": options}


def _plain(label: str) -> Block:
    return {"type": "plain_text", "text": label}


def _choice(label: str, value: str) -> Block:
    return {"text": _plain(label), "value": value}


def _one_line(untrusted: str) -> str:
    words = (_INVISIBLE.sub("", word) for word in untrusted.split())
    return escape(" ".join(filter(None, words)), quote=False)


def _mrkdwn(text: str, limit: int = 2_000) -> Block:
    # Verbatim: Slack makes no link or mention of what merely looks like one.
    return {"type": "mrkdwn", "text": cut(text, limit), "verbatim": True}
