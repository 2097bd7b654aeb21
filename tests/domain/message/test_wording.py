"""Wording: numbers as a person would say them."""

import pytest

from batchbell.domain.message.wording import counted, duration, series


@pytest.mark.parametrize(
    ("seconds", "said"),
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
def test_a_length_of_time_is_told_in_its_two_largest_units(seconds: int, said: str) -> None:
    assert duration(seconds) == said


def test_one_is_told_from_many() -> None:
    assert [counted(n, "batch") for n in (0, 1, 1200)] == ["no batch", "1 batch", "1,200 batches"]
    assert counted(2, "error") == "2 errors"


def test_a_series_ends_with_and() -> None:
    assert [series(list("abc")[:n]) for n in range(4)] == ["", "a", "a and b", "a, b and c"]
