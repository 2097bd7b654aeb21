"""Deployment: what stands in the account after `sam deploy`."""

import json
from pathlib import Path

from local.aws import LocalAws
from local.openai_simulator import OpenAISimulator
from local.slack_simulator import SlackSimulator
from local.team import Team, deploy

TICK = json.loads((Path(__file__).parents[2] / "events/schedule.json").read_text())


def test_the_schedule_bears_the_stacks_name_and_starts_the_function(aws: LocalAws, team: Team) -> None:
    schedule = aws.client("scheduler").get_schedule(Name=f"{team.stack_name}-poll")

    assert schedule["State"] == "ENABLED"
    assert schedule["Target"]["Arn"].endswith(f":function:{team.function_name}")


def test_a_tick_needs_no_more_than_the_functions_own_role_and_logs_no_secret(
    aws: LocalAws, openai: OpenAISimulator, slack: SlackSimulator, team: Team
) -> None:
    ran = team.tick(TICK)

    log = "\n".join(aws.logs(f"/aws/lambda/{team.function_name}"))
    assert not ran.has_failed, ran
    assert ran.log in log
    assert not any(word in log for word in (openai.key, slack.token, "AccessDenied"))


def test_a_second_team_in_the_account_is_told_what_is_missing_before_its_secrets_are_stored(
    aws: LocalAws, openai: OpenAISimulator, slack: SlackSimulator, team: Team
) -> None:
    newcomer = deploy(aws, openai, slack, "newcomer", PollSchedule="rate(5 minutes)")

    ran = newcomer.tick(TICK)

    assert not ran.has_failed, ran
    assert "/batchbell/newcomer/openai-api-key is not stored yet" in ran.log
    assert {team.function_name, team.table_name}.isdisjoint({newcomer.function_name, newcomer.table_name})
