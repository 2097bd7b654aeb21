"""The template: what the linters cannot know."""

import re
from pathlib import Path
from typing import Any

import pytest
from cfnlint.decode.cfn_yaml import load

from batchbell.settings import answer_settings_from, settings_from

ROOT = Path(__file__).parents[1]
TEMPLATE = load(str(ROOT / "template.yaml"))
PARAMETERS, RESOURCES = TEMPLATE["Parameters"], TEMPLATE["Resources"]


def properties(name: str) -> Any:
    return RESOURCES[name]["Properties"]


def test_the_parameters_that_teams_set_keep_their_names_and_defaults() -> None:
    defaults = {name: parameter.get("Default") for name, parameter in PARAMETERS.items()}

    assert defaults == {
        "TeamName": None,
        "SlackChannel": None,
        "OpenAIBaseUrl": "https://api.openai.com/v1",
        "OpenAIApiVersion": "",
        "SlackBaseUrl": "https://slack.com/api/",
        "NotifyOn": "completed,failed,expired",
        "SlashCommand": "/batches",
        "MetadataFilter": "",
        "PollSchedule": "rate(1 minute)",
        "RetentionDays": "30",
        "LogRetentionDays": 30,
        "Architecture": "arm64",
    }


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("TeamName", "data-science"),
        ("TeamName", "ml.ops_2"),
        ("SlackChannel", "C024BE91L"),
        ("SlackChannel", "G012AC86C"),
        ("OpenAIBaseUrl", "https://eu.api.openai.com/v1"),
        ("OpenAIBaseUrl", "http://127.0.0.1:8080/v1"),
        ("OpenAIApiVersion", ""),
        ("OpenAIApiVersion", "2024-10-21"),
        ("OpenAIApiVersion", "2025-04-01-preview"),
        ("OpenAIApiVersion", "preview"),
        ("SlackBaseUrl", "https://slack-gov.com/api/"),
        ("NotifyOn", "failed"),
        ("NotifyOn", "completed, failed, cancelled"),
        ("SlashCommand", "/batches-search"),
        ("MetadataFilter", ""),
        ("MetadataFilter", "team=search, env=prod|staging"),
    ],
)
def test_a_sensible_value_is_taken(parameter: str, value: str) -> None:
    assert re.search(PARAMETERS[parameter]["AllowedPattern"], value)


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("TeamName", ""),
        ("TeamName", "data science"),
        ("TeamName", "a/b"),
        ("TeamName", "sk-proj-4f3a"),
        ("TeamName", "xoxb-17653672481"),
        ("TeamName", "xapp-1-A0"),
        ("SlackChannel", "#batches"),
        ("SlackChannel", "batches"),
        ("SlackChannel", "xoxb-17653672481"),
        ("OpenAIBaseUrl", "http://api.openai.com/v1"),
        ("OpenAIBaseUrl", "http://127.0.0.1.example.com/v1"),
        ("OpenAIBaseUrl", "https://sk-4f3a@api.openai.com/v1"),
        ("OpenAIBaseUrl", "https://api.openai.com/v1?key=sk-4f3a"),
        ("OpenAIApiVersion", "0613"),
        ("OpenAIApiVersion", "2024-10-21&key=sk-4f3a"),
        ("OpenAIApiVersion", "sk-4f3a"),
        ("SlackBaseUrl", "https://slack.com/api"),
        ("NotifyOn", ""),
        ("NotifyOn", "completed;failed"),
        ("SlashCommand", "batches"),
        ("SlashCommand", "/Batches"),
        ("SlashCommand", "/batches search"),
        ("MetadataFilter", "search"),
        ("MetadataFilter", "team=search,"),
    ],
)
def test_a_secret_or_a_slip_is_refused(parameter: str, value: str) -> None:
    assert not re.search(PARAMETERS[parameter]["AllowedPattern"], value)


def test_a_refusal_says_what_is_wanted() -> None:
    for name, parameter in PARAMETERS.items():
        assert ("AllowedPattern" in parameter) == ("ConstraintDescription" in parameter), name


def test_the_function_is_given_every_setting_it_reads() -> None:
    variables = properties("PollFunction")["Environment"]["Variables"]
    environ = {
        name: str(PARAMETERS.get(str(value), {}).get("Default", "set")) for name, value in variables.items()
    }
    environ |= {"RETENTION_DAYS": "30", "NOTIFY_ON": "completed,failed,expired", "METADATA_FILTER": ""}

    assert settings_from(environ | {"OPENAI_API_VERSION": ""})
    assert "OPENAI_API_VERSION" in properties("SlackFunction")["Environment"]["Variables"]
    assert answer_settings_from(dict.fromkeys(properties("SlackFunction")["Environment"]["Variables"], "set"))


def test_two_teams_in_one_account_share_no_name() -> None:
    assert "TableName" not in properties("Table")
    for names in (
        properties("PollFunction")["FunctionName"],
        properties("PollFunction")["Events"]["Schedule"]["Properties"]["Name"],
        properties("PollLogs")["LogGroupName"],
        properties("SlackFunction")["FunctionName"],
        properties("SlackLogs")["LogGroupName"],
        properties("SlackAccessLogs")["LogGroupName"],
        properties("SlackApi")["Name"],
    ):
        assert "${AWS::StackName}" in names["Fn::Sub"]


def test_the_template_deploys_in_a_new_account() -> None:
    for name in ("PollFunction", "SlackFunction"):
        assert "ReservedConcurrentExecutions" not in properties(name)


def test_what_batchbell_knows_outlives_the_stack_and_a_mistake() -> None:
    table = RESOURCES["Table"]

    assert (table["DeletionPolicy"], table["UpdateReplacePolicy"]) == ("Retain", "Retain")
    assert properties("Table")["DeletionProtectionEnabled"] is True
    assert properties("Table")["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert properties("Table")["TimeToLiveSpecification"] == {"AttributeName": "ttl", "Enabled": True}


def test_the_door_has_two_routes_is_throttled_and_logs_no_body() -> None:
    routes = {
        each["Properties"]["RouteKey"] for each in RESOURCES.values() if each["Type"].endswith("::Route")
    }
    stage = properties("SlackStage")

    assert routes == {"POST /slack/commands", "POST /slack/interactions"}
    assert stage["DefaultRouteSettings"] == {"ThrottlingRateLimit": 10, "ThrottlingBurstLimit": 20}
    assert not re.search("body|header|querystring", stage["AccessLogSettings"]["Format"], re.IGNORECASE)
    assert properties("SlackIntegration")["PayloadFormatVersion"] == "2.0"
    assert TEMPLATE["Outputs"]["SlackRequestUrl"]["Value"]["Fn::Sub"].endswith("/slack/commands")


def test_the_slack_function_is_quick_enough_for_slack() -> None:
    assert properties("SlackFunction")["MemorySize"] >= 512


def test_the_next_tick_is_the_only_retry_of_a_failed_run() -> None:
    assert properties("PollFunction")["EventInvokeConfig"]["MaximumRetryAttempts"] == 0


def test_logs_are_kept_as_long_as_the_team_wants() -> None:
    for name in ("Poll", "Slack"):
        assert properties(f"{name}Function")["LoggingConfig"]["LogGroup"] == {"Ref": f"{name}Logs"}
    for name in ("PollLogs", "SlackLogs", "SlackAccessLogs"):
        assert properties(name)["RetentionInDays"] == {"Ref": "LogRetentionDays"}


def test_every_resource_says_what_it_is_for() -> None:
    text = (ROOT / "template.yaml").read_text()

    for name in RESOURCES:
        assert re.search(rf"^  # .+\n  {name}:$", text, re.MULTILINE), name
