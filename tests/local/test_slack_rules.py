"""Slack rejects what it cannot show, and a message in a terminal reads as in Slack."""

from datetime import UTC
from typing import Any

import pytest

from local.slack_rules import as_text, error_for
from local.slack_simulator import Message
from tests.slack_app import button, listing, overflow, plain, section, static_select


def mrkdwn(text: str) -> dict[str, str]:
    return {"type": "mrkdwn", "text": text}


def posted(text: str, *blocks: dict[str, object]) -> Message:
    return Message("1.0", "C0", 1.0, text, blocks=blocks)


def actions(*elements: dict[str, object], **fields: object) -> dict[str, object]:
    return {"type": "actions", "elements": list(elements), **fields}


TWINS = actions(button("one", "same", "1"), button("two", "same", "2"))
NEEDLESS = button("Open", "open", "1") | {"accessibility_label": "x" * 76}
TOO_FAR = button("Open", "open", "1") | {"url": "https://x.example/" + "x" * 3_000}
LINK = {"text": plain("Open"), "value": "link", "url": "https://x.example/"}
LONG_HEADER = {"type": "header", "text": {"type": "plain_text", "text": "x" * 151}}


@pytest.mark.parametrize(
    ("message", "error"),
    [
        (listing(1), None),
        ({}, "no_text"),
        ({"text": "x" * 40_001}, "msg_too_long"),
        ({"blocks": [{"type": "section", "fields": [mrkdwn("x" * 2_001)]}]}, "invalid_blocks"),
        ({"blocks": [section("x", accessory=button("x" * 76, "one", "1"))]}, "invalid_blocks"),
        ({"blocks": [TWINS]}, "invalid_blocks"),
        ({"blocks": [LONG_HEADER]}, "invalid_blocks"),
        ({"blocks": [section("x", accessory=overflow(LINK))]}, None),
        ({"blocks": [section("x", accessory=overflow())]}, "invalid_blocks"),
        ({"blocks": [section("x", accessory=overflow(*[LINK] * 6))]}, "invalid_blocks"),
        ({"blocks": [section("x", accessory=overflow(LINK | {"text": plain("x" * 76)}))]}, "invalid_blocks"),
        ({"blocks": [section("x", accessory=overflow(LINK | {"value": "x" * 151}))]}, "invalid_blocks"),
        ({"blocks": [section("x", accessory=overflow(LINK | {"url": "x" * 3_001}))]}, "invalid_blocks"),
        ({"blocks": [section("x", accessory=overflow({"value": "no text"}))]}, "invalid_blocks"),
        ({"blocks": [actions(static_select("Details of…", LINK))]}, "invalid_blocks"),
        ({"blocks": [actions(NEEDLESS)]}, "invalid_blocks"),
        ({"blocks": [actions(TOO_FAR)]}, "invalid_blocks"),
        ({"blocks": [actions(button("x", "x" * 256, "1"))]}, "invalid_blocks"),
        ({"blocks": [actions(button("", "x", "1"))]}, "invalid_blocks"),
        ({"blocks": [section("x", block_id="b"), section("y", block_id="b")]}, "invalid_blocks"),
        ({"blocks": [section("x" * 3_001)]}, "invalid_blocks"),
        ({"blocks": [section("x" * 3_000)] * 4}, "msg_blocks_too_long"),
        ({"text": "x", "metadata": {"event_type": "test"}}, "invalid_metadata_format"),
        ({"text": "x", "metadata": {"event_type": "test", "event_payload": {"id": "x" * 8_000}}}, "metadata_too_large"),
    ],
)
def test_a_message_that_slack_cannot_show_is_rejected_by_name(message: dict[str, Any], error: str | None) -> None:
    assert error_for(message) == error


def test_markup_becomes_what_it_means_and_escaped_text_what_it_was() -> None:
    message = posted(
        ":x: *search* · *<https://x.example/b|R&amp;D>* ended "
        "<!date^1763000000^{date_short_pretty} {time}|2025> in `file_1`, _slanted_, :unheard_of:"
    )

    assert as_text(message, zone=UTC) == "❌ search · R&D ended Nov 13, 02:13 in file_1, slanted, :unheard_of:"
    assert as_text(posted("*&lt;!channel&gt;* &amp;lt; a_b_c 2*3*4")) == "<!channel> &lt; a_b_c 2*3*4"


def test_blocks_are_drawn_in_place_of_the_text_with_what_can_be_pressed_in_brackets() -> None:
    message = posted(
        "For notifications",
        section(
            ":warning: *Partly failed:* *<https://x.example/b|R&amp;D>*\n3 of 10 failed.", accessory=overflow(LINK)
        ),
        {"type": "section", "fields": [mrkdwn("*Model*\n`gpt`"), mrkdwn("*Took*\n1 h"), mrkdwn("*Long*\n" + "x" * 50)]},
        {"type": "context", "elements": [mrkdwn("`batch_1` · 2 h")]},
        actions(static_select("Details of…", {"text": plain("R&D"), "value": "1"}), button("Older", "older", "2")),
    )

    assert as_text(message).split("\n") == [
        "⚠️ Partly failed: R&D [⋯]",
        "3 of 10 failed.",
        f"{'Model: gpt':<48}Took: 1 h",
        f"Long: {'x' * 50}",
        "batch_1 · 2 h",
        "[Details of… ▾] [Older]",
    ]
    assert "\n\x1b[2mbatch_1 · 2 h\x1b[0m\n" in as_text(message, ansi=True)


def test_long_lines_are_wrapped() -> None:
    lines = as_text(posted("word " * 50)).split("\n")

    assert [len(line) for line in lines] == [99, 99, 49]
