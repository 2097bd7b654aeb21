"""The bot's table is in memory here: moto takes minutes over hundreds of batches."""

from collections.abc import Iterator

import pytest

from tests.clock import Clock
from tests.tables import FastTable


@pytest.fixture
def table(clock: Clock) -> Iterator[FastTable]:
    with FastTable(clock) as table:
        yield table
