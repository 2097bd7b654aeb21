"""The limits that tests hold messages against are found one by one."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.slack_app import button, overflow, plain, section, static_select
from tests.slack_limits import violations

DETAILS = {"text": plain("Details"), "value": "batch batch_1"}
LINK = {"text": plain("Open"), "value": "link", "url": "https://x.example/"}
OPEN = button("Open", "open", "1") | {"url": "https://x.example/", "accessibility_label": "Open it"}


def mrkdwn(text: str) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def block(kind: str, **fields: Any) -> dict[str, Any]:
    return {"type": kind, **fields}


def actions(*elements: Mapping[str, Any]) -> dict[str, Any]:
    return block("actions", elements=list(elements))


def message(*blocks: Mapping[str, Any], **fields: Any) -> dict[str, Any]:
    return {"text": "A batch ended", "blocks": list(blocks), **fields}


def test_a_message_within_the_limits_breaks_none() -> None:
    blocks = (
        block("header", text=plain("x" * 150)),
        section("x" * 3_000, expand=True, accessory=overflow(DETAILS, LINK), block_id="x" * 255),
        block("section", fields=[mrkdwn("x" * 100)] * 10),
        block("context", elements=[mrkdwn("x" * 100)] * 10),
        actions(OPEN | {"accessibility_label": "x" * 75}, static_select("x" * 150, *[DETAILS] * 100)),
        block("divider"),
    )
    metadata = {"event_type": "ended", "event_payload": {"id": "1"}}

    found = violations(message(*blocks, metadata=metadata, unfurl_links=False, response_type="ephemeral"))

    assert found == []


@pytest.mark.parametrize(
    ("broken", "expected"),
    [
        ({"blocks": [section("x")]}, "a message without text"),
        ({"text": ""}, "text of a message has 0"),
        ({"text": "x" * 40_001}, "text of a message has 40001"),
        (message(tet="x"), "unknown key tet"),
        (message(*[section("x")] * 51), "51 blocks"),
        (message(*[section("x" * 2_000)] * 6), "12000 characters in blocks"),
        (message(section("x" * 3_001)), "text of a section text has 3001"),
        (message(section("")), "text of a section text has 0"),
        (message(block("section")), "text or fields"),
        (message(block("section", fields=[mrkdwn("x" * 2_001)])), "text of a field has 2001"),
        (message(block("section", fields=[mrkdwn("x")] * 11)), "11 fields of a section"),
        (message(block("header", text=plain("x" * 151))), "text of a header text has 151"),
        (message(block("header", text=mrkdwn("x"))), "not plain_text"),
        (message(block("context", elements=[mrkdwn("x" * 3_001)])), "text of a context text has 3001"),
        (message(block("context", elements=[mrkdwn("x")] * 11)), "11 elements of a context"),
        (message(actions(*(button("x", str(n), "1") for n in range(26)))), "26 elements of a actions"),
        (message(actions()), "0 elements of a actions"),
        (message(actions(OPEN, OPEN)), "two elements of a block with one action_id"),
        (message(section("x", block_id="b"), section("y", block_id="b")), "two blocks with one block_id"),
        (message(section("x", block_id="b" * 256)), "block_id of a block has 256"),
        (message(actions(OPEN | {"text": plain("x" * 76)})), "text of a button text has 76"),
        (message(actions(OPEN | {"text": mrkdwn("x")})), "not plain_text"),
        (message(actions(OPEN | {"value": "x" * 2_001})), "value of a button has 2001"),
        (message(actions(OPEN | {"url": "x" * 3_001})), "url of a button has 3001"),
        (message(actions(OPEN | {"accessibility_label": "x" * 76})), "accessibility_label of a button has 76"),
        (message(actions(OPEN | {"action_id": "x" * 256})), "action_id of a button has 256"),
        (message(actions(OPEN | {"style": "loud"})), "style"),
        (message(section("x", accessory=overflow())), "0 options of a overflow"),
        (message(section("x", accessory=overflow(*[LINK] * 6))), "6 options of a overflow"),
        (message(section("x", accessory=overflow(LINK | {"value": "x" * 151}))), "value of a option has 151"),
        (message(section("x", accessory=overflow(LINK | {"url": "x" * 3_001}))), "url of a option has 3001"),
        (message(section("x", accessory=overflow(LINK | {"text": plain("x" * 76)}))), "text of a option text has 76"),
        (message(section("x", accessory=overflow({"text": plain("x")}))), "a option without value"),
        (message(section("x", accessory=overflow(LINK | {"link": "x"}))), "unknown key of an option"),
        (message(actions(static_select("x", LINK))), "an option with a url outside an overflow"),
        (message(actions(static_select("x", *[DETAILS] * 101))), "101 options of a static_select"),
        (message(actions(static_select("x" * 151, DETAILS))), "text of a placeholder has 151"),
        (message(section("x", exand=True)), "unknown keys in a section"),
        (message(section("x", accessory=OPEN | {"label": "x"})), "unknown keys in a section"),
        (message(block("shout", text=plain("x"))), "unknown keys in a shout"),
        (message(metadata={"event_type": "ended"}), "metadata without"),
        (message(metadata={"event_type": "ended", "event_payload": {"id": "x" * 8_000}}), "metadata of 80"),
    ],
)
def test_each_broken_limit_is_found(broken: dict[str, Any], expected: str) -> None:
    assert expected in "; ".join(violations(broken))
