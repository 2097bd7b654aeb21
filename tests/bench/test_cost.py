"""What a month costs: measured by a script that runs."""

import re
import subprocess
import sys

import pytest
from cfnlint.decode.cfn_yaml import load

from local.aws import ROOT

MOST_USD = 2.20
"""For a team and a month: everything that is on by default, at list price."""

PAGE = (ROOT / "docs/cost.md").read_text()


def test_the_script_measures_a_quiet_poll_and_writes_the_rows_of_the_page_in_docs() -> None:
    command = [sys.executable, "-m", "bench.cost", "1"]

    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert ran.returncode == 0, ran.stderr
    assert re.search(r"^\| a quiet poll \| 1.0 \| 0.0 \| 2.5 \| 1.0 \|", ran.stdout, re.MULTILINE)
    assert _rows(ran.stdout) == _rows(PAGE)
    assert _in_all(ran.stdout) <= MOST_USD


def test_the_items_add_up_to_no_more_than_the_limit() -> None:
    items = [
        float(usd) for usd in re.findall(r"^\| [^*|]+ \|.+\|.+\| ([0-9.]+) \|$", PAGE.split("## ")[0], re.MULTILINE)
    ]

    assert len(items) == 16
    assert sum(items) == pytest.approx(_in_all(PAGE), abs=0.005 * len(items))
    assert _in_all(PAGE) <= MOST_USD


def test_every_metric_and_alarm_is_paid_for_and_no_dashboard_by_default() -> None:
    template = load(str(ROOT / "template.yaml"))
    handler = (ROOT / "src/batchbell/handlers/poll.py").read_text()
    alarms = [each for each in template["Resources"].values() if each["Type"] == "AWS::CloudWatch::Alarm"]
    metrics = set(re.findall(r'add_metric\("(\w+)"', handler))

    assert f"| CloudWatch, custom metrics | {len(metrics)} metrics |" in PAGE
    assert f"| CloudWatch, alarms | {len(alarms)} alarms |" in PAGE
    assert template["Parameters"]["Dashboard"]["Default"] == "false"


def _in_all(page: str) -> float:
    return float(re.findall(r"\*\*in all\*\* .*\*\*([0-9.]+)\*\*", page)[0])


def _rows(page: str) -> list[str]:
    return re.findall(r"^(?:#+ |\| )[^|\n]+", page, re.MULTILINE)
