"""The bot with the real table code and the simulators."""

from collections.abc import Iterator

import pytest

from tests.clock import Clock
from tests.newbot import BotUnderTest
from tests.tables import LocalTable


@pytest.fixture
def bot(clock: Clock, table: LocalTable) -> Iterator[BotUnderTest]:
    with BotUnderTest(clock, table) as bot:
        yield bot
