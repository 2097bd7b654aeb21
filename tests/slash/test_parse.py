"""A command may be typed in many ways, and parsing it never fails."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchbell.slash.parse import BotStatus, Command, Details, Help, Query, Recent, parse, text_of

ID = "batch_6b0223285a7be713f1384bd080f19a05"


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("", Recent()),
        ("   ", Recent()),
        ("all", Recent()),
        ("recent", Recent()),
        ("open", Recent(status="open")),
        ("failed", Recent(status="failed")),
        ("  FAILED ", Recent(status="failed")),
        ("in progress", Recent(status="in_progress")),
        ("In-Progress 5", Recent(5, "in_progress")),
        ("problems", Recent(status="problems")),
        ("needs attention, 5", Recent(5, "problems")),
        ("running", Recent(status="open")),
        ("canceled", Recent(status="cancelled")),
        ("gone", Recent(status="gone")),
        ("25", Recent(25)),
        ("0", Recent(1)),
        ("1000", Recent(40)),
        ("failed 25", Recent(25, "failed")),
        ("25 Failed", Recent(25, "failed")),
        ("last 25, failed", Recent(25, "failed")),
        (ID, Details(ID)),
        (f"`{ID}`", Details(ID)),
        (f"Batch_{ID[6:]}", Details(ID)),
        (f"<https://platform.openai.com/batches/{ID}?tab=x>", Details(ID)),
        (f"batch {ID}", Details(ID)),
        (f"show {ID}", Details(ID)),
        ("batch cb-7f3", Details("cb-7f3")),
        ("7f1c2f5e-6c1e-4a58-a3cf-3f4f1e1c2b11", Details("7f1c2f5e-6c1e-4a58-a3cf-3f4f1e1c2b11")),
        ("show bGl0ZWxsbTpwcm94eQ==", Details("bGl0ZWxsbTpwcm94eQ==")),
        ("pre_schedule", Recent(status="pre_schedule")),
        ("Queued 5", Recent(5, "queued")),
        ("status", BotStatus()),
        ("Health", BotStatus()),
        ("help", Help()),
        ("?", Help()),
        ("make me a sandwich", Help(invalid="make me a sandwich")),
        ("failed expired", Help(invalid="failed expired")),
        ("5 10", Help(invalid="5 10")),
        ("-5", Help(invalid="-5")),
        ("9" * 5000, Help(invalid="9" * 5000)),
    ],
)
def test_each_form_is_understood(text: str, query: Query) -> None:
    assert parse(text) == Command(query)


@pytest.mark.parametrize("text", ["failed --share", "--SHARE failed", "failed \u2014share", "failed share"])
def test_share_may_stand_anywhere(text: str) -> None:
    assert parse(text) == Command(Recent(status="failed"), is_shared=True)


@given(st.text())
def test_any_text_has_an_answer(text: str) -> None:
    assert isinstance(parse(text).query, Query)


ODD_IDS = ["cb 7/f", "msgbatch_013Zva", "batch_abc.def", "my batch_1", f"batch_{'x' * 250}", "Batch_A"]
_IDS = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=80)
_POSITIONS = st.none() | st.builds("0{}#{}".format, st.integers(10**9, 10**10 - 1), _IDS)


@given(
    st.builds(Details, st.uuids().map("batch_{0.hex}".format) | st.sampled_from(ODD_IDS))
    | st.builds(Recent, st.integers(1, 40), st.sampled_from(["all", "open", "failed", "problems"]), _POSITIONS)
    | st.builds(Recent, st.integers(1, 40), newer_than=_POSITIONS)
    | st.sampled_from([BotStatus(), Help()])
)
def test_what_a_button_carries_asks_for_what_it_was_made_from(query: Query) -> None:
    assert parse(text_of(query)) == Command(query)
