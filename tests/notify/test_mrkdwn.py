"""Untrusted text is shown and never becomes markup, and markup that is cut stays whole."""

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchbell.notify.mrkdwn import code, context, counted, cut, date, duration, escaped, fields, section, series
from tests.untrusted import texts

HALF = re.compile(r"&(?!(amp|lt|gt);)|[<>]")


@pytest.mark.parametrize(
    ("untrusted", "shown"),
    [
        ("<!channel>", "&lt;!channel&gt;"),
        ("<@U0ALICE> <https://evil.example|bill>", "&lt;@U0ALICE&gt; &lt;https://evil.example¦bill&gt;"),
        ("R&D &amp; more", "R&amp;D &amp;amp; more"),
        ("two\nlines\u2028and\ta tab", "two lines and a tab"),
        ("\u202eturned\u2066 \x1b[31mred\x00", "turned [31mred"),
        ("*bold* ~struck~ `code`", "\u2217bold\u2217 \u223cstruck\u223c \u02cbcode\u02cb"),
        ("_slanted_ but snake_case_too", "\u02cdslanted\u02cd but snake_case_too"),
        ("family: \U0001f468\u200d\U0001f469", "family: \U0001f468\u200d\U0001f469"),
        ("half a pair \ud800", "half a pair"),
        (":tada: a:b at 12:30", "\ua789tada: a\ua789b at 12\ua78930"),
        (":+1: :skin-tone-2:", "\ua789+1: \ua789skin-tone-2:"),
        ("> > quoted", "\u203a &gt; quoted"),
        ("@here #general", "@here #general"),  # `parse` and `verbatim` say that these are no markup
    ],
)
def test_untrusted_text_is_shown_and_is_no_markup(untrusted: str, shown: str) -> None:
    assert escaped(untrusted, 100) == shown


def test_a_code_span_cannot_be_ended_from_within() -> None:
    assert code("a`<!here>`b") == "`a'&lt;!here&gt;'b`"


def test_there_is_no_code_span_around_nothing() -> None:
    assert code(" \u200f ") == ""


def test_text_that_is_cut_says_so_and_no_entity_is_cut_in_two() -> None:
    assert escaped("R&D and more", 8) == "R&amp;D…"
    assert escaped("R&D and more", 6) == "R…"


@given(texts, st.integers(4, 300))
def test_untrusted_text_keeps_to_its_limit_and_holds_no_markup(untrusted: str, limit: int) -> None:
    shown, span = escaped(untrusted, limit), code(untrusted, limit)

    assert max(len(shown), len(span)) <= limit
    assert not HALF.search(shown + span)
    assert shown.isprintable() or "\u200d" in shown or not html.unescape(shown).isascii()
    assert span == "" or not set("`") & set(span[1:-1])


@given(st.lists(st.sampled_from(["&amp;", "&lt;", "word ", "<https://x|y&amp;z>", date(1)])), st.integers(1, 60))
def test_markup_is_cut_between_its_tags_and_entities(pieces: list[str], limit: int) -> None:
    markup = cut("".join(pieces), limit)

    assert len(markup) <= limit
    assert not HALF.search(re.sub(r"<[^<>]+>", "", markup))


def test_blocks_that_are_too_long_for_slack_are_cut() -> None:
    long = "&amp;" * 2_000

    assert len(section(long)["text"]["text"]) <= 3_000
    assert section(long)["text"]["text"].endswith("&amp;…")
    assert [len(field["text"]) <= 2_000 for field in fields([("A", long)] * 12)["fields"]] == [True] * 10
    assert len(context(long)["elements"][0]["text"]) <= 2_000


def test_a_time_is_shown_in_the_readers_zone_and_else_in_utc() -> None:
    assert date(1_763_000_000) == "<!date^1763000000^{date_short_pretty} {time}|2025-11-13 02:13 UTC>"


def test_a_time_beyond_the_calendar_is_shown_as_it_is() -> None:
    assert date(10**15) == "second 1000000000000000 of Unix time"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (-5, "0 s"),
        (0, "0 s"),
        (83, "1 min 23 s"),
        (3_600, "1 h"),
        (3_605, "1 h"),
        (11_520, "3 h 12 min"),
        (86_400, "24 h"),
        (88_200, "24 h 30 min"),
        (183_600, "2 d 3 h"),
    ],
)
def test_a_duration_is_shown_in_its_two_largest_units(seconds: int, shown: str) -> None:
    assert duration(seconds) == shown


def test_one_is_worded_differently_from_many() -> None:
    assert [counted(n, "batch") for n in (0, 1, 1200)] == ["no batch", "1 batch", "1,200 batches"]
    assert counted(2, "error") == "2 errors"


def test_a_series_ends_with_and() -> None:
    assert [series(list("abc")[:n]) for n in range(4)] == ["", "a", "a and b", "a, b and c"]
