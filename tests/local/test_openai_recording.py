import json
from pathlib import Path

import pytest

from local.openai_recording import RecordingError
from local.openai_rows import Row, counts
from local.openai_rows import row as new_row
from local.openai_simulator import OpenAISimulator
from tests.builders import NOW
from tests.clock import Clock


def recorded(tmp_path: Path, content: object) -> Path:
    path = tmp_path / "recorded.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def some_rows(number: int) -> list[Row]:
    """Newest first; one a day, each lasting an hour."""
    ends = range(1_700_000_000, 1_700_000_000 - number * 86400, -86400)
    return [new_row("completed", at=end, created_at=end - 3600, in_progress_at=end - 3500) for end in ends]


def test_a_recording_becomes_history_and_ten_open_batches(tmp_path: Path, clock: Clock) -> None:
    rows = some_rows(12)
    path = recorded(tmp_path, {"object": "list", "data": rows, "has_more": True})

    with OpenAISimulator.from_recording(path, clock=clock)[0] as simulator:
        shown = simulator.batches

    assert [row["id"] for row in shown] == [row["id"] for row in rows]
    assert [row["status"] for row in shown] == ["in_progress"] * 10 + ["completed"] * 2
    assert [NOW - row["created_at"] for row in shown[:10]] == [5 + 60 * place for place in range(10)]
    assert all(row["output_file_id"] is row["completed_at"] is row["usage"] is None for row in shown[:10])
    assert shown[0]["request_counts"] == counts(10, 0, 0)


def test_history_keeps_its_order_and_durations_and_lies_in_the_past(tmp_path: Path, clock: Clock) -> None:
    rows = some_rows(13)
    rows[11]["created_at"] = rows[12]["created_at"]

    with OpenAISimulator.from_recording(recorded(tmp_path, rows), clock=clock)[0] as simulator:
        shown = simulator.batches

    by = shown[12]["created_at"] - rows[12]["created_at"]
    times = [name for name in rows[0] if name.endswith("_at")]
    for old, new in zip(rows[10:], shown[10:], strict=True):
        assert new == old | {name: old[name] + by for name in times if old[name]}
        assert new["completed_at"] < shown[9]["created_at"]


def test_an_open_batch_ends_as_recorded_at_the_time_it_ends(tmp_path: Path, clock: Clock) -> None:
    path = recorded(tmp_path, some_rows(1))
    simulator, recording = OpenAISimulator.from_recording(path, clock=clock)
    clock.at += 30

    with simulator:
        ended = simulator.end_as_recorded(recording.ending[0])

    assert ended["completed_at"] == NOW + 30
    assert ended["created_at"] == NOW - 5
    assert NOW - 5 <= ended["in_progress_at"] <= ended["finalizing_at"] <= ended["completed_at"]
    assert ended["request_counts"] == counts(10, 10, 0)
    assert [change.status for change in simulator.journal] == ["in_progress", "completed"]


def test_batches_recorded_open_stay_as_they_were(tmp_path: Path, clock: Clock) -> None:
    open_row = new_row("cancelling", at=1_700_000_001)
    rows = [open_row, *some_rows(10), new_row("in_progress", at=1_600_000_000)]

    simulator, recording = OpenAISimulator.from_recording(recorded(tmp_path, rows), clock=clock)
    with simulator:
        shown = simulator.batches

    assert len(recording.ending) == 9
    assert [row["id"] for row in recording.staying_open] == [rows[0]["id"], rows[-1]["id"]]
    assert shown[0]["status"] == "cancelling"
    assert shown[0]["cancelling_at"] <= NOW
    assert shown[-1]["status"] == "in_progress"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("<html>", "not JSON"),
        ('{"error": {}}', "no list of batches"),
        ("[]", "no list of batches"),
        ('["batch_1"]', "row 1 is not a batch"),
        ('[{"id": "a", "status": "failed"}]', "row 1 is not a batch"),
    ],
)
def test_a_file_that_is_no_recording_is_refused_in_one_line(
    tmp_path: Path, content: str, message: str
) -> None:
    path = recorded(tmp_path, content)

    with pytest.raises(RecordingError) as caught:
        OpenAISimulator.from_recording(path)

    assert str(caught.value) == f"{path}: {message}"


def test_a_missing_recording_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="recorded.json: No such file or directory$"):
        OpenAISimulator.from_recording(tmp_path / "recorded.json")
