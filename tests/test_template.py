"""The template: what the linters cannot know."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from cfnlint.decode.cfn_yaml import load

from batchbell.config import config_from

ROOT = Path(__file__).parents[1]
TEMPLATE = load(str(ROOT / "template.yaml"))
PARAMETERS, RESOURCES = TEMPLATE["Parameters"], TEMPLATE["Resources"]
VARIABLES = TEMPLATE["Globals"]["Function"]["Environment"]["Variables"]
ALARMS = [name for name, resource in RESOURCES.items() if resource["Type"] == "AWS::CloudWatch::Alarm"]


def properties(name: str) -> Any:
    return RESOURCES[name]["Properties"]


def is_valid(parameter: str, value: str) -> bool:
    """Whether CloudFormation accepts the value: a pattern has to match all of it, and is Java's."""
    rules = PARAMETERS[parameter]
    if "AllowedValues" in rules:
        return value in map(str, rules["AllowedValues"])
    # What \s and the like mean in Java; the rest means the same, by the test below.
    return bool(re.fullmatch(rules["AllowedPattern"], value, re.ASCII))


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
        "ErrorFiles": "summary",
        "AlarmEmail": "",
        "Dashboard": "false",
        "ReservedConcurrency": "",
        "RetentionDays": "30",
        "LogRetentionDays": 30,
        "Architecture": "arm64",
        "PermissionsBoundary": "",
    }
    assert [name for name, value in defaults.items() if value is not None and not is_valid(name, str(value))] == []


@pytest.mark.parametrize(
    ("parameter", "values"),
    [
        ("TeamName", ["search", "data-science", "ml.ops_2", "Team7", "a", "task-force", "x" * 40]),
        ("SlackChannel", ["C024BE91L", "G012AC86C"]),
        (
            "OpenAIBaseUrl",
            [
                "https://eu.api.openai.com/v1",
                "https://acme.openai.azure.com/openai/v1/",
                "http://127.0.0.1:8080/v1",
                "http://localhost:8080",
                "https://task-api.example.com/v1",
            ],
        ),
        ("OpenAIApiVersion", ["2024-10-21", "2025-04-01-preview", "v1", "preview", "latest"]),
        ("SlackBaseUrl", ["https://slack-gov.com/api/", "http://127.0.0.1:8080/api/"]),
        ("NotifyOn", ["failed", "completed, failed, cancelled", "in_progress", "some_new_status,all_over"]),
        ("SlashCommand", ["/batches-search", "/b", "/batches_2"]),
        (
            "MetadataFilter",
            [
                "team=search",
                "team=search, env=prod|staging",
                "cost center=a b c",
                "rule=a=b",
                "locale=sk-SK",
                "digest=0123456789abcdef0123456789abcdef",
            ],
        ),
        ("AlarmEmail", ["oncall@example.com", "on.call+batchbell@mail.example.co.uk", "x-aaa@team.slack.com"]),
        ("ReservedConcurrency", ["1", "20", "999"]),
        ("RetentionDays", ["1", "9999"]),
        ("PermissionsBoundary", ["arn:aws:iam::123456789012:policy/github-x-eu-west-1", "arn:aws:iam::aws:policy/X"]),
    ],
)
def test_a_sensible_value_is_valid(parameter: str, values: list[str]) -> None:
    assert [value for value in values if not is_valid(parameter, value)] == []


SECRETS = [
    "sk-4f3a",
    "sk-proj-4f3aAB_Cd-Ef0123456789abcdef0123",
    "xoxb-17653672481-17653672481-abcdefABCDEF",
    "xoxe.xoxp-1-Mi0yLTE3",
    "xapp-1-A0",
    "8f742231b10e8888abcd99yyyzzz85a5",
    "0123456789abcdef0123456789abcdef",
    "AKIAIOSFODNN7EXAMPLE",
]


@pytest.mark.parametrize(
    ("parameter", "values"),
    [
        ("TeamName", ["", "data science", "a/b", "-search", "x" * 41, "búsqueda", "search\n"]),
        ("SlackChannel", ["", "#batches", "batches", "c024be91l", "U024BE91L", "C024", "D0ABCDEFGHI", "x/C024BE91L"]),
        (
            "OpenAIBaseUrl",
            [
                "",
                "api.openai.com/v1",
                "http://api.openai.com/v1",
                "http://127.0.0.1.example.com/v1",
                "https://",
                "https://sk-4f3a@api.openai.com/v1",
                "https://api.openai.com/v1?key=sk-4f3a",
            ],
        ),
        ("OpenAIApiVersion", ["0613", "2024-10-21&key=4f3a", "v2", "latest "]),
        ("SlackBaseUrl", ["https://slack.com/api", "https:///", "https://hooks.slack.com/services/T0/B0/secret"]),
        ("NotifyOn", ["", "completed;failed", "completed,", "completed failed", "all", " none ", "a,b"]),
        ("SlashCommand", ["batches", "/", "/Batches", "/batches search", "/" + "b" * 32]),
        (
            "MetadataFilter",
            ["search", "team=search,", ",team=search", "team=", "team= ", "=search", " =a", "a=b|", "a=b,c"],
        ),
        ("AlarmEmail", ["oncall", "oncall@example", "a@example.com,b@example.com", "<a@example.com>", "a b@x.de"]),
        ("ReservedConcurrency", ["0", "-1", "1000", "1.5", "none"]),
        ("RetentionDays", ["", "0", "10000", "30 days", "1e3"]),
        ("PollSchedule", ["rate(1 minutes)", "rate(10 minutes)", "1 minute"]),
        ("LogRetentionDays", ["0", "2", "31"]),
        ("Dashboard", ["", "yes", "True"]),
        ("ErrorFiles", ["", "on", "Off", "false"]),
        ("Architecture", ["arm", "x86"]),
        ("PermissionsBoundary", ["github-x", "arn:aws:iam::123456789012:role/x", "arn:aws:iam::12:policy/x"]),
    ],
)
def test_an_invalid_value_is_rejected(parameter: str, values: list[str]) -> None:
    assert [value for value in values if is_valid(parameter, value)] == []


@pytest.mark.parametrize("parameter", PARAMETERS)
def test_a_secret_is_rejected_wherever_it_is_pasted(parameter: str) -> None:
    as_value = [f"team={secret}" for secret in SECRETS[1:5]] + [f"a=b, c=d | {SECRETS[2]}"]

    pasted = [*SECRETS, *(f"/{secret}" for secret in SECRETS), *as_value]
    assert [each for each in pasted if is_valid(parameter, each)] == []


def test_the_patterns_mean_the_same_to_python_and_to_java() -> None:
    for name, parameter in PARAMETERS.items():
        pattern = parameter.get("AllowedPattern", "^$")
        assert (pattern[0], pattern[-1]) == ("^", "$"), name
        # Named and inline groups, possessive and lazy repeats, classes within classes, \A, \Z, \p and the like.
        assert not re.search(r"\(\?[^!=<]|\(\?<[^!=]|[*+?}][+?]|\[[^\]]*(\[|&&)|\\[A-Za-rt-z]", pattern), name


def test_every_parameter_says_what_it_is_and_what_is_wanted() -> None:
    for name, parameter in PARAMETERS.items():
        assert len({"AllowedPattern", "AllowedValues"} & parameter.keys()) == 1, name
        assert re.fullmatch("(must|is) .+[.]", parameter["ConstraintDescription"]), name
        assert parameter["Description"].strip(), name


def test_the_functions_are_given_every_setting_they_read() -> None:
    def value_of(reference: dict[str, str]) -> str:
        default = PARAMETERS.get(reference["Ref"], {}).get("Default")
        return "set" if default is None else str(default)

    environ = {name: value_of(reference) for name, reference in VARIABLES.items()}

    assert config_from(environ)
    assert {"OPENAI_API_VERSION", "METADATA_FILTER", "ERROR_FILES"} <= environ.keys()
    assert "Environment" not in properties("PollFunction") | properties("SlackFunction")


def test_two_teams_in_one_account_share_no_name() -> None:
    named = [properties(name) for name in RESOURCES if RESOURCES[name]["Type"] != "AWS::Lambda::Permission"]
    named.append(properties("PollFunction")["Events"]["Schedule"]["Properties"])
    kinds = "Function LogGroup Topic Dashboard Alarm"

    names = [each[key] for each in named for key in ("Name", *(f"{kind}Name" for kind in kinds.split())) if key in each]

    assert "TableName" not in properties("Table")
    assert len(names) == 10 + len(ALARMS)
    assert [name for name in names if "${AWS::StackName}" not in name["Fn::Sub"]] == []


def test_the_template_deploys_in_a_new_account() -> None:
    if_wanted = ["HasReservedConcurrency", {"Ref": "ReservedConcurrency"}, {"Ref": "AWS::NoValue"}]

    for function in ("PollFunction", "SlackFunction"):
        assert properties(function)["ReservedConcurrentExecutions"] == {"Fn::If": if_wanted}


def test_two_stacks_share_no_metric() -> None:
    stack_name = {"Ref": "AWS::StackName"}

    assert VARIABLES["POWERTOOLS_SERVICE_NAME"] == stack_name
    for alarm in ALARMS:
        [dimension] = properties(alarm)["Dimensions"]
        if properties(alarm)["Namespace"] == "batchbell":
            assert dimension == {"Name": "service", "Value": stack_name}
        else:
            assert dimension in [
                {"Name": "FunctionName", "Value": {"Ref": name}} for name in ("PollFunction", "SlackFunction")
            ]


@pytest.mark.parametrize("alarm", ALARMS)
def test_an_alarm_notifies_the_topic_when_it_begins_and_ends_and_names_its_section(alarm: str) -> None:
    alarm_of = properties(alarm)
    section = alarm_of["AlarmName"]["Fn::Sub"].removeprefix("${AWS::StackName}-")
    documented = re.findall("^### (.+)$", (ROOT / "docs/operating.md").read_text(), re.MULTILINE)

    assert alarm_of["AlarmActions"] == alarm_of["OKActions"] == [{"Ref": "AlarmTopic"}]
    assert f'See docs/operating.md, "{section}".' in alarm_of["AlarmDescription"]["Fn::Sub"]
    assert section in documented


def test_each_alarm_watches_its_metric_by_its_rule() -> None:
    names = ("MetricName", "Statistic", "ComparisonOperator", "Threshold", "EvaluationPeriods", "TreatMissingData")

    rules = {properties(alarm)["AlarmName"]["Fn::Sub"]: [properties(alarm)[name] for name in names] for alarm in ALARMS}

    stack, more, less = "${AWS::StackName}", "GreaterThanThreshold", "LessThanThreshold"
    assert rules == {
        f"{stack}-no-good-poll": ["PollSucceeded", "SampleCount", less, 1, 3, "breaching"],
        f"{stack}-undelivered": ["OldestUndeliveredSeconds", "Maximum", more, 900, 1, "ignore"],
        f"{stack}-parked": ["NotificationsParked", "Maximum", more, 0, 1, "ignore"],
        f"{stack}-poll-errors": ["Errors", "Sum", more, 0, 1, "notBreaching"],
        f"{stack}-slack-errors": ["Errors", "Sum", more, 0, 1, "notBreaching"],
    }


@pytest.mark.parametrize("schedule", PARAMETERS["PollSchedule"]["AllowedValues"])
def test_the_alarm_for_polls_counts_in_the_schedules_own_periods(schedule: str) -> None:
    def seconds(period: Any) -> int:
        if not isinstance(period, dict):
            return int(period)
        condition, then, otherwise = period["Fn::If"]
        left, right = TEMPLATE["Conditions"][condition]["Fn::Equals"]
        assert left == {"Ref": "PollSchedule"}
        return seconds(then if right == schedule else otherwise)

    minutes = int(re.findall("[0-9]+", schedule)[0])

    assert seconds(properties("NoGoodPollAlarm")["Period"]) == 60 * minutes
    # A gauge is measured at least once in its alarm's period.
    assert all(properties(alarm)["Period"] >= 60 * minutes for alarm in ("UndeliveredAlarm", "ParkedAlarm"))


def test_only_alarms_of_the_account_may_use_the_topic_and_a_mail_is_sent_only_to_whom_is_named() -> None:
    allow, deny = properties("AlarmTopicPolicy")["PolicyDocument"]["Statement"]

    assert (allow["Effect"], allow["Principal"]) == ("Allow", {"Service": "cloudwatch.amazonaws.com"})
    assert allow["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
    assert (deny["Effect"], deny["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
    mail = [{"Protocol": "email", "Endpoint": {"Ref": "AlarmEmail"}}]
    assert properties("AlarmTopic")["Subscription"] == {"Fn::If": ["HasAlarmEmail", mail, {"Ref": "AWS::NoValue"}]}


def test_the_dashboard_shows_metrics_and_logs_that_there_are() -> None:
    body = json.loads(properties("OperatingDashboard")["DashboardBody"]["Fn::Sub"])
    handler = (ROOT / "src/batchbell/handlers/poll.py").read_text()
    shown = [metric for each in body["widgets"] for metric in each["properties"].get("metrics", [])]
    own = [metric for metric in shown if metric[0] == "batchbell"]

    assert {name for _, name, *_ in own} == set(re.findall(r'add_metric\("(\w+)"', handler))
    assert {tuple(metric[2:4]) for metric in own} == {("service", "${AWS::StackName}")}
    assert {tuple(metric[2:4]) for metric in shown if metric not in own} == {
        ("FunctionName", "${PollFunction}"),
        ("FunctionName", "${SlackFunction}"),
    }
    assert {f"${{{alarm}.Arn}}" for alarm in ALARMS} == set(body["widgets"][0]["properties"]["alarms"])
    assert re.findall("SOURCE '([^']+)'", body["widgets"][-1]["properties"]["query"]) == ["${PollLogs}", "${SlackLogs}"]
    assert RESOURCES["OperatingDashboard"]["Condition"] == "HasDashboard"


def test_the_saved_query_reads_the_log_of_batches_by_the_names_of_its_fields() -> None:
    logging = (ROOT / "src/batchbell/poll/poller.py", ROOT / "src/batchbell/notify/delivery.py")
    source = "".join(path.read_text() for path in logging)
    fields = re.findall("^fields (.+)$", properties("BatchQuery")["QueryString"], re.MULTILINE)[0].split(", ")

    assert properties("BatchQuery")["LogGroupNames"] == [{"Ref": "PollLogs"}]
    assert [name for name in fields if name not in ("@timestamp", "message") and f'"{name}":' not in source] == []


def test_samconfig_deploys_teams_that_do_not_collide_with_parameters_that_there_are() -> None:
    config = tomllib.loads((ROOT / "samconfig.toml").read_text())
    deployments = [config[name]["deploy"]["parameters"] for name in config.keys() - {"version", "default"}]
    teams = [dict(each.split("=", 1) for each in one["parameter_overrides"]) for one in deployments]

    assert teams
    for names in ({one["stack_name"] for one in deployments}, {team["TeamName"] for team in teams}):
        assert len(names) == len(teams)
    # GitHub's role may write packages only under the stack's name.
    assert [one for one in deployments if one["s3_prefix"] != one["stack_name"]] == []
    for team in teams:
        assert [each for each in team.items() if not is_valid(each[0], each[1].strip("'"))] == []


def test_what_batchbell_knows_outlives_the_stack_and_a_mistake() -> None:
    table = RESOURCES["Table"]

    assert (table["DeletionPolicy"], table["UpdateReplacePolicy"]) == ("Retain", "Retain")
    assert properties("Table")["DeletionProtectionEnabled"] is True
    assert properties("Table")["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert properties("Table")["TimeToLiveSpecification"] == {"AttributeName": "ttl", "Enabled": True}


def test_the_api_has_two_routes_is_throttled_and_logs_no_body() -> None:
    routes = {each["Properties"]["RouteKey"] for each in RESOURCES.values() if each["Type"].endswith("::Route")}
    stage = properties("SlackStage")

    assert routes == {"POST /slack/commands", "POST /slack/interactions"}
    assert stage["DefaultRouteSettings"] == {"ThrottlingRateLimit": 10, "ThrottlingBurstLimit": 20}
    assert not re.search("body|header|querystring", stage["AccessLogSettings"]["Format"], re.IGNORECASE)
    assert properties("SlackIntegration")["PayloadFormatVersion"] == "2.0"
    assert TEMPLATE["Outputs"]["SlackRequestUrl"]["Value"]["Fn::Sub"].endswith("/slack/commands")


def test_slack_is_answered_quickly_and_the_next_tick_is_the_only_retry_of_a_failed_poll() -> None:
    assert properties("SlackFunction")["MemorySize"] >= 512
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
