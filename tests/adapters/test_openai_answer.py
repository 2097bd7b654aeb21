from email.utils import formatdate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchbell.adapters.openai_answer import Answer

NOW = 1_800_000_000


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"retry-after": "7"}, 7),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "1500", "retry-after": "7"}, 1.5),
        ({"retry-after-ms": "soon", "retry-after": "7"}, 7),
        ({"retry-after": formatdate(NOW + 30, usegmt=True)}, 30),
        ({"retry-after": formatdate(NOW - 30, usegmt=True)}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "0"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "later"}, None),
        ({}, None),
    ],
)
def test_the_wait_a_server_asks_for_is_read_in_every_form(
    headers: dict[str, str], expected: float | None
) -> None:
    assert Answer(429, headers).retry_after_s(NOW) == expected


@settings(deadline=None)
@given(st.text())
def test_no_retry_after_does_harm(value: str) -> None:
    delay_s = Answer(429, {"retry-after": value, "retry-after-ms": value}).retry_after_s(NOW)

    assert delay_s is None or delay_s > 0


def test_waits_double_up_to_eight_seconds_and_are_shortened_by_up_to_a_quarter() -> None:
    answer = Answer(500)

    assert [answer.delay_s(tries, NOW, random=0) for tries in range(1, 7)] == [0.5, 1, 2, 4, 8, 8]
    assert answer.delay_s(1, NOW, random=1) == 0.375


@pytest.mark.parametrize(
    "error", [{"code": "sk-1234"}, {"code": 5}, {"code": "a b"}, {"code": "x" * 65}, "text", None]
)
def test_only_a_plain_word_counts_as_error_code(error: object) -> None:
    assert Answer(400, content={"error": error}).error_code is None


def test_the_type_stands_in_for_a_code() -> None:
    content = {"error": {"code": None, "type": "server_error"}}

    assert Answer(500, content=content).error_code == "server_error"
