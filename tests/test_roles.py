"""Roles: what each may do, to the letter; only what a local AWS cannot refuse is left to be read here."""

import re
from fnmatch import fnmatchcase
from typing import Any

import pytest
from cfnlint.decode.cfn_yaml import load

from local.aws import ROOT
from tests.e2e.roles import Grant, grants_of
from tests.intrinsics import resolved

RESOURCES = load(str(ROOT / "template.yaml"))["Resources"]
GITHUB = load(str(ROOT / ".github/deploy-role.yaml"))
DEPLOY_ROLE = GITHUB["Resources"]["DeployRole"]["Properties"]
BOUNDARY = GITHUB["Resources"]["Boundary"]["Properties"]["PolicyDocument"]
PROVIDER = "token.actions.githubusercontent.com"
HERE = "eu-central-1:123456789012"
NAMES = {
    "AWS::Partition": "aws",
    "AWS::Region": "eu-central-1",
    "AWS::AccountId": "123456789012",
    "AWS::URLSuffix": "amazonaws.com",
    "StackName": "bell",
    "TeamName": "search",
    "Table.Arn": f"arn:aws:dynamodb:{HERE}:table/bell-Table-1X",
    "PollFunction.Arn": f"arn:aws:lambda:{HERE}:function:bell-poll",
    "PollLogs.Arn": f"arn:aws:logs:{HERE}:log-group:/aws/lambda/bell-poll:*",
    "SlackLogs.Arn": f"arn:aws:logs:{HERE}:log-group:/aws/lambda/bell-slack:*",
}
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
    if_wanted = ["HasPermissionsBoundary", {"Ref": "PermissionsBoundary"}, {"Ref": "AWS::NoValue"}]
    assert properties["PermissionsBoundary"] == {"Fn::If": if_wanted}
    assert properties.keys() == {"AssumeRolePolicyDocument", "PermissionsBoundary", "Policies"}


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


OLD, NEW = "repo:acme/bell:environment:search", "repo:acme@12/bell@34:environment:search"


@pytest.mark.parametrize(("repository", "accepted"), [("acme/bell", {OLD}), ("acme@12/bell@34", {OLD, NEW})])
def test_githubs_role_is_for_one_environment_of_one_repository(repository: str, accepted: set[str]) -> None:
    others = {
        "repo:acme/bell2:environment:search",
        "repo:acme@12/bell@35:environment:search",
        "repo:acme@13/bell@34:environment:search",
        "repo:evil/acme/bell:environment:search",
        "repo:evil@1/bell@34:environment:repo:acme/bell:environment:search",
        "repo:acme/bell:environment:search/acme@12",
        "repo:acme@12/bell@34:environment:other@search",
        "repo:acme/bell:ref:refs/heads/main",
    }

    trust = resolved(DEPLOY_ROLE["AssumeRolePolicyDocument"], {**NAMES, "Repository": repository, "Team": "search"})

    [statement] = trust["Statement"]
    subs = statement["Condition"]["StringEquals"].pop(f"{PROVIDER}:sub")
    assert {each for each in {OLD, NEW} | others if each in subs} == accepted == set(subs)
    assert statement == {
        "Effect": "Allow",
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Principal": {"Federated": f"arn:aws:iam::123456789012:oidc-provider/{PROVIDER}"},
        "Condition": {"StringEquals": {f"{PROVIDER}:aud": "sts.amazonaws.com"}},
    }


def test_a_repository_is_named_as_github_names_it_and_without_a_wildcard() -> None:
    pattern = GITHUB["Parameters"]["Repository"]["AllowedPattern"]
    wrong = "acme acme/bell/x acme@12/bell acme/bell@34 acme@x/bell@34 a*/b acme@1*/bell@34 acme@12/be@ll@34 a@1/b@"

    assert all(re.fullmatch(pattern, name) for name in ("acme/bell", "acme_x/be.ll_2-", "acme@12/bell@34"))
    assert [name for name in wrong.split() if re.fullmatch(pattern, name)] == []


def test_the_boundary_is_what_the_stacks_roles_are_given_and_nothing_else() -> None:
    given = [
        grant
        for role in ALLOWED
        for policy in RESOURCES[role]["Properties"]["Policies"]
        for grant in grants_of(resolved(policy["PolicyDocument"], NAMES))
    ]
    boundary = grants_of(resolved(BOUNDARY, NAMES))

    def allows(most: Grant, grant: Grant) -> bool:
        return most.action == grant.action and fnmatchcase(grant.resource, most.resource)

    assert [grant for grant in given if not any(allows(most, grant) for most in boundary)] == []
    unused = [most.action for most in boundary if not any(allows(most, grant) for grant in given)]
    assert unused == ["kms:Decrypt"]  # which the keys of AWS allow; only for these two services
    assert not [each.resource for each in boundary if not re.search("bell|/search/|:key/", each.resource)]
    [condition] = [each["Condition"] for each in resolved(BOUNDARY, NAMES)["Statement"] if "Condition" in each]
    services = ["ssm.eu-central-1.amazonaws.com", "dynamodb.eu-central-1.amazonaws.com"]
    assert condition == {"StringEquals": {"kms:ViaService": services}}


def test_githubs_role_gives_permissions_only_to_roles_within_the_boundary() -> None:
    statements = [each for policy in DEPLOY_ROLE["Policies"] for each in policy["PolicyDocument"]["Statement"]]
    iam = [(action, each) for each in statements for action in as_list(each["Action"]) if action.startswith("iam:")]
    within = {"StringEquals": {"iam:PermissionsBoundary": {"Ref": "Boundary"}}}

    gives = {"iam:CreateRole", "iam:PutRolePolicy", "iam:DeleteRolePolicy", "iam:PutRolePermissionsBoundary"}
    assert {action for action, each in iam if each.get("Condition") == within} == gives
    # Nothing attaches a policy, changes one, or takes a boundary away.
    free = {action.removeprefix("iam:") for action, each in iam if each.get("Condition") != within}
    assert [each for each in free if not re.fullmatch("(Get|List|(Unt|T)ag|Delete|Update|Pass).*Role.*", each)] == []
    assert not [each for each in free if re.search(r"[*]|Boundary|^(Put|Attach|Detach|DeleteRoleP|Create)", each)]


def test_githubs_role_touches_no_item_no_secret_and_no_role_but_the_stacks() -> None:
    statements = [each for policy in DEPLOY_ROLE["Policies"] for each in policy["PolicyDocument"]["Statement"]]
    allowed = [(action, each) for each in statements for action in as_list(each["Action"])]
    roles = [each["Resource"]["Fn::Sub"] for action, each in allowed if action.startswith("iam:")]

    assert not [action for action, _ in allowed if re.search("^(ssm|sts|kms):|Item|Invoke|Log(Events|s)$", action)]
    assert set(roles) == {"arn:${AWS::Partition}:iam::${AWS::AccountId}:role/${StackName}-*"}
    assert DEPLOY_ROLE["RoleName"] == sub("github-${StackName}-${AWS::Region}")
    assert not re.fullmatch(GITHUB["Parameters"]["StackName"]["AllowedPattern"], "github")
