"""The table's JSON: what is written is read, by this version and by an older one."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchbell.adapters.table_json import decoded, encoded
from batchbell.domain.batch import Batch, BatchError
from batchbell.domain.cursor import Position
from batchbell.domain.notification import (
    Gone,
    KeyAccepted,
    KeyRefused,
    Message,
    Notification,
    Watching,
)
from tests.builders import a_batch, a_notification

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
batches = st.builds(
    Batch,
    id=words,
    status=words,
    metadata=st.lists(st.tuples(words, words), max_size=3).map(tuple),
    errors=st.lists(st.builds(BatchError), max_size=2).map(tuple),
)
subjects = st.one_of(
    batches,
    st.builds(Gone, batch=batches),
    st.builds(Watching),
    st.builds(KeyRefused),
    st.builds(KeyAccepted),
)
notifications = st.builds(Notification, subject=subjects)
messages = st.builds(Message, notifications=st.lists(notifications, max_size=3).map(tuple))


@given(messages)
def test_a_message_is_read_as_it_was_written(message: Message) -> None:
    assert decoded(Message, encoded(message)) == message


@given(st.builds(Position))
def test_a_position_is_read_as_it_was_written(position: Position) -> None:
    assert decoded(Position, encoded(position)) == position


def test_fields_of_a_newer_version_are_left_out() -> None:
    newer = json.loads(encoded(a_batch())) | {"invented_later": {"at": 1}}

    assert decoded(Batch, json.dumps(newer)) == a_batch()


def test_a_kind_that_only_a_newer_version_knows_cannot_be_read() -> None:
    newer = encoded(a_notification()).replace('"kind":"batch"', '"kind":"invented later"')

    with pytest.raises(KeyError):
        decoded(Notification, newer)
