"""The table's JSON: what is written is read, by this version and by an older one."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchbell.aws.encoding import decoded, encoded
from batchbell.models import Batch, BatchError, Deleted, KeyAccepted, KeyRefused, Notification, RequestCounts, Watching
from batchbell.records import PollState
from tests.builders import a_batch, a_notification

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
batches = st.builds(
    Batch,
    id=words,
    status=words,
    request_counts=st.one_of(st.none(), st.builds(RequestCounts)),
    metadata=st.lists(st.tuples(words, words), max_size=3).map(tuple),
    errors=st.lists(st.builds(BatchError), max_size=2).map(tuple),
)
subjects = st.one_of(
    batches, st.builds(Deleted, batch=batches), st.builds(Watching), st.builds(KeyRefused), st.builds(KeyAccepted)
)
times = st.none() | st.integers(0) | st.floats(0, 1e12)
notifications = st.builds(
    Notification, subject=subjects, state=..., message_id=..., unknown_since=times, text_only=..., reason=...
)
states = st.builds(PollState, baseline_reason=..., cursor=..., backlog=..., refused_since=..., checked_to=words)


@given(notifications | states)
def test_a_value_is_read_as_it_was_written(value: Notification | PollState) -> None:
    assert decoded(type(value), encoded(value)) == value


def test_fields_of_a_newer_version_are_left_out() -> None:
    newer = json.loads(encoded(a_batch())) | {"invented_later": {"at": 1}}

    assert decoded(Batch, json.dumps(newer)) == a_batch()


def test_a_kind_that_only_a_newer_version_knows_cannot_be_read() -> None:
    newer = encoded(a_notification()).replace('"kind":"Batch"', '"kind":"invented later"')

    with pytest.raises(KeyError):
        decoded(Notification, newer)
