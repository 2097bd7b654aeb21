"""Foreign text is shown, never obeyed, and whatever is cut stays whole markup."""

import html
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchbell.domain.message.mrkdwn import code, cut, date, escaped, link
from tests.foreign import texts

HALF = re.compile(r"&(?!(amp|lt|gt);)|[<>]")


@pytest.mark.parametrize(
    ("foreign", "shown"),
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
    ],
)
def test_foreign_text_is_shown_and_not_obeyed(foreign: str, shown: str) -> None:
    assert escaped(foreign, 100) == shown


def test_a_code_span_cannot_be_left_from_within() -> None:
    assert code("a`<!here>`b") == "`a'&lt;!here&gt;'b`"


def test_there_is_no_code_span_around_nothing() -> None:
    assert code(" \u200f ") == ""


def test_what_is_cut_says_so_and_no_entity_is_cut_in_two() -> None:
    assert escaped("R&D and more", 8) == "R&amp;D…"
    assert escaped("R&D and more", 6) == "R…"


@settings(deadline=None)
@given(texts, st.integers(4, 300))
def test_foreign_text_fits_and_holds_no_markup(foreign: str, room: int) -> None:
    shown, span = escaped(foreign, room), code(foreign, room)

    assert max(len(shown), len(span)) <= room
    assert not HALF.search(shown + span)
    assert shown.isprintable() or "\u200d" in shown or not html.unescape(shown).isascii()
    assert span == "" or not set("`") & set(span[1:-1])


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(["&amp;", "&lt;", "word ", link("https://x", "y&amp;z"), date(1)])),
    st.integers(1, 60),
)
def test_markup_is_cut_between_its_tags_and_entities(pieces: list[str], room: int) -> None:
    markup = cut("".join(pieces), room)

    assert len(markup) <= room
    assert not HALF.search(re.sub(r"<[^<>]+>", "", markup))


def test_a_time_is_shown_in_the_readers_zone_and_else_in_utc() -> None:
    assert date(1_763_000_000) == "<!date^1763000000^{date_short_pretty} {time}|2025-11-13 02:13 UTC>"


def test_a_time_beyond_the_calendar_is_shown_as_it_is() -> None:
    assert date(10**15) == "second 1000000000000000 of Unix time"
