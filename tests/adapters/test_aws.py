"""AWS: its errors in our words, and what a stack's parts look like."""

import json
from typing import Any

import boto3
import pytest
from botocore import exceptions as botocore
from botocore.stub import ANY, Stubber

from batchbell.adapters.aws import asked, session_of
from batchbell.adapters.stack import StackReader
from batchbell.domain.deployment import Function, LogLine, Schedule, Stack
from batchbell.domain.errors import (
    BatchbellError,
    ForbiddenError,
    MissingError,
    PermanentError,
    SignInError,
    TransientError,
)


class Session:
    """A session whose clients answer what they are told to."""

    def __init__(self) -> None:
        self.clients: dict[str, Any] = {}

    def stub(self, service: str) -> Stubber:
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        client = self.clients.setdefault(service, boto3.client(service, region_name="eu-west-1", **keys))
        stubber = Stubber(client)
        stubber.activate()
        return stubber

    def client(self, service: str, **_: object) -> Any:
        return self.clients[service]


@pytest.fixture
def session() -> Session:
    return Session()


def refusal(code: str) -> Exception:
    return botocore.ClientError({"Error": {"Code": code, "Message": "with details"}}, "GetThing")


@pytest.mark.parametrize(
    ("error", "ours"),
    [
        (refusal("ExpiredToken"), SignInError),
        (refusal("AccessDeniedException"), ForbiddenError),
        (refusal("ResourceNotFoundException"), MissingError),
        (refusal("ThrottlingException"), TransientError),
        (refusal("ValidationError"), PermanentError),
        (botocore.NoCredentialsError(), SignInError),
        (botocore.NoRegionError(), SignInError),
        (botocore.EndpointConnectionError(endpoint_url="https://sts"), TransientError),
    ],
)
def test_each_failure_says_what_to_do(error: Exception, ours: type[BatchbellError]) -> None:
    def fail() -> None:
        raise error

    with pytest.raises(BatchbellError, match="^get a thing: ") as translated:
        asked("get a thing", fail)

    assert type(translated.value) is ours
    assert "with details" not in str(translated.value)


def test_the_region_is_that_of_the_environment() -> None:
    assert session_of({"AWS_REGION": "eu-central-1"}).region_name == "eu-central-1"


def test_stacks_are_read_with_their_parameters_and_outputs(session: Session) -> None:
    answer = {
        "StackName": "bell",
        "StackStatus": "CREATE_COMPLETE",
        "CreationTime": "2026-01-01T00:00:00Z",
        "Parameters": [{"ParameterKey": "TeamName", "ParameterValue": "search"}],
        "Outputs": [{"OutputKey": "TableName", "OutputValue": "bell-table"}],
    }
    bare = {"StackName": "bare", "StackStatus": "ROLLBACK_COMPLETE", "CreationTime": "2026-01-01T00:00:00Z"}
    stub = session.stub("cloudformation")
    stub.add_response("describe_stacks", {"Stacks": [answer], "NextToken": "more"})
    stub.add_response("describe_stacks", {"Stacks": [bare]})

    stacks = StackReader(session).stacks()

    assert stacks == [
        Stack("bell", parameters={"TeamName": "search"}, outputs={"TableName": "bell-table"}),
        Stack("bare", "ROLLBACK_COMPLETE"),
    ]


def test_a_function_tells_what_it_is_told_and_why_it_cannot_run(session: Session) -> None:
    stub = session.stub("lambda")
    well = {"Environment": {"Variables": {"TEAM_NAME": "search"}}, "LoggingConfig": {"LogGroup": "/logs"}}
    stub.add_response("get_function_configuration", well)
    stub.add_response("get_function_configuration", {"State": "Failed", "StateReason": "no image"})
    stub.add_response("get_function_configuration", {"LastUpdateStatus": "Failed"})
    reader = StackReader(session)

    found = [reader.function("bell-poll") for _ in range(3)]

    assert found == [
        Function("bell-poll", {"TEAM_NAME": "search"}, "/logs"),
        Function("bell-poll", {}, "/aws/lambda/bell-poll", "its state is Failed no image"),
        Function("bell-poll", {}, "/aws/lambda/bell-poll", "its last update failed"),
    ]


def test_a_schedule_is_read(session: Session) -> None:
    answer = {"State": "DISABLED", "ScheduleExpression": "rate(1 minute)"}
    session.stub("scheduler").add_response("get_schedule", answer)

    assert StackReader(session).schedule("bell-poll") == Schedule(
        is_enabled=False, expression="rate(1 minute)"
    )


def test_the_log_is_read_for_what_the_bot_and_lambda_say(session: Session) -> None:
    lines = [
        {"level": "INFO", "message": "Ran", "poll": {}},
        {"type": "platform.report", "record": {"status": "success"}},
        {"level": "WARNING", "message": "The poll ended early", "reason": "401"},
        {"type": "platform.report", "record": {"status": "timeout"}},
        {"level": "ERROR", "message": "boom", "errorType": "KeyError"},
        {"_aws": {}},
    ]
    messages = ["START RequestId: 1", *map(json.dumps, lines)]
    events = [{"timestamp": 1000 * n, "message": message} for n, message in enumerate(messages)]
    session.stub("logs").add_response("filter_log_events", {"events": events[::-1]})

    assert StackReader(session).log(Function("f", {}, "/logs"), since=0.0) == [
        LogLine(1, "INFO", "Ran"),
        LogLine(3, "WARNING", "The poll ended early", "401"),
        LogLine(4, "ERROR", "The function did not end well", "timeout"),
        LogLine(5, "ERROR", "boom", "KeyError"),
    ]


def test_of_a_log_however_long_the_last_run_is_read(session: Session) -> None:
    def events(count: int, **told: str) -> list[dict[str, Any]]:
        return [{"timestamp": 1000, "message": json.dumps(told)}] * count

    stub = session.stub("logs")
    asked_for = {"logGroupName": "/logs", "startTime": 0, "filterPattern": ANY}
    noise = events(10_000, level="INFO", message="Recorded")
    stub.add_response("filter_log_events", {"events": noise, "nextToken": "more"}, asked_for)
    stub.add_response(
        "filter_log_events",
        {"events": events(1, level="ERROR", message="Step failed"), "nextToken": "more still"},
        {**asked_for, "nextToken": "more"},
    )
    stub.add_response(
        "filter_log_events",
        {"events": events(1, level="INFO", message="Ran")},
        {**asked_for, "nextToken": "more still"},
    )

    assert StackReader(session).log(Function("f", {}, "/logs"), since=0.0) == [
        LogLine(1, "ERROR", "Step failed"),
        LogLine(1, "INFO", "Ran"),
    ]


def test_only_what_can_end_or_spoil_a_run_is_asked_of_the_log(session: Session) -> None:
    wanted = (
        '{ ($.message = "Ran") || ($.level = "WARNING") || ($.level = "ERROR") || ($.level = "CRITICAL")'
        ' || ($.record.status = "error") || ($.record.status = "failure") || ($.record.status = "timeout")'
        ' || ($.errorMessage = "*") }'
    )
    request = {"logGroupName": "/logs", "startTime": 0, "filterPattern": wanted}
    session.stub("logs").add_response("filter_log_events", {"events": []}, request)

    assert StackReader(session).log(Function("f", {}, "/logs"), since=0.0) == []


def test_a_table_that_is_being_made_is_not_ready(session: Session) -> None:
    stub = session.stub("dynamodb")
    stub.add_response("describe_table", {"Table": {"TableStatus": "ACTIVE"}})
    stub.add_response("describe_table", {"Table": {"TableStatus": "CREATING"}})
    reader = StackReader(session)

    reader.check_table("bell-table")
    with pytest.raises(PermanentError, match="the table bell-table is CREATING"):
        reader.check_table("bell-table")
