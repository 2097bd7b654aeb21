"""Deployment: what stands in the account after `sam deploy`."""

import json
import tomllib

from local.aws import ROOT, LocalAws
from local.openai_simulator import OpenAISimulator
from local.slack_simulator import SlackSimulator
from local.team import Team, deploy

TICK = json.loads((ROOT / "events/schedule.json").read_text())


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


def test_the_metrics_of_a_tick_bear_the_stacks_name(team: Team) -> None:
    ran = team.tick(TICK)

    [metrics] = [json.loads(line) for line in ran.log.splitlines() if '"_aws"' in line]
    assert metrics["service"] == team.stack_name
    assert metrics["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["service"]]


def test_the_teams_of_samconfig_stand_side_by_side() -> None:
    config = tomllib.loads((ROOT / "samconfig.toml").read_text())
    names = sorted(config.keys() - {"version", "default"})

    with LocalAws() as aws:
        for name in names:
            aws.deploy_as_configured(name)

        stacks = [aws.stack(config[name]["deploy"]["parameters"]["stack_name"]) for name in names]
        outputs = [{each["OutputValue"] for each in stack["Outputs"]} for stack in stacks]
        given = [{f"{p['ParameterKey']}={p['ParameterValue']}" for p in stack["Parameters"]} for stack in stacks]
        schedules = aws.client("scheduler").list_schedules()["Schedules"]
        alarms = aws.client("cloudwatch").describe_alarms()["MetricAlarms"]
    assert len(set[str]().union(*outputs)) == sum(map(len, outputs))
    for name, parameters in zip(names, given, strict=True):
        wanted = config[name]["deploy"]["parameters"]["parameter_overrides"]
        assert {each.replace("'", "") for each in wanted} <= parameters
    assert {each["Name"] for each in schedules} == {f"{stack['StackName']}-poll" for stack in stacks}
    assert {each["AlarmName"] for each in alarms if "good" in each["AlarmName"]} == {
        f"{stack['StackName']}-no-good-poll" for stack in stacks
    }


def test_a_second_team_in_the_account_is_told_what_is_missing_before_its_secrets_are_stored(
    aws: LocalAws, openai: OpenAISimulator, slack: SlackSimulator, team: Team
) -> None:
    newcomer = deploy(aws, openai, slack, "newcomer", PollSchedule="rate(5 minutes)")

    ran = newcomer.tick(TICK)

    assert not ran.has_failed, ran
    assert "/batchbell/newcomer/openai-api-key is not stored yet" in ran.log
    assert {team.function_name, team.table_name}.isdisjoint({newcomer.function_name, newcomer.table_name})
