"""What the handlers' tests may use."""

from collections.abc import Iterator

import pytest

from batchbell.handlers import poll
from local.openai_simulator import OpenAISimulator
from local.slack_simulator import SlackSimulator
from tests.deployment import Deployment
from tests.tables import LocalTable


@pytest.fixture
def deployment(table: LocalTable, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployment]:
    poll.bot.cache_clear()
    with OpenAISimulator() as openai, SlackSimulator() as slack:
        deployment = Deployment(openai, slack, table)
        for name, value in deployment.environ.items():
            monkeypatch.setenv(name, value)
        yield deployment
    poll.bot.cache_clear()
