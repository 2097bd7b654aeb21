"""Two teams in one AWS account, with one OpenAI project and one Slack channel: neither is in the other's way."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from local.aws import LocalAws
from local.openai_simulator import OpenAISimulator
from local.slack_simulator import SlackSimulator
from local.team import Team, deploy
from tests.asking import a_command, posted, signed
from tests.bot import ids_of
from tests.e2e.roles import is_denied, role_of

SECRETS = ("openai-api-key", "slack-bot-token", "slack-signing-secret")
KEY = {"pk": {"S": "watch"}, "sk": {"S": "watch"}}
FUNCTIONS = ("function_name", "slack_function_name")


@dataclass(frozen=True, slots=True)
class Neighbours:
    """`search` and `support`, each with an app of its own in the workspace, and what they share."""

    aws: LocalAws
    openai: OpenAISimulator
    slack: SlackSimulator
    search: Team
    support: Team


@pytest.fixture(scope="module")
def neighbours() -> Iterator[Neighbours]:
    with LocalAws() as aws, OpenAISimulator() as openai, SlackSimulator() as slack:
        search, support = (
            deploy(
                aws,
                openai,
                slack,
                name,
                MetadataFilter=f"team={name}",
                SlashCommand=f"/batches-{name}",
                PollSchedule="rate(5 minutes)",
            )
            for name in ("search", "support")
        )
        for team in (search, support):
            team.store_secrets(openai.key, slack.token, f"signing-secret-of-{team.name}")
            team.tick()
        yield Neighbours(aws, openai, slack, search, support)


def test_each_team_hears_of_its_own_batches_only_and_sees_by_its_name_that_they_are_its_own(
    neighbours: Neighbours,
) -> None:
    openai, slack = neighbours.openai, neighbours.slack
    begin = len(slack.messages)
    ended = {}
    for name in ("search", "support", "nobody"):
        for status in ("completed", "failed"):
            batch = openai.add(metadata={"team": name})
            openai.move(batch["id"], status)
            ended[f"{batch['id']}#{status}"] = name

    ticks = [team.tick() for _ in range(2) for team in (neighbours.search, neighbours.support)]

    posted = [(each, message.metadata) for message in slack.messages[begin:] for each in ids_of(message.metadata)]
    assert not any(each.has_failed for each in ticks)
    assert sorted(id for id, _ in posted) == sorted(id for id, name in ended.items() if name != "nobody")
    assert all(ended[id] == metadata["event_payload"]["team"] for id, metadata in posted if metadata), posted


def test_nothing_of_one_stack_is_in_the_other(neighbours: Neighbours) -> None:
    aws, teams = neighbours.aws, (neighbours.search, neighbours.support)
    cloudformation = aws.client("cloudformation")
    search, support = (
        {
            each["PhysicalResourceId"]
            for each in cloudformation.describe_stack_resources(StackName=team.stack_name)["StackResources"]
        }
        for team in teams
    )

    schedules = {each["Name"] for each in aws.client("scheduler").list_schedules()["Schedules"]}
    tables = set(aws.client("dynamodb").list_tables()["TableNames"])
    functions = {each["FunctionName"] for each in aws.client("lambda").list_functions()["Functions"]}
    groups = {each["logGroupName"] for each in aws.client("logs").describe_log_groups()["logGroups"]}
    parameters = {each["Name"] for each in aws.client("ssm").describe_parameters()["Parameters"]}

    assert len(search) == len(support) > 10
    assert search & support == {"$default"}  # the name of each API's one stage
    assert schedules == {f"{team.stack_name}-poll" for team in teams}
    assert tables == {team.table_name for team in teams}
    assert functions == {getattr(team, which) for team in teams for which in FUNCTIONS}
    assert groups == {
        f"{prefix}{team.stack_name}-{name}"
        for team in teams
        for prefix, name in (("/aws/lambda/", "poll"), ("/aws/lambda/", "slack"), ("/aws/vendedlogs/", "slack"))
    }
    assert parameters == {f"/batchbell/{team.name}/{secret}" for team in teams for secret in SECRETS}


@pytest.mark.parametrize("which", FUNCTIONS)
@pytest.mark.parametrize(("mine", "theirs"), [("search", "support"), ("support", "search")])
def test_a_function_reads_its_own_teams_table_and_secrets_and_not_the_others(
    neighbours: Neighbours, which: str, mine: str, theirs: str
) -> None:
    own, other = getattr(neighbours, mine), getattr(neighbours, theirs)
    role = role_of(neighbours.aws, getattr(own, which))
    table, ssm = role.client("dynamodb"), role.client("ssm")
    query = {"KeyConditionExpression": "pk = :pk", "ExpressionAttributeValues": {":pk": KEY["pk"]}}

    assert not is_denied(table, "batch_get_item", RequestItems={own.table_name: {"Keys": [KEY]}})
    assert not is_denied(ssm, "get_parameter", Name=f"/batchbell/{mine}/openai-api-key")
    assert is_denied(table, "batch_get_item", RequestItems={other.table_name: {"Keys": [KEY]}})
    assert is_denied(table, "query", TableName=other.table_name, **query)
    assert is_denied(table, "put_item", TableName=other.table_name, Item=KEY)
    assert all(is_denied(ssm, "get_parameter", Name=f"/batchbell/{theirs}/{secret}") for secret in SECRETS)


def test_what_slack_signs_for_one_team_the_other_does_not_answer(neighbours: Neighbours) -> None:
    body = a_command("status", command="/batches-search")
    headers = signed(body, "signing-secret-of-search")

    answers = [posted(f"{each.slack_url}/commands", body, headers) for each in (neighbours.search, neighbours.support)]

    assert [status for status, _ in answers] == [200, 401]
    assert b"batchbell is" in answers[0][1]
