"""The policy: which transitions a team wants to hear of."""

import pytest

from batchbell.domain.batch import RequestCounts
from batchbell.domain.policy import metadata_filter_from, notify_on_from
from tests.builders import a_batch, a_policy


def test_named_statuses_are_selected_and_no_others() -> None:
    policy = a_policy("completed", "in_progress")

    selected = [policy.selects(a_batch(status=each)) for each in ("completed", "in_progress", "expired")]

    assert selected == [True, True, False]


@pytest.mark.parametrize(
    ("counts", "is_selected"),
    [((10, 10, 0), False), ((10, 7, 3), True), ((10, 0, 10), True), ((0, 0, 0), False)],
)
def test_failed_also_selects_completed_batches_with_failed_requests(
    counts: tuple[int, int, int], is_selected: bool
) -> None:
    batch = a_batch(status="completed", request_counts=RequestCounts(*counts), is_retrieved=True)

    assert a_policy("failed").selects(batch) is is_selected


@pytest.mark.parametrize(("error_file_id", "is_selected"), [("file-1", True), (None, False)])
def test_without_counts_an_error_file_tells_of_failed_requests(
    error_file_id: str | None, is_selected: bool
) -> None:
    batch = a_batch(status="completed", request_counts=None, error_file_id=error_file_id, is_retrieved=True)

    assert a_policy("failed").selects(batch) is is_selected


def test_a_listed_batch_without_counts_may_turn_out_to_have_failed_requests() -> None:
    batch = a_batch(status="completed", request_counts=RequestCounts(0, 0, 0))

    assert a_policy("failed").selects(batch)


@pytest.mark.parametrize(
    ("metadata", "is_selected"),
    [
        ((("team", "search"), ("env", "staging")), True),
        ((("team", "search"), ("env", "dev")), False),
        ((("team", "ads"), ("env", "prod")), False),
        ((("team", "search"),), False),
        ((), False),
    ],
)
def test_the_metadata_filter_wants_every_key_with_one_of_its_values(
    metadata: tuple[tuple[str, str], ...], is_selected: bool
) -> None:
    policy = a_policy(metadata_filter=metadata_filter_from("team=search, env=prod | staging"))

    assert policy.selects(a_batch(status="completed", metadata=metadata)) is is_selected


def test_the_filter_can_be_shown_as_it_was_written() -> None:
    policy = a_policy(metadata_filter=metadata_filter_from("team=search, env=staging|prod"))

    assert policy.filter_text == "team=search,env=prod|staging"


def test_statuses_may_be_named_in_any_spelling() -> None:
    assert notify_on_from("Completed, canceled,") == {"completed", "cancelled"}


@pytest.mark.parametrize("text", ["", " , "])
def test_naming_no_status_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="names no status"):
        notify_on_from(text)


@pytest.mark.parametrize("text", ["team", "=search", "team=a,b"])
def test_a_filter_that_is_no_pair_is_refused_by_name(text: str) -> None:
    with pytest.raises(ValueError, match="wants key=value"):
        metadata_filter_from(text)
