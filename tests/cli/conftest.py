"""What the commands' tests may use."""

from collections.abc import Iterator

import pytest

from local.openai_simulator import OpenAISimulator
from local.slack_simulator import SlackSimulator
from tests.cli.account import Account, AwsStub
from tests.slack_app import SlackApp
from tests.tables import LocalTable


@pytest.fixture
def account(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], table: LocalTable
) -> Iterator[Account]:
    with (
        AwsStub() as aws,
        OpenAISimulator() as openai,
        SlackSimulator() as slack,
        SlackApp(slack.signing_secret) as app,
    ):
        yield Account(monkeypatch, capsys, table, openai, slack, app, aws)
