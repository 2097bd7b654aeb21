"""Permissions: none of a role's can be spared."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from cfnlint.decode.cfn_yaml import load

from batchbell.aws.store import Store
from local.aws import ROOT, LocalAws
from local.openai_simulator import OpenAISimulator
from local.slack_simulator import CHANNEL, SlackSimulator
from local.team import Team, deploy
from tests.asking import a_command, an_event, signed, texts_of
from tests.bot import ids_of
from tests.e2e.roles import grants_of, is_denied, role_of

NOT_ENFORCED_HERE = "logs:"
"""What MiniStack itself does for a function; tests/test_roles.py reads it in the template."""

RESOURCES = load(str(ROOT / "template.yaml"))["Resources"]


@dataclass(frozen=True, slots=True)
class Bell:
    """A team's stack, and an OpenAI and a Slack of its own."""

    team: Team
    openai: OpenAISimulator
    slack: SlackSimulator

    def tick(self) -> list[str]:
        """What is refused in one run of the poll function."""
        return [line for line in self.team.tick().log.splitlines() if "AccessDenied" in line]

    def tick_with_an_end(self) -> tuple[str, list[str]]:
        """An end, which is to be recorded, leased, posted and removed, and what of that is refused."""
        batch_id = self.openai.add()["id"]
        self.openai.move(batch_id, "completed")
        return f"{batch_id}#completed", self.tick()

    def unanswered(self, *texts: str) -> list[str]:
        """The questions that get no good answer."""
        return [text for text in texts if "ouldn’t " in self._answer(text)]

    def _answer(self, text: str) -> str:
        body = a_command(text)
        event = an_event(body, signed(body, self.slack.signing_secret))
        answer = self.team.aws.invoke(self.team.slack_function_name, event).payload
        refused = "The signature couldn’t be verified"
        return str(texts_of(json.loads(answer["body"]))) if answer["statusCode"] == 200 else refused

    def told(self) -> list[str]:
        return [each for message in self.slack.messages for each in ids_of(message.metadata)]

    def forget(self, function_name: str) -> None:
        """Let the function start anew, as any update lets it: its secrets are read again."""
        functions = self.team.aws.client("lambda")
        timeout = functions.get_function_configuration(FunctionName=function_name)["Timeout"]
        functions.update_function_configuration(FunctionName=function_name, Timeout=timeout)

    def let_time_pass(self) -> None:
        """Make everything undelivered due, as a few minutes would."""
        store = Store(self.team.aws.client("dynamodb"), self.team.table_name)
        for each in store.outbox(CHANNEL).notifications:
            store.save([replace(each, due_at=0)])
        store.set_channel(CHANNEL, 0, store.outbox(CHANNEL).blocked_reason)


@pytest.fixture(scope="module")
def bell(aws: LocalAws) -> Iterator[Bell]:
    with OpenAISimulator() as openai, SlackSimulator() as slack:
        parameters = {"NotifyOn": "in_progress,completed", "PollSchedule": "rate(5 minutes)"}
        team = deploy(aws, openai, slack, "permissions", **parameters)
        team.store_secrets(openai.key, slack.token, slack.signing_secret)
        bell = Bell(team, openai, slack)
        assert not bell.tick()
        yield bell


def grants(role: str) -> list[Any]:
    """The places of the role's grants in its policy, each with a name."""
    [policy] = RESOURCES[role]["Properties"]["Policies"]
    return [
        pytest.param(place, id=f"{grant.action} {_named(grant.resource)}")
        for place, grant in enumerate(grants_of(policy["PolicyDocument"]))
        if not grant.action.startswith(NOT_ENFORCED_HERE)
    ]


def _named(resource: Any) -> str:
    return str(resource["Fn::Sub"] if "Fn::Sub" in resource else resource["Fn::GetAtt"][0]).rpartition("/")[2]


@pytest.mark.parametrize("place", grants("PollRole"))
def test_without_this_a_poll_fails_and_with_it_all_is_made_up_for(aws: LocalAws, bell: Bell, place: int) -> None:
    function = bell.team.function_name

    with role_of(aws, function).without(place) as grant:
        if grant.action.startswith("ssm:"):
            bell.forget(function)
        first, refused = bell.tick_with_an_end()
    bell.let_time_pass()
    second, refused_later = bell.tick_with_an_end()

    assert refused
    assert not refused_later
    assert [bell.told().count(each) for each in (first, second)] == [1, 1]


@pytest.mark.parametrize("place", grants("SlackRole"))
def test_without_this_a_question_goes_unanswered_and_with_it_none_does(aws: LocalAws, bell: Bell, place: int) -> None:
    function = bell.team.slack_function_name
    end, _ = bell.tick_with_an_end()
    questions = ("", "open", end.partition("#")[0], "batch_unknown", "status")

    with role_of(aws, function).without(place) as grant:
        if grant.action.startswith("ssm:"):
            bell.forget(function)
        unanswered = bell.unanswered(*questions)

    assert unanswered
    assert not bell.unanswered(*questions)


def test_the_poll_role_is_enough_to_park_to_try_again_and_to_drop(bell: Bell) -> None:
    bell.slack.channels[CHANNEL] = "channel_not_found"
    parked, refused = bell.tick_with_an_end()
    dropped = bell.openai.add("in_progress")
    refused += bell.tick()
    bell.openai.move(dropped["id"], "completed")
    refused += bell.tick()
    told_while_parked = bell.told()

    bell.slack.channels[CHANNEL] = None
    bell.let_time_pass()
    refused += bell.tick()

    assert not refused
    assert bell.told() == [*told_while_parked, parked, f"{dropped['id']}#completed"]


@pytest.fixture
def boundary(aws: LocalAws, bell: Bell) -> str:
    """The policy of .github/deploy-role.yaml."""
    cloudformation, name = aws.client("cloudformation"), f"github-{bell.team.stack_name}"
    values = {"Repository": "acme@12/bell@34", "Team": "search", "TeamName": bell.team.name}
    values |= {"StackName": bell.team.stack_name, "ArtifactBucket": "aws-sam-cli-managed-default-x"}
    cloudformation.create_stack(
        StackName=name,
        TemplateBody=(ROOT / ".github/deploy-role.yaml").read_text(),
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in values.items()],
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )
    cloudformation.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    outputs = {each["OutputKey"]: each["OutputValue"] for each in aws.stack(name)["Outputs"]}
    return str(outputs["PermissionsBoundary"])


def test_within_the_boundary_the_functions_do_all_that_they_should_and_nothing_else(
    aws: LocalAws, bell: Bell, boundary: str
) -> None:
    iam, functions = aws.client("iam"), (bell.team.function_name, bell.team.slack_function_name)
    roles = [role_of(aws, each) for each in functions]
    everything = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
    for role, function in zip(roles, functions, strict=True):
        iam.put_role_permissions_boundary(RoleName=role.name, PermissionsBoundary=boundary)
        bell.forget(function)

    end, refused = bell.tick_with_an_end()
    unanswered = bell.unanswered("", "open", end.partition("#")[0], "batch_unknown", "status")
    iam.put_role_policy(RoleName=roles[0].name, PolicyName="all", PolicyDocument=json.dumps(everything))
    denied = [
        is_denied(roles[0].client("ssm"), "get_parameter", Name="/batchbell/other/openai-api-key"),
        is_denied(roles[0].client("dynamodb"), "delete_table", TableName=bell.team.table_name),
        is_denied(roles[0].client("lambda"), "invoke", FunctionName=bell.team.slack_function_name),
    ]
    iam.delete_role_policy(RoleName=roles[0].name, PolicyName="all")
    for role in roles:
        iam.delete_role_permissions_boundary(RoleName=role.name)

    assert not refused
    assert not unanswered
    assert bell.told().count(end) == 1
    assert denied == [True, True, True]
