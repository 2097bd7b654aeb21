"""Roles: what each may do, to the letter; only what a local AWS cannot refuse is left to be read here."""

import re
from typing import Any

import pytest
from cfnlint.decode.cfn_yaml import load

from local.aws import ROOT

RESOURCES = load(str(ROOT / "template.yaml"))["Resources"]
DEPLOY_ROLE = load(str(ROOT / ".github/deploy-role.yaml"))["Resources"]["DeployRole"]["Properties"]
PARAMETERS = "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter/batchbell/${TeamName}"


def allow(actions: list[str] | str, resource: Any, **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": actions, "Resource": resource, **more}


def arn(name: str) -> dict[str, Any]:
    return {"Fn::GetAtt": [name, "Arn"]}


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def sub(text: str) -> dict[str, str]:
    return {"Fn::Sub": text}


WRITE_A_LOG = ["logs:CreateLogStream", "logs:PutLogEvents"]
ALLOWED = {
    "PollRole": [
        allow(
            [
                "dynamodb:BatchGetItem",
                "dynamodb:Query",
                "dynamodb:PutItem",
                "dynamodb:UpdateItem",
                "dynamodb:DeleteItem",
            ],
            arn("Table"),
        ),
        allow("dynamodb:Query", sub("${Table.Arn}/index/open")),
        allow("ssm:GetParameter", [sub(f"{PARAMETERS}/openai-api-key"), sub(f"{PARAMETERS}/slack-bot-token")]),
        allow(WRITE_A_LOG, arn("PollLogs")),
    ],
    "SlackRole": [
        allow(["dynamodb:BatchGetItem", "dynamodb:Query"], arn("Table")),
        allow("dynamodb:Query", [sub("${Table.Arn}/index/by_creation"), sub("${Table.Arn}/index/open")]),
        allow("ssm:GetParameter", [sub(f"{PARAMETERS}/openai-api-key"), sub(f"{PARAMETERS}/slack-signing-secret")]),
        allow(WRITE_A_LOG, arn("SlackLogs")),
    ],
    "ScheduleRole": [allow("lambda:InvokeFunction", arn("PollFunction"))],
}
TRUSTED: dict[str, dict[str, Any]] = {
    "PollRole": {"Principal": {"Service": "lambda.amazonaws.com"}},
    "SlackRole": {"Principal": {"Service": "lambda.amazonaws.com"}},
    "ScheduleRole": {
        "Principal": {"Service": "scheduler.amazonaws.com"},
        "Condition": {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}},
    },
}


def test_these_are_all_the_roles() -> None:
    found = {name for name, each in RESOURCES.items() if each["Type"].startswith("AWS::IAM::")}

    assert found == ALLOWED.keys()


@pytest.mark.parametrize("role", ALLOWED)
def test_a_role_allows_this_and_nothing_else(role: str) -> None:
    properties = RESOURCES[role]["Properties"]
    [policy] = properties["Policies"]

    assert policy["PolicyDocument"] == {"Version": "2012-10-17", "Statement": ALLOWED[role]}
    assert properties["AssumeRolePolicyDocument"] == {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", **TRUSTED[role]}],
    }
    assert properties.keys() == {"AssumeRolePolicyDocument", "Policies"}


@pytest.mark.parametrize(("function", "role"), [("PollFunction", "PollRole"), ("SlackFunction", "SlackRole")])
def test_a_function_has_its_role_and_nothing_else_that_allows_anything(function: str, role: str) -> None:
    properties = RESOURCES[function]["Properties"]

    assert properties["Role"] == arn(role)
    assert not {"Policies", "Layers", "VpcConfig"} & properties.keys()


def test_only_our_own_api_may_start_the_slack_function() -> None:
    permissions = [each for each in RESOURCES.values() if each["Type"] == "AWS::Lambda::Permission"]

    assert [each["Properties"] for each in permissions] == [
        {
            "Action": "lambda:InvokeFunction",
            "FunctionName": {"Ref": "SlackFunction"},
            "Principal": "apigateway.amazonaws.com",
            "SourceArn": sub(
                "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${SlackApi}/*/POST/slack/*"
            ),
        }
    ]


def test_githubs_role_is_for_one_environment_of_one_repository() -> None:
    provider = "arn:${AWS::Partition}:iam::${AWS::AccountId}:oidc-provider/token.actions.githubusercontent.com"
    conditions = {
        "token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
        "token.actions.githubusercontent.com:sub": sub("repo:${Repository}:environment:${Team}"),
    }

    assert DEPLOY_ROLE["AssumeRolePolicyDocument"]["Statement"] == [
        {
            "Effect": "Allow",
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Principal": {"Federated": sub(provider)},
            "Condition": {"StringEquals": conditions},
        }
    ]


def test_githubs_role_touches_no_item_no_secret_and_no_role_but_the_stacks() -> None:
    statements = [each for policy in DEPLOY_ROLE["Policies"] for each in policy["PolicyDocument"]["Statement"]]
    allowed = [(action, each) for each in statements for action in as_list(each["Action"])]
    roles = [each["Resource"]["Fn::Sub"] for action, each in allowed if action.startswith("iam:")]

    assert not [action for action, _ in allowed if re.search("^(ssm|sts|kms):|Item|Invoke|Log(Events|s)$", action)]
    assert set(roles) == {"arn:${AWS::Partition}:iam::${AWS::AccountId}:role/${StackName}-*"}
    assert DEPLOY_ROLE["RoleName"] == sub("github-${StackName}")
