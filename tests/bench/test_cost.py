"""What a month costs: measured by a script that runs."""

import re
import subprocess
import sys

from bench.cost import Item
from local.aws import ROOT


def test_what_is_always_free_is_not_paid_for() -> None:
    item = Item("requests", quantity=1500, unit="", price=2, per="2 each", free=1000)

    assert (item.usd, item.usd_beyond_free) == (3000, 1000)


def test_the_script_measures_a_quiet_poll_and_writes_the_rows_of_the_page_in_docs() -> None:
    command = [sys.executable, "-m", "bench.cost", "1"]

    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert ran.returncode == 0, ran.stderr
    assert re.search(r"^\| a quiet poll \| 1.0 \| 0.0 \| 2.5 \| 1.0 \|", ran.stdout, re.MULTILINE)
    assert _rows(ran.stdout) == _rows((ROOT / "docs/cost.md").read_text())


def _rows(page: str) -> list[str]:
    return re.findall(r"^(?:#+ |\| )[^|\n]+", page, re.MULTILINE)
