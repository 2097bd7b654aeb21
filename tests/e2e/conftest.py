"""A team's whole stack: deployed by SAM to a local AWS that enforces roles, with OpenAI and Slack simulated."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from local.aws import LocalAws
from local.openai_simulator import OpenAISimulator
from local.slack_simulator import SlackSimulator
from local.team import Team, deploy


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One worker runs these, so that there is one local AWS."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.xdist_group("e2e"))


@pytest.fixture(scope="session")
def aws() -> Iterator[LocalAws]:
    with LocalAws() as aws:
        yield aws


@pytest.fixture(scope="session")
def openai() -> Iterator[OpenAISimulator]:
    with OpenAISimulator() as openai:
        yield openai


@pytest.fixture(scope="session")
def slack() -> Iterator[SlackSimulator]:
    with SlackSimulator() as slack:
        yield slack


@pytest.fixture(scope="session")
def team(aws: LocalAws, openai: OpenAISimulator, slack: SlackSimulator) -> Team:
    """A team that has stored its secrets; its schedule is slow, so that only tests tick."""
    team = deploy(aws, openai, slack, "search", PollSchedule="rate(5 minutes)")
    team.store_secrets(openai.key, slack.token, slack.signing_secret)
    return team
