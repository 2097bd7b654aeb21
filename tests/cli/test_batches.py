"""`batchbell list` and `show`: what OpenAI lists, as a table or as it came."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from batchbell.cli.main import main
from batchbell.openai.client import OpenAIClient
from local.openai_faults import Kind, error, raw
from local.openai_rows import counts
from local.openai_simulator import After, OpenAISimulator
from tests.servers import AZURE

Run = Callable[..., tuple[int, str, str]]
NEXT = "The key sees only the batches of its own project."


@pytest.fixture
def openai(monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenAISimulator]:
    with OpenAISimulator() as openai:
        monkeypatch.setenv("OPENAI_BASE_URL", openai.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", f" {openai.key}\n")
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        yield openai


@pytest.fixture
def run(openai: OpenAISimulator, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command; return its exit code and what it printed on either stream."""

    def run(*words: str) -> tuple[int, str, str]:
        code = main(words)
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


@pytest.fixture
def listed(run: Run) -> Callable[..., list[dict[str, Any]]]:
    """Return the rows of `list --json`."""
    return lambda *words: [json.loads(line) for line in run("list", "--json", *words)[1].splitlines()]


def test_a_row_is_printed_as_it_came_unknown_fields_included(openai, listed) -> None:
    openai.add("queued_somewhere", priority={"lane": ["fast", None]}, metadata={"name": "Zürich"})
    openai.add("completed")

    assert listed() == openai.batches


def test_a_table_shows_how_each_batch_really_ended(openai, run) -> None:
    partly = openai.add("completed", metadata={"name": "\x1b[31mred"}, request_counts=counts(10, 7, 3))
    openai.add("in_progress", request_counts=counts(10, 4, 0))

    _, printed, _ = run("list")

    heading, running, failed = printed.splitlines()
    assert heading.split() == ["STATUS", "NAME", "ID", "REQUESTS", "WHEN", "TOOK"]
    assert running.startswith("in progress")
    assert "4 of 10 done" in running
    assert " left" in running
    assert failed.startswith("partly failed")
    assert partly["id"] in failed
    assert "3 of 10 failed" in failed
    assert "\x1b" not in failed


def test_failed_means_wholly_or_in_part_and_is_looked_for_beyond_the_first_page(openai, listed) -> None:
    failed = openai.add("failed")
    partly = openai.add("completed", request_counts=counts(10, 7, 3))
    for _ in range(150):
        openai.add("completed", request_counts=counts(10, 10, 0))

    assert {row["id"] for row in listed("--status", "FAILED")} == {partly["id"], failed["id"]}


def test_problems_are_what_failed_wholly_or_in_part_or_expired(openai, run, listed) -> None:
    for status in ("in_progress", "cancelled", "expired", "failed"):
        openai.add(status)
    none = run("list", "--status", "problems", "--after", openai.batches[-1]["id"])
    openai.add("completed", request_counts=counts(10, 7, 3))

    assert {row["status"] for row in listed("--status", "problems")} == {"completed", "failed", "expired"}
    assert none == (0, "", f"No batch has problems. {NEXT}\n")


@pytest.mark.parametrize(("asked", "shown"), [("Open", ["odd_status", "validating"]), ("odd status", ["odd_status"])])
def test_open_is_every_status_that_is_not_an_end_and_servers_have_their_own(openai, listed, asked, shown) -> None:
    for status in ("validating", "expired", "Odd_Status"):
        openai.add(status)

    assert [row["status"].lower() for row in listed("--status", asked)] == shown


def test_a_limit_beyond_one_page_and_a_start_are_kept_to(openai, listed) -> None:
    for _ in range(130):
        openai.add()
    ids = [row["id"] for row in openai.batches]

    assert [row["id"] for row in listed("--after", ids[0], "--limit", "120")] == ids[1:121]


def test_an_unreadable_row_is_shown_among_all_and_no_others_and_no_row_twice(openai, run, listed) -> None:
    rows = [{"id": "batch_1", "status": "failed"}, {"strange": True}]
    more = [rows[0], {"id": "batch_2", "status": "failed"}]
    for page in (rows, more, rows, more):
        openai.faults.append(raw({"data": page, "has_more": page is rows}))

    assert listed() == [*rows, more[1]]
    assert [row["id"] for row in listed("--status", "failed")] == ["batch_1", "batch_2"]


def test_a_server_that_shows_the_same_page_for_ever_is_not_asked_for_ever(openai, run) -> None:
    first = openai.add()
    openai.faults.append(error(503))
    openai.mangle = lambda row: row | {"id": first["id"]}
    openai.add()

    assert run("list", "--status", "failed") == (0, "", f"No batch has status 'failed'. {NEXT}\n")


def test_a_mistyped_status_is_answered_with_those_there_are(openai, run) -> None:
    openai.add("completed")

    _, _, said = run("list", "--status", "complted")

    assert said.startswith("No batch has status 'complted'. Known: all, open, problems, validating, failed, ")


@pytest.mark.parametrize("typo", ["/batches", "/chat/completions/", "/"])
def test_a_typo_in_the_address_is_forgiven(openai, run, monkeypatch: pytest.MonkeyPatch, typo: str) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", f" {openai.base_url}{typo}")

    assert run("list")[0] == 0


def test_azures_classic_api_is_asked_with_its_version(openai, run, monkeypatch: pytest.MonkeyPatch) -> None:
    openai.dialect = AZURE
    monkeypatch.setenv("OPENAI_BASE_URL", openai.base_url)
    monkeypatch.setenv("OPENAI_API_VERSION", f" {AZURE.api_version}\n")

    assert run("list")[0] == 0


def test_a_version_that_would_send_azures_key_to_openai_is_a_wrong_usage(
    run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "https://api.openai.com")
    monkeypatch.setenv("OPENAI_API_VERSION", "2024-10-21")

    with pytest.raises(SystemExit) as ended:
        run("list")

    assert ended.value.code == 2
    assert "OpenAIApiVersion is Azure's" in capsys.readouterr().err


def test_one_batch_is_shown_as_facts_or_as_it_came(openai, run) -> None:
    batch = openai.add("failed", metadata={"name": "Nightly", "owner": "ada"}, shoe_size=43)
    [broken] = batch["errors"]["data"]

    code, printed, _ = run("show", batch["id"])
    _, as_json, _ = run("show", batch["id"], "--json")

    assert code == 0
    facts = (batch["id"], "failed", "name: Nightly", "owner: ada", batch["input_file_id"])
    assert all(each in printed for each in (*facts, broken["code"], broken["message"]))
    assert json.loads(as_json) == batch


@pytest.mark.skipif(not hasattr(OpenAIClient, "error_summary"), reason="error files cannot be read")
def test_why_requests_failed_is_read_from_the_error_file(openai, run) -> None:
    partly = openai.add("completed", request_counts=counts(10, 7, 3))
    succeeded = openai.add("completed", request_counts=counts(10, 10, 0), error_file_id="file-1")

    printed = run("show", partly["id"])[1]
    run("show", succeeded["id"])
    run("show", partly["id"], "--json")

    assert re.search("^why +2 × rate limit exceeded$", printed, re.MULTILINE)
    assert re.search("^next +.*resubmit the 3 named in the error file.$", printed, re.MULTILINE)
    assert sum("/files/" in request.path for request in openai.requests) == 1


@pytest.mark.parametrize("shown", [None, counts(0, 0, 0)])
def test_list_and_show_say_the_same_of_a_batch_whose_counts_a_list_lacks(openai, run, shown: Any) -> None:
    batch = openai.add("completed", request_counts=counts(0, 0, 0), output_file_id=None, usage=None)
    openai.stale[batch["id"]] = batch | {"request_counts": shown, "error_file_id": "f"}

    table, facts = run("list")[1], run("show", batch["id"])[1]

    assert re.search(rf"^empty +{batch['id']}", table, re.MULTILINE)
    assert "status       empty (status completed)" in facts


@pytest.mark.parametrize(
    ("words", "retrieved"), [(["--json"], 0), (["--status", "cancelled"], 0), (["--status", "problems"], 1), ([], 1)]
)
def test_counts_are_asked_for_only_where_they_matter_and_once_of_a_server_that_has_none(
    openai, run, words: list[str], retrieved: int
) -> None:
    for _ in range(5):
        openai.add("completed", request_counts=None)

    run("list", *words)

    assert sum(request.kind is Kind.RETRIEVE for request in openai.requests) == retrieved


@pytest.mark.parametrize("unknown_after", list(After))
def test_a_start_that_the_server_does_not_know_is_said_to_be_so(openai, run, unknown_after: After) -> None:
    openai.add()
    openai.unknown_after = unknown_after

    says = f"batchbell: {openai.base_url} knows no batch batch_none: is it of this key's project?\n"
    assert run("list", "--after", "batch_none") == (1, "", says)


@pytest.mark.parametrize("batch_id", ["7f1c2f5e-6c1e-4a58-a3cf-3f4f1e1c2b11", "bGl0ZWxsbTpwcm94eQ=="])
def test_ids_of_any_form_are_shown(openai, run, batch_id: str) -> None:
    openai.add("failed", id=batch_id)

    assert run("show", batch_id)[0] == 0


def test_a_terminal_that_is_not_utf_8_gets_a_substitute_and_no_word_from_outside_controls_it(openai) -> None:
    openai.add("failed", id="batch_\x1b[31m", metadata={"name": "Müller \x1b]0;x\x07"})
    environ = os.environ | {"PYTHONPATH": "src", "PYTHONIOENCODING": "ascii"}

    for words in (["list"], ["list", "--after", "batch_\x1b[31m"], ["show", "batch_\x1b[31m"], ["--help"]):
        command = [sys.executable, "-m", "batchbell", *words]
        ran = subprocess.run(command, env=environ, capture_output=True, check=False)

        assert b"Traceback" not in ran.stderr
        assert b"\x1b" not in ran.stdout + ran.stderr
    assert b"M?ller" in subprocess.run([*command[:3], "list"], env=environ, capture_output=True, check=True).stdout


@pytest.mark.parametrize("batch_id", ["batch_none", "../files", ".."])
def test_an_unknown_id_is_an_error_of_one_line(openai, run, batch_id: str) -> None:
    says = f"batchbell: {openai.base_url} knows no batch {batch_id}: is it of this key's project?\n"

    assert run("show", batch_id) == (1, "", says)


def test_a_refused_key_is_said_in_one_line_and_not_shown(run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-wrong-key")

    says = "batchbell: List Batches answered 401 (invalid_api_key): the API key was refused\n"
    assert run("list") == (1, "", says)
