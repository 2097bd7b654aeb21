import time
from collections.abc import Iterator
from typing import Any

import openai
import pytest
import requests

from local import openai_faults as faults
from local.openai_faults import Cut, Kind
from local.openai_paging import After
from local.openai_rows import counts, errors
from local.openai_rows import row as new_row
from local.openai_simulator import Change, OpenAISimulator
from tests.builders import NOW
from tests.clock import Clock

STATUSES = [
    "validating",
    "failed",
    "in_progress",
    "finalizing",
    "completed",
    "expired",
    "cancelling",
    "cancelled",
]
ENDS = {"failed", "completed", "expired", "cancelled"}


@pytest.fixture
def simulator(clock: Clock) -> Iterator[OpenAISimulator]:
    with OpenAISimulator(clock=clock) as simulator:
        yield simulator


def get(simulator: OpenAISimulator, path: str = "/batches", **params: Any) -> requests.Response:
    headers = {"Authorization": f"Bearer {simulator.key}"}
    return requests.get(simulator.base_url + path, params, headers=headers, timeout=10)


def listed(simulator: OpenAISimulator, **params: Any) -> list[str]:
    return [row["id"] for row in get(simulator, **params).json()["data"]]


# The list


def test_batches_are_listed_newest_first_and_of_one_second_last_added_first(
    simulator: OpenAISimulator,
) -> None:
    for name, created_at in [("b", NOW - 5), ("a", NOW - 9), ("c", NOW - 5), ("d", NOW)]:
        simulator.add(id=name, created_at=created_at)

    assert listed(simulator) == ["d", "c", "b", "a"]
    assert [row["id"] for row in simulator.batches] == ["d", "c", "b", "a"]


def test_a_page_after_a_batch_holds_older_ones_with_the_frame_of_the_api(simulator: OpenAISimulator) -> None:
    for name in "abcd":
        simulator.add(id=name)

    answer = get(simulator, after="d", limit=2).json()

    assert [row["id"] for row in answer.pop("data")] == ["c", "b"]
    assert answer == {"object": "list", "first_id": "c", "last_id": "b", "has_more": True}


def test_twenty_are_listed_unless_more_are_asked_for(simulator: OpenAISimulator) -> None:
    for _ in range(21):
        simulator.add()

    assert len(listed(simulator)) == 20
    assert len(listed(simulator, limit=100)) == 21
    assert get(simulator, limit=0).json()["data"] == []


@pytest.mark.parametrize(
    ("limit", "message", "code"),
    [
        (101, "above maximum value. Expected a value <= 100, but got 101", "integer_above_maximum_value"),
        (-1, "below minimum value. Expected a value >= 0, but got -1", "integer_below_minimum_value"),
    ],
)
def test_a_wrong_limit_is_answered_as_by_the_api(
    simulator: OpenAISimulator, limit: int, message: str, code: str
) -> None:
    answer = get(simulator, limit=limit)

    assert answer.status_code == 400
    assert answer.json()["error"] == {
        "message": f"Invalid 'limit': integer {message} instead.",
        "type": "invalid_request_error",
        "param": "limit",
        "code": code,
    }


@pytest.mark.parametrize(
    ("unknown_after", "answered"),
    [(After.EMPTY_PAGE, []), (After.FIRST_PAGE, ["a"]), (After.NEVER_KNOWN, ["a"])],
)
def test_an_unknown_after_is_answered_as_wished(
    simulator: OpenAISimulator, unknown_after: After, answered: list[str]
) -> None:
    simulator.add(id="a")
    refused = get(simulator, after="nobody")

    simulator.unknown_after = unknown_after

    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "after")
    assert listed(simulator, after="nobody") == answered


def test_one_batch_is_had_by_id(simulator: OpenAISimulator) -> None:
    row = simulator.add("completed")

    assert get(simulator, f"/batches/{row['id']}").json() == row
    assert get(simulator, "/batches/nobody").status_code == 404
    assert get(simulator, "/files").status_code == 404


def test_a_wrong_key_is_refused(simulator: OpenAISimulator) -> None:
    answer = requests.get(
        f"{simulator.base_url}/batches", headers={"Authorization": "Bearer sk-no"}, timeout=10
    )

    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "invalid_api_key"


def test_answers_name_the_project(simulator: OpenAISimulator) -> None:
    simulator.headers = {"x-extra": "1"}

    headers = get(simulator).headers

    assert headers["openai-project"] == "proj_test"
    assert headers["x-extra"] == "1"
    assert {"x-request-id", "openai-organization", "openai-processing-ms"} <= {
        name.lower() for name in headers
    }


def test_the_official_sdk_lists_and_retrieves_every_batch(simulator: OpenAISimulator) -> None:
    rows = [simulator.add(status, created_at=NOW - place) for place, status in enumerate(STATUSES)]

    with openai.OpenAI(base_url=simulator.base_url, api_key=simulator.key, max_retries=0) as client:
        batches = list(client.batches.list(limit=3))
        retrieved = client.batches.retrieve(rows[1]["id"])

    assert [batch.to_dict() for batch in batches] == rows
    assert retrieved.errors is not None
    assert retrieved.to_dict() == rows[1]
    assert [asked.kind for asked in simulator.requests] == [
        Kind.FIRST_PAGE,
        Kind.NEXT_PAGE,
        Kind.NEXT_PAGE,
        Kind.RETRIEVE,
    ]


# Rows


@pytest.mark.parametrize("status", STATUSES)
def test_a_row_has_all_fields_and_times_that_fit_its_status(status: str) -> None:
    row = new_row(status, at=NOW)

    times = {name.removesuffix("_at"): time for name, time in row.items() if name.endswith("_at") and time}
    assert len(row) == 22
    assert row["id"].startswith(f"batch_{row['created_at']:08x}")
    assert times.pop("expires") == times["created"] + 86400
    assert max(times.values()) == NOW
    assert list(times.values()) == sorted(times.values())
    assert ENDS & times.keys() == ENDS & {status}
    assert (row["errors"] is not None) == (status == "failed")


def test_fields_given_are_kept_and_files_fit_the_counts() -> None:
    row = new_row("completed", at=NOW, request_counts=counts(4, 0, 4), metadata={"team": "search"})

    assert row["metadata"] == {"team": "search"}
    assert row["output_file_id"] is None
    assert row["error_file_id"] is not None


def test_a_moved_batch_gets_its_times_from_the_clock(simulator: OpenAISimulator, clock: Clock) -> None:
    row = simulator.add("validating", request_counts=counts(0, 0, 0))

    clock.at += 60
    simulator.move(row["id"], "in_progress", request_counts=counts(4, 0, 0))
    clock.at += 60
    ended = simulator.move(row["id"], "completed", request_counts=counts(4, 3, 1))

    times = [ended[f"{name}_at"] - NOW for name in ("created", "in_progress", "finalizing", "completed")]
    assert times == [0, 60, 120, 120]
    assert ended["request_counts"] == counts(4, 3, 1)
    assert ended["output_file_id"]
    assert ended["error_file_id"]


def test_the_journal_tells_every_birth_and_change_of_status(simulator: OpenAISimulator, clock: Clock) -> None:
    born = simulator.add(id="a")
    simulator.change("a", metadata={"k": "v"})
    clock.at += 7
    failed = simulator.move("a", "failed", errors=errors({"code": "empty_file"}))
    simulator.remove("a")

    assert simulator.journal == [
        Change(NOW, "a", "in_progress", born),
        Change(NOW + 7, "a", "failed", failed),
    ]
    assert simulator.batches == []


# Faults


def test_a_fault_strikes_as_often_and_where_it_is_meant_to(simulator: OpenAISimulator) -> None:
    row = simulator.add()
    simulator.faults.append(faults.error(503, headers={"retry-after": "2"}), on=Kind.RETRIEVE, times=2)
    simulator.faults.append(faults.html(502))

    first = [get(simulator).status_code for _ in range(2)]
    single = [get(simulator, f"/batches/{row['id']}") for _ in range(3)]

    assert first == [502, 200]
    assert [answer.status_code for answer in single] == [503, 503, 200]
    assert single[0].headers["retry-after"] == "2"


def test_everything_fails_while_the_simulator_is_down(simulator: OpenAISimulator) -> None:
    simulator.down = faults.error(500)
    assert get(simulator).status_code == 500

    simulator.down = None
    assert get(simulator).status_code == 200


@pytest.mark.parametrize("where", Cut)
def test_a_connection_can_be_cut(simulator: OpenAISimulator, where: Cut) -> None:
    simulator.faults.append(faults.cut(where))

    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        get(simulator)


def test_rows_can_be_rewritten_as_other_servers_write_them(simulator: OpenAISimulator) -> None:
    row = simulator.add(id="a")
    simulator.mangle = lambda row: {**row, "status": row["status"].upper(), "errors": "none"}

    assert get(simulator).json()["data"] == [row | {"status": "IN_PROGRESS", "errors": "none"}]
    assert get(simulator, "/batches/a").json()["errors"] == "none"
    assert simulator.batches == [row]


def test_the_list_can_lag_behind_what_is_had_by_id(simulator: OpenAISimulator) -> None:
    old = simulator.add(id="a")
    simulator.add(id="b")
    moved = simulator.move("a", "completed")
    simulator.stale["a"] = old
    simulator.unlisted.add("b")

    assert get(simulator).json()["data"] == [old]
    assert get(simulator, "/batches/a").json() == moved
    assert get(simulator, "/batches/b").status_code == 200


def test_a_stopped_simulator_answers_nobody_not_even_on_an_open_connection() -> None:
    with OpenAISimulator(clock=time.time) as simulator, requests.Session() as session:
        simulator.down = faults.error(500)
        session.get(simulator.base_url, timeout=10)

        simulator.stop()

        with pytest.raises(requests.ConnectionError):
            session.get(simulator.base_url, timeout=10)
