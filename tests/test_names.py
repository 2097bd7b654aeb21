"""Names: each fits its service, for the longest names of a stack, a team and a region."""

import re
from typing import Any

import boto3
import pytest
from cfnlint.decode.cfn_yaml import load

from local.aws import ROOT
from tests.intrinsics import resolved

TEMPLATES = {path: load(str(ROOT / path)) for path in ("template.yaml", ".github/deploy-role.yaml")}
STACK_LETTERS, TEAM_LETTERS = 36, 40
SUFFIX = "-" + 13 * "X"
"""What CloudFormation adds to a name that it makes."""

SESSION = boto3.Session()
REGIONS = [each for part in SESSION.get_available_partitions() for each in SESSION.get_available_regions("sts", part)]
NAMES = {
    "AWS::StackName": "s" * STACK_LETTERS,
    "AWS::Region": max(REGIONS, key=len),
    "StackName": "s" * STACK_LETTERS,
    "TeamName": "t" * TEAM_LETTERS,
}
LIMITS = {
    "AWS::ApiGatewayV2::Api": ("Name", 128),
    "AWS::ApiGatewayV2::Stage": ("StageName", 128),
    "AWS::CloudWatch::Alarm": ("AlarmName", 255),
    "AWS::CloudWatch::Dashboard": ("DashboardName", 255),
    "AWS::DynamoDB::Table": ("TableName", 255),
    "AWS::IAM::ManagedPolicy": ("ManagedPolicyName", 128),
    "AWS::IAM::Role": ("RoleName", 64),
    "AWS::Logs::LogGroup": ("LogGroupName", 512),
    "AWS::Logs::QueryDefinition": ("Name", 255),
    "AWS::SNS::Topic": ("TopicName", 256),
    "AWS::Scheduler::Schedule": ("Name", 64),
    "AWS::Serverless::Function": ("FunctionName", 64),
}
NAMELESS = {
    "AWS::ApiGatewayV2::Integration",
    "AWS::ApiGatewayV2::Route",
    "AWS::Lambda::Permission",
    "AWS::SNS::TopicPolicy",
}


def resources(template: str) -> list[tuple[str, str, Any]]:
    """The logical id, type and properties of each, with the schedules of functions."""
    found = [(name, each["Type"], each["Properties"]) for name, each in TEMPLATES[template]["Resources"].items()]
    events = [event for _, _, each in found for event in each.get("Events", {}).items()]
    return found + [(name, "AWS::Scheduler::Schedule", event["Properties"]) for name, event in events]


@pytest.mark.parametrize("template", TEMPLATES)
def test_every_name_fits_its_service(template: str) -> None:
    lengths = {}
    for logical_id, kind, properties in resources(template):
        if kind not in NAMELESS:
            key, limit = LIMITS[kind]
            made = f"{NAMES['AWS::StackName']}-{logical_id}{SUFFIX}"
            lengths[logical_id] = (len(resolved(properties[key], NAMES) if key in properties else made), limit)

    assert len(NAMES["AWS::Region"]) >= len("ap-southeast-1")
    assert {name: each for name, each in lengths.items() if each[0] > each[1]} == {}
    assert len(f"/batchbell/{NAMES['TeamName']}/slack-signing-secret") <= 1011
    assert len(f"github-{NAMES['StackName']}") <= 128


def test_what_an_account_has_one_list_of_for_all_regions_bears_the_region() -> None:
    kinds = {"AWS::CloudWatch::Dashboard", "AWS::IAM::ManagedPolicy", "AWS::IAM::Role"}
    found = [(kind, each) for template in TEMPLATES for _, kind, each in resources(template) if kind in kinds]

    # A role without a name gets one that is unique.
    named = [each[LIMITS[kind][0]]["Fn::Sub"] for kind, each in found if LIMITS[kind][0] in each]
    assert [name for name in named if not name.endswith("-${AWS::Region}")] == []
    assert len(named) == 3


def test_the_longest_names_are_what_the_templates_allow_and_the_docs_say() -> None:
    deploy_role = TEMPLATES[".github/deploy-role.yaml"]["Parameters"]
    patterns = [deploy_role["StackName"], deploy_role["TeamName"], TEMPLATES["template.yaml"]["Parameters"]["TeamName"]]

    for pattern, letters in zip(patterns, (STACK_LETTERS, TEAM_LETTERS, TEAM_LETTERS), strict=True):
        assert re.fullmatch(pattern["AllowedPattern"], "s" * letters)
        assert not re.fullmatch(pattern["AllowedPattern"], "s" * (letters + 1))
    assert f"at most {STACK_LETTERS} letters" in (ROOT / "samconfig.toml").read_text()
    assert f"at most {STACK_LETTERS} letters" in (ROOT / "README.md").read_text()
