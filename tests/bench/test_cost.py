"""What a month costs: counted as DynamoDB counts, by a script that runs."""

import os
import re
import subprocess
import sys

import pytest

from bench.prices import Item
from local.aws import ROOT
from local.meter import size


@pytest.mark.parametrize(
    ("item", "bytes_"),
    [
        ({}, 0),
        ({"pk": {"S": "ab"}}, 4),
        ({"n": {"N": "-12.5"}}, 4),
        ({"é": {"S": "é"}}, 4),
        ({"b": {"B": b"abc"}}, 4),
        ({"b": {"B": "YWJj"}}, 4),
        ({"l": {"L": [{"S": "ab"}, {"M": {"k": {"BOOL": True}}}]}}, 4 + 3 + 1 + 3 + 1 + 1 + 1),
    ],
)
def test_an_item_is_as_large_as_dynamodb_says(item: dict[str, dict[str, object]], bytes_: int) -> None:
    assert size(item) == bytes_


def test_what_is_always_free_is_not_paid_for() -> None:
    item = Item("requests", quantity=1500, unit="", price=2, per="2 each", free=1000)

    assert (item.usd, item.usd_beyond_free) == (3000, 1000)


def test_the_script_measures_a_quiet_poll_and_counts_what_the_page_in_docs_counts() -> None:
    environ = {**os.environ, "PYTHONPATH": "src"}
    command = [sys.executable, "-m", "bench.cost", "--times=1"]

    ran = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)

    assert ran.returncode == 0, ran.stderr
    assert re.search(r"^\| a quiet poll \| 1.0 \| 0.0 \| 3.0 \| 1.0 \|", ran.stdout, re.MULTILINE)
    assert _rows(ran.stdout) == _rows((ROOT / "docs/cost.md").read_text())


def _rows(page: str) -> list[str]:
    return re.findall(r"^(?:#+ |\| )[^|\n]+", page, re.MULTILINE)
