"""docs/operating.md on a stack that failed, and on one that is no longer wanted: its commands, and what they leave."""

import json
from contextlib import suppress

import pytest
from botocore.exceptions import ClientError, WaiterError

from local.aws import LocalAws
from local.openai_simulator import OpenAISimulator
from local.slack_simulator import SlackSimulator
from local.team import deploy
from tests.e2e.documented import Shell, commands_of
from tests.test_template import RESOURCES

IMPOSSIBLE = {
    "Type": "AWS::Lambda::EventInvokeConfig",
    "Properties": {"FunctionName": "no-such-function", "Qualifier": "$LATEST"},
    "DependsOn": "Table",
}


def test_a_failed_first_deploy_is_cleared_and_a_team_removed_by_the_documented_commands(
    openai: OpenAISimulator, slack: SlackSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    with LocalAws() as aws:
        for name, value in (aws.environ() | {"SAM_CLI_TELEMETRY": "0"}).items():
            monkeypatch.setenv(name, value)
        shell, stacks = Shell(aws), aws.client("cloudformation")
        broken = json.dumps({"Resources": {"Table": RESOURCES["Table"], "Impossible": IMPOSSIBLE}})
        stacks.create_stack(StackName="batchbell-search", TemplateBody=broken, Capabilities=["CAPABILITY_IAM"])
        with suppress(WaiterError):
            stacks.get_waiter("stack_create_complete").wait(StackName="batchbell-search", WaiterConfig={"Delay": 1})
        state, failed = map(shell.run, commands_of("If the first deploy fails"))
        doctor, delete, find, unprotect, drop, forget, github = commands_of("Removing a team")
        assert state == "ROLLBACK_COMPLETE"
        assert "Impossible" in [resource for resource, _ in failed]

        def delete_all() -> str:
            shell.run(delete)
            [table] = shell.run(find)
            with pytest.raises(ClientError, match="protected against deletion"):
                shell.run(drop, {"<TableName>": table})
            for command in (unprotect, drop):
                shell.run(command, {"<TableName>": table})
            return str(table)

        delete_all()
        team = deploy(aws, openai, slack, "search", PollSchedule="rate(5 minutes)")
        team.store_secrets(openai.key, slack.token, slack.signing_secret)
        team.tick()
        shell.run(doctor)

        assert delete_all() == team.table_name
        for command in (forget, github):
            shell.run(command)
        remaining = {
            "tables": aws.client("dynamodb").list_tables()["TableNames"],
            "functions": aws.client("lambda").list_functions()["Functions"],
            "roles": aws.client("iam").list_roles()["Roles"],
            "logs": aws.client("logs").describe_log_groups()["logGroups"],
            "alarms": aws.client("cloudwatch").describe_alarms()["MetricAlarms"],
            "secrets": aws.client("ssm").describe_parameters()["Parameters"],
            "schedules": aws.client("scheduler").list_schedules()["Schedules"],
        }
        assert {kind: found for kind, found in remaining.items() if found} == {}
