"""What `make bench` compares, and a run of it in its smallest form."""

import subprocess
import sys
from pathlib import Path

import pytest

from bench.performance import compared, extracted, python, run, seconds_by_memory, small
from local.aws import ROOT


def test_a_figure_stands_beside_the_earlier_one_and_its_limit() -> None:
    figures = {"quiet poll, requests to OpenAI": 1, "all open, requests to OpenAI": 980, "baseline": 7}

    lines = compared(figures, dict.fromkeys(figures, 480))

    assert lines == [
        ("quiet poll, requests to OpenAI", "1", "480", "at most 1", "met"),
        ("all open, requests to OpenAI", "980", "480", "at most 490", "MISSED by 100%"),
        ("baseline", "7", "480", "", ""),
    ]


def test_a_function_may_be_no_slower_than_at_the_earlier_commit() -> None:
    lines = compared({"Slack function": 1.26}, {"Slack function": 1.0})

    assert lines == [("Slack function", "1.260", "1", "at most 1.050", "MISSED by 20%")]


def test_the_initialisation_takes_as_long_with_any_memory_and_a_request_longer_with_less() -> None:
    runs = [{"import_cpu_s": start_s, "cpu_s": 0.2} for start_s in (0.4, 0.5, 9)]

    lines = seconds_by_memory({"from source": {"Slack function": runs, "poll function": runs}})

    assert lines == [
        (f"{name}, from source", "0.500", "0.200", "1.191", "0.846", "0.700")
        for name in ("Slack function", "poll function")
    ]


def test_the_source_of_a_commit_is_taken_from_the_clone(tmp_path: Path) -> None:
    found = extracted("HEAD", tmp_path)

    assert found == tmp_path / "src"
    assert (tmp_path / "src/batchbell/__init__.py").is_file()


def test_the_code_of_an_earlier_commit_runs_the_same_polls(tmp_path: Path) -> None:
    before = extracted("250aead", tmp_path)
    if before is None:
        pytest.skip("this clone does not have that commit")

    figures = run(python("bench.polls", str(before), "400", "0"), small())

    assert figures["baseline, all open, polls"] == 1
    assert figures["quiet poll, requests to OpenAI"] == 1
    assert figures["quiet poll, requests to the table"] == 3


def test_the_bench_runs_and_says_that_the_commit_is_not_there(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bench.performance", "smallest", str(tmp_path), "no-such-commit"]

    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert ran.returncode == 0, ran.stderr
    assert "met: quiet poll, requests to OpenAI: 1, at most 1" in ran.stdout
    page = (tmp_path / "performance.md").read_text()
    assert "|  | now | no-such-commit: not in this clone | limit |  |" in page
    assert "| baseline, all open, polls | 1 | - |  |  |" in page
    assert "| poll function, from source | " in page
    assert "| function | import, CPU s | first request, CPU s | 512 MB, s | 1,024 MB, s | 1,769 MB, s |" in page
    assert "| openai | " in page
    assert str(ROOT) not in page
