"""`batchbell list` and `show`: what OpenAI lists, as a table or as it came."""

import json
from collections.abc import Iterator

import pytest

from batchbell.handlers.terminal.main import main
from local.openai_faults import error
from local.openai_rows import counts
from local.openai_simulator import AZURE, OpenAISimulator


@pytest.fixture
def openai(monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenAISimulator]:
    with OpenAISimulator() as openai:
        monkeypatch.setenv("OPENAI_BASE_URL", openai.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", f" {openai.key}\n")
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        yield openai


def rows_in(printed: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in printed.splitlines()]


def test_a_row_is_printed_as_it_came_unknown_fields_included(
    openai: OpenAISimulator, capsys: pytest.CaptureFixture[str]
) -> None:
    openai.add("queued_somewhere", priority={"lane": ["fast", None]}, metadata={"name": "Zürich"})
    openai.add("completed")

    code = main(["list", "--json"])

    assert code == 0
    assert rows_in(capsys.readouterr().out) == openai.batches


def test_a_table_shows_how_each_batch_really_stands(
    openai: OpenAISimulator, capsys: pytest.CaptureFixture[str]
) -> None:
    partly = openai.add("completed", metadata={"name": "\x1b[31mred"}, request_counts=counts(10, 7, 3))
    openai.add("in_progress", request_counts=counts(10, 4, 0))

    main(["list"])

    heading, running, failed = capsys.readouterr().out.splitlines()
    assert heading.split() == ["STATUS", "NAME", "ID", "REQUESTS", "AGE", "TOOK"]
    assert running.startswith("in progress")
    assert "4 of 10" in running
    assert failed.startswith("partly failed")
    assert partly["id"] in failed
    assert "3 of 10 failed" in failed
    assert "\x1b" not in failed


def test_failed_means_wholly_or_in_part_and_is_looked_for_beyond_the_first_page(
    openai: OpenAISimulator, capsys: pytest.CaptureFixture[str]
) -> None:
    failed = openai.add("failed")
    partly = openai.add("completed", request_counts=counts(10, 7, 3))
    for _ in range(150):
        openai.add("completed", request_counts=counts(10, 10, 0))

    main(["list", "--status", "FAILED", "--json"])

    shown = {row["id"] for row in rows_in(capsys.readouterr().out)}
    assert shown == {partly["id"], failed["id"]}


def test_open_is_every_status_that_is_not_an_end(
    openai: OpenAISimulator, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = [openai.add(status)["id"] for status in ("validating", "unheard_of")]
    openai.add("expired")

    main(["list", "--status", "Open", "--json"])

    assert [row["id"] for row in rows_in(capsys.readouterr().out)] == wanted[::-1]


def test_a_status_of_another_servers_own_is_looked_for(
    openai: OpenAISimulator, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = openai.add("Queued_Somewhere")
    openai.add("completed")

    main(["list", "--status", "queued somewhere", "--json"])

    assert [row["id"] for row in rows_in(capsys.readouterr().out)] == [wanted["id"]]


def test_a_mistyped_status_is_answered_with_those_there_are(
    openai: OpenAISimulator, capsys: pytest.CaptureFixture[str]
) -> None:
    openai.add("completed")

    main(["list", "--status", "complted"])

    assert capsys.readouterr().err.startswith(
        "There is no batch that is complted. The documented statuses are validating, failed, "
    )


@pytest.mark.parametrize("slip", ["/batches", "/chat/completions/", "/"])
def test_a_slip_in_the_address_is_forgiven(
    openai: OpenAISimulator, monkeypatch: pytest.MonkeyPatch, slip: str
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", f" {openai.base_url}{slip}")

    assert main(["list"]) == 0


def test_azures_classic_api_is_asked_with_its_version(
    openai: OpenAISimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    openai.dialect = AZURE
    monkeypatch.setenv("OPENAI_BASE_URL", openai.base_url)
    monkeypatch.setenv("OPENAI_API_VERSION", f" {AZURE.api_version}\n")

    assert main(["list"]) == 0


def test_a_version_that_would_hand_azures_key_to_openai_is_a_wrong_usage(
    openai: OpenAISimulator, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "https://api.openai.com")
    monkeypatch.setenv("OPENAI_API_VERSION", "2024-10-21")

    with pytest.raises(SystemExit) as ended:
        main(["list"])

    assert ended.value.code == 2
    assert "OpenAIApiVersion is Azure's" in capsys.readouterr().err


def test_a_limit_beyond_one_page_and_a_start_are_kept_to(
    openai: OpenAISimulator, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(130):
        openai.add()
    newest = openai.batches[0]["id"]

    main(["list", "--after", newest, "--limit", "120", "--json"])

    ids = [row["id"] for row in openai.batches]
    assert [row["id"] for row in rows_in(capsys.readouterr().out)] == ids[1:121]


def test_no_batch_at_all_is_said(openai: OpenAISimulator, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["list", "--status", "failed"])

    told = capsys.readouterr()
    assert (code, told.out) == (0, "")
    assert told.err == "There is no batch that is failed.\n"


def test_everything_about_one_batch_is_shown(
    openai: OpenAISimulator, capsys: pytest.CaptureFixture[str]
) -> None:
    batch = openai.add("failed", metadata={"name": "Nightly", "owner": "ada"})

    code = main(["show", batch["id"]])

    told = capsys.readouterr().out
    [broken] = batch["errors"]["data"]
    assert code == 0
    for each in (batch["id"], "failed", "name: Nightly", "owner: ada", batch["input_file_id"]):
        assert each in told
    assert broken["code"] in told
    assert broken["message"] in told


def test_one_batch_is_shown_as_it_came(openai: OpenAISimulator, capsys: pytest.CaptureFixture[str]) -> None:
    batch = openai.add("expired", shoe_size=43)

    main(["show", batch["id"], "--json"])

    assert json.loads(capsys.readouterr().out) == batch


def test_an_unknown_id_is_an_error_of_one_line(
    openai: OpenAISimulator, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["show", "batch_none"])

    told = capsys.readouterr()
    assert (code, told.out) == (1, "")
    assert told.err.startswith(f"batchbell: {openai.base_url} knows no batch batch_none")
    assert told.err.count("\n") == 1


def test_a_refused_key_is_said_in_one_line_and_not_shown(
    openai: OpenAISimulator, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-wrong-key")

    code = main(["list"])

    told = capsys.readouterr().err
    assert code == 1
    assert told == "batchbell: List Batches answered 401 (invalid_api_key): the API key was refused\n"


def test_a_server_that_repeats_itself_is_not_asked_for_ever(
    openai: OpenAISimulator, capsys: pytest.CaptureFixture[str]
) -> None:
    first = openai.add()
    openai.faults.append(error(503))
    openai.mangle = lambda row: row | {"id": first["id"]}
    openai.add()

    main(["list", "--status", "failed"])

    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["list", "--limit", "0"], "a whole number from 1"),
        (
            ["list", "--status", "in progress!"],
            "'in progress!' is no status; there are all, open, validating",
        ),
        (["list", "--status", ""], "'' is no status"),
        (["list"], "give --team, or set OPENAI_API_KEY"),
        (["show"], "ID"),
        ([], "command"),
    ],
)
def test_a_wrong_usage_ends_with_2_and_says_what_is_wanted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)

    with pytest.raises(SystemExit) as ended:
        main(arguments)

    told = capsys.readouterr().err
    assert ended.value.code == 2
    assert says in told
    assert told.count("\n") == 1
