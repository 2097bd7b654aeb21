"""`batchbell secrets`: what it says in the end is what is stored."""

import io
import sys
from collections.abc import Iterator

import boto3
import pytest
from moto import mock_aws

from batchbell.adapters.secret_store import SecretStore
from batchbell.domain.deployment import Stack
from batchbell.handlers.terminal import secrets
from batchbell.handlers.terminal.deployment import Deployment
from batchbell.handlers.terminal.main import main
from batchbell.settings import settings_from
from tests.test_settings import ENVIRON

SIGNING_SECRET = "5a1e" * 8


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[SecretStore]:
    """The team's secrets, none of which is stored yet."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    with mock_aws():
        store = SecretStore(boto3.client("ssm"))
        deployment = Deployment(Stack("bell"), settings_from(ENVIRON), store, table=None, aws=None)
        monkeypatch.setattr(secrets, "deployment_of", lambda team, stack: deployment)
        yield store


def told(lines: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """The exit code, and what is said in the end, to an input of one line for each secret."""
    monkeypatch.setattr(sys, "stdin", io.StringIO(lines))
    code = main(["secrets", "--team", "search"])
    return code, capsys.readouterr().out.partition("\n\n")[2]


def test_a_refused_secret_leaves_the_one_that_is_stored_and_that_is_said(
    store: SecretStore, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("openai-api-key", "slack-bot-token", "slack-signing-secret"):
        store.store(f"/batchbell/search/{name}", "before")

    code, says = told("xoxb-in-the-wrong-slot\n\n\n", monkeypatch, capsys)

    assert (code, says) == (1, "Not replaced: openai-api-key. What was stored before is kept.\n")
    assert store.read("/batchbell/search/openai-api-key") == "before"


def test_what_is_kept_and_what_is_missing_are_told_apart(
    store: SecretStore, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    store.store("/batchbell/search/openai-api-key", "before")

    code, says = told("xoxb-in-the-wrong-slot\n\nwrong\n", monkeypatch, capsys)

    assert code == 1
    assert says == (
        "Not replaced: openai-api-key. What was stored before is kept.\n"
        "Not stored: slack-bot-token, slack-signing-secret. Until all three are, batchbell does not work.\n"
    )


def test_all_is_well_when_all_three_are_stored_new_or_from_before(
    store: SecretStore, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("openai-api-key", "slack-bot-token"):
        store.store(f"/batchbell/search/{name}", "before")

    code, says = told(f"\n\n{SIGNING_SECRET}\n", monkeypatch, capsys)

    assert code == 0
    assert says.startswith("All three are stored.")
    assert store.read("/batchbell/search/slack-signing-secret") == SIGNING_SECRET
