"""What every test may use: a clock to turn, a table as the template makes it, the bot on real wires."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.bot import BotUnderTest
from tests.clock import Clock
from tests.tables import FastTable, LocalTable

# The machines that run these are shared: how long an example takes says nothing.
settings.register_profile("batchbell", deadline=None)
settings.load_profile("batchbell")

# Nobody's own AWS account has a part in a test.
for _name in [name for name in os.environ if name.startswith("AWS_") and name != "AWS_CA_BUNDLE"]:
    del os.environ[_name]
os.environ["AWS_DEFAULT_REGION"] = "us-east-1"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def table() -> Iterator[LocalTable]:
    with LocalTable() as table:
        yield table


@pytest.fixture
def bot(clock: Clock) -> Iterator[BotUnderTest]:
    """The bot, with its table in memory."""
    with FastTable(clock) as table, BotUnderTest(clock, table) as bot:
        yield bot
