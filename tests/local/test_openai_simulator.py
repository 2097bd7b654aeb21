"""The simulator answers as OpenAI does, to OpenAI's own client too, and goes wrong where it should."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
import requests

from local import openai_faults as faults
from local.openai_faults import Kind
from local.openai_rows import TERMINAL, RecordingError, Row, counts, ended, errors, load
from local.openai_rows import row as new_row
from local.openai_simulator import Change, OpenAISimulator
from tests.builders import NOW
from tests.clock import Clock

STATUSES = ["validating", "in_progress", "finalizing", "cancelling", *TERMINAL]


@pytest.fixture
def simulator(clock: Clock) -> Iterator[OpenAISimulator]:
    with OpenAISimulator(clock=clock) as simulator:
        yield simulator


def get(simulator: OpenAISimulator, path: str = "/batches", **params: Any) -> requests.Response:
    headers = {"Authorization": f"Bearer {simulator.key}"}
    return requests.get(simulator.base_url + path, params, headers=headers, timeout=10)


def listed(simulator: OpenAISimulator, **params: Any) -> list[str]:
    return [row["id"] for row in get(simulator, **params).json()["data"]]


def test_batches_are_listed_newest_first_and_of_one_second_last_added_first(simulator: OpenAISimulator) -> None:
    for name, created_at in [("b", NOW - 5), ("a", NOW - 9), ("c", NOW - 5), ("d", NOW)]:
        simulator.add(id=name, created_at=created_at)

    assert listed(simulator) == ["d", "c", "b", "a"]
    assert [row["id"] for row in simulator.batches] == ["d", "c", "b", "a"]


def test_twenty_are_listed_unless_limit_asks_for_up_to_a_hundred(simulator: OpenAISimulator) -> None:
    for _ in range(21):
        simulator.add()

    assert [len(listed(simulator, **query)) for query in ({}, {"limit": 100}, {"limit": 0})] == [20, 21, 0]
    assert [get(simulator, limit=limit).status_code for limit in (101, -1, "x")] == [400] * 3


def test_a_batch_is_retrieved_by_id_and_with_the_key(simulator: OpenAISimulator) -> None:
    row = simulator.add("completed")

    assert get(simulator, f"/batches/{row['id']}").json() == row
    assert [get(simulator, path).status_code for path in ("/batches/nobody", "/files")] == [404, 404]
    assert get(simulator, "/files/file-1/content").status_code == 404
    answer = requests.get(f"{simulator.base_url}/batches", timeout=10)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "invalid_api_key")


def test_the_official_sdk_lists_and_retrieves_every_batch(simulator: OpenAISimulator) -> None:
    rows = [simulator.add(status, created_at=NOW - age) for age, status in enumerate(STATUSES)]

    with openai.OpenAI(base_url=simulator.base_url, api_key=simulator.key, max_retries=0) as client:
        batches = list(client.batches.list(limit=3))
        retrieved = client.batches.retrieve(rows[1]["id"])

    assert [batch.to_dict() for batch in batches] == rows
    assert {len(row) for row in rows} == {22}
    assert retrieved.to_dict() == rows[1]
    kinds = [request.kind for request in simulator.requests]
    assert kinds == [Kind.FIRST_PAGE, Kind.NEXT_PAGE, Kind.NEXT_PAGE, Kind.RETRIEVE]


def test_a_moved_batch_gets_its_times_from_the_clock_and_files_from_its_counts(
    simulator: OpenAISimulator, clock: Clock
) -> None:
    row = simulator.add("validating", request_counts=counts(0, 0, 0))

    clock.at += 60
    simulator.move(row["id"], "in_progress", request_counts=counts(4, 0, 0))
    clock.at += 60
    ended = simulator.move(row["id"], "completed", request_counts=counts(4, 0, 4))

    times = [ended[f"{name}_at"] - NOW for name in ("created", "in_progress", "finalizing", "completed")]
    assert times == [0, 60, 120, 120]
    assert (ended["output_file_id"], ended["error_file_id"] is None) == (None, False)


def test_every_new_batch_and_every_change_of_status_is_kept(simulator: OpenAISimulator, clock: Clock) -> None:
    new = simulator.add(id="a")
    simulator.change("a", metadata={"k": "v"})
    clock.at += 7
    failed = simulator.move("a", "failed", errors=errors({"code": "empty_file"}))
    simulator.remove("a")

    assert simulator.changes == [Change(NOW, "a", "in_progress", new), Change(NOW + 7, "a", "failed", failed)]
    assert simulator.batches == []


def test_a_fault_applies_to_as_many_requests_of_its_kind_as_it_is_meant_for(simulator: OpenAISimulator) -> None:
    path = f"/batches/{simulator.add()['id']}"
    simulator.faults.append(faults.error(503), on=Kind.RETRIEVE, times=2)
    simulator.faults.append(faults.html(502))

    assert [get(simulator).status_code for _ in range(2)] == [502, 200]
    assert [get(simulator, path).status_code for _ in range(3)] == [503, 503, 200]


def test_a_stopped_simulator_answers_nobody_not_even_on_an_open_connection() -> None:
    with requests.Session() as session:
        with OpenAISimulator() as simulator:
            session.get(simulator.base_url, timeout=10)

        with pytest.raises(requests.ConnectionError):
            session.get(simulator.base_url, timeout=10)


def some_rows(number: int) -> list[Row]:
    """Newest first, one a day; the last one was recorded open."""
    ends = range(1_700_000_000, 1_700_000_000 - number * 86400, -86400)
    rows = [new_row("completed", at=end, created_at=end - 3600, in_progress_at=end - 3500) for end in ends]
    return [*rows[:-1], rows[-1] | {"status": "in_progress", "completed_at": None}]


def test_the_newest_ten_of_a_recording_are_open_again_and_look_new(tmp_path: Path, clock: Clock) -> None:
    rows, path = some_rows(12), tmp_path / "recorded.json"
    path.write_text(json.dumps({"object": "list", "data": rows, "has_more": True}))

    recording = load(path, clock())

    shown = recording.rows
    assert [row["id"] for row in shown] == [row["id"] for row in rows]
    assert [row["status"] for row in shown] == ["in_progress"] * 10 + ["completed", "in_progress"]
    assert [row["id"] for row in recording.staying_open] == [rows[-1]["id"]]
    assert [NOW - row["created_at"] for row in shown[:10]] == [5 + 60 * index for index in range(10)]
    assert all(row["output_file_id"] is row["completed_at"] is row["usage"] is None for row in shown[:10])
    assert shown[10]["completed_at"] - shown[10]["created_at"] == 3600


def test_a_reopened_batch_ends_as_recorded_at_the_given_time(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "recorded.json"
    path.write_text(json.dumps(some_rows(2)))

    row = ended(load(path, clock()).ending[0], NOW + 30)

    assert (row["created_at"], row["completed_at"]) == (NOW - 5, NOW + 30)
    assert NOW - 5 <= row["in_progress_at"] <= row["finalizing_at"] <= row["completed_at"]
    assert (row["status"], row["request_counts"]) == ("completed", counts(10, 10, 0))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("<html>", "not JSON"),
        *[(content, "no list of batches") for content in ('{"error": {}}', "[]")],
        *[(content, "row 1 is not a batch") for content in ('["batch_1"]', '[{"id": "a", "status": "failed"}]')],
    ],
)
def test_a_file_that_is_no_recording_is_rejected_in_one_line(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "recorded.json"
    path.write_text(content)

    with pytest.raises(RecordingError) as caught:
        load(path, NOW)

    assert str(caught.value) == f"{path}: {message}"
