"""The bot on real wires, with its table in memory."""

from collections.abc import Iterator

import pytest

from tests.clock import Clock
from tests.newbot import BotUnderTest
from tests.tables import FastTable


@pytest.fixture
def table(clock: Clock) -> Iterator[FastTable]:
    with FastTable(clock) as table:
        yield table


@pytest.fixture
def bot(clock: Clock, table: FastTable) -> Iterator[BotUnderTest]:
    with BotUnderTest(clock, table) as bot:
        yield bot
