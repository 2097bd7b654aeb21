"""Stack: what CloudFormation, Lambda, the scheduler and the log show of a deployment."""

import json
import math
from collections.abc import Sequence
from typing import Any

from batchbell.adapters.aws import asked, client_of
from batchbell.adapters.secret_store import SecretStore
from batchbell.domain.deployment import COMPLAINTS, RAN, Account, Function, LogLine, Schedule, Stack
from batchbell.domain.errors import PermanentError

_RUN_S = 160
"""A run of the poll function lasts 150 seconds at most."""

_LONGEST = 300

_FOUND = (
    f'$.message = "{RAN}"',
    *(f'$.level = "{level}"' for level in COMPLAINTS),
    *(f'$.record.status = "{status}"' for status in ("error", "failure", "timeout")),
    '$.errorMessage = "*"',
)
_PATTERN = f"{{ {' || '.join(f'({each})' for each in _FOUND)} }}"
"""The log is read from its oldest line on: one for each batch would keep the last run out of sight."""


class StackReader:
    """Reads what stands in the account and region of an operator's session.

    Everything raises SignInError, ForbiddenError, MissingError, PermanentError and TransientError.
    """

    def __init__(self, session: Any) -> None:
        self._session = session

    def account(self) -> Account:
        client = client_of(self._session, "sts")
        answer = asked("sts:GetCallerIdentity", client.get_caller_identity)
        return Account(answer["Account"], answer["Arn"], self.region())

    def region(self) -> str:
        return str(client_of(self._session, "cloudformation").meta.region_name)

    def stacks(self) -> Sequence[Stack]:
        pages = client_of(self._session, "cloudformation").get_paginator("describe_stacks").paginate()
        answer = asked("cloudformation:DescribeStacks", pages.build_full_result)
        return [_stack(each) for each in answer["Stacks"]]

    def function(self, name: str) -> Function:
        client = client_of(self._session, "lambda")
        call = f"lambda:GetFunctionConfiguration of {name}"
        answer = asked(call, lambda: client.get_function_configuration(FunctionName=name))
        return Function(
            name=name,
            environ=answer.get("Environment", {}).get("Variables", {}),
            log_group=answer.get("LoggingConfig", {}).get("LogGroup", f"/aws/lambda/{name}"),
            trouble=_trouble(answer),
        )

    def schedule(self, name: str) -> Schedule:
        client = client_of(self._session, "scheduler")
        answer = asked(f"scheduler:GetSchedule of {name}", lambda: client.get_schedule(Name=name))
        return Schedule(answer["State"] == "ENABLED", answer["ScheduleExpression"])

    def log(self, function: Function, since: float) -> Sequence[LogLine]:
        """The ends of its runs and its complaints since then, the oldest first."""
        pages = (
            client_of(self._session, "logs")
            .get_paginator("filter_log_events")
            .paginate(
                logGroupName=function.log_group,
                startTime=math.floor(since * 1000),
                filterPattern=_PATTERN,
            )
        )
        answer = asked(f"logs:FilterLogEvents of {function.log_group}", pages.build_full_result)
        lines = [_line(each) for each in answer.get("events", [])]
        return sorted((line for line in lines if line), key=lambda line: line.at)

    def check_table(self, name: str) -> None:
        """Raises: MissingError where there is no such table, PermanentError where it is not active."""
        client = client_of(self._session, "dynamodb")
        call = f"dynamodb:DescribeTable of {name}"
        status = asked(call, lambda: client.describe_table(TableName=name))["Table"]["TableStatus"]
        if status not in ("ACTIVE", "UPDATING"):
            raise PermanentError(f"the table {name} is {status}")

    def secret(self, name: str) -> str | None:
        """What is stored under this name in SSM; None where nothing is."""
        return SecretStore(client_of(self._session, "ssm")).read(name)

    def invoke(self, function_name: str) -> str | None:
        """Run a function to its end; why it failed, None where it did not."""
        client = client_of(self._session, "lambda", read_s=_RUN_S, tries=1)
        call = f"lambda:InvokeFunction of {function_name}"
        answer = asked(call, lambda: client.invoke(FunctionName=function_name, Payload=b"{}"))
        if "FunctionError" not in answer:
            return None
        told = _object(answer["Payload"].read())
        return str(told.get("errorType") or answer["FunctionError"])


def _stack(answer: Any) -> Stack:
    return Stack(
        name=answer["StackName"],
        status=answer["StackStatus"],
        parameters={
            each["ParameterKey"]: each.get("ParameterValue", "") for each in answer.get("Parameters", [])
        },
        outputs={each["OutputKey"]: each["OutputValue"] for each in answer.get("Outputs", [])},
    )


def _trouble(answer: Any) -> str | None:
    if answer.get("State") == "Failed":
        return f"its state is Failed {answer.get('StateReason', '')}".strip()
    if answer.get("LastUpdateStatus", "Successful") == "Failed":
        return f"its last update failed {answer.get('LastUpdateStatusReason', '')}".strip()
    return None


def _line(event: Any) -> LogLine | None:
    """A line of ours that ends a run or complains, or Lambda's that tells of an error; None for others."""
    at, told = event["timestamp"] / 1000, _object(event["message"])
    if "level" in told and "message" in told:
        reason = next((told[key] for key in ("reason", "exception_name", "errorType") if told.get(key)), "")
        line = LogLine(at, str(told["level"]), str(told["message"])[:_LONGEST], str(reason)[:_LONGEST])
        return line if line.is_complaint or line.message == RAN else None
    record = told.get("record")
    if told.get("type") == "platform.report" and isinstance(record, dict):
        status = str(record.get("status", "success"))
        return None if status == "success" else LogLine(at, "ERROR", "The function did not end well", status)
    if "errorMessage" in told or "Task timed out" in event["message"]:
        return LogLine(at, "ERROR", "The function did not end well", str(told.get("errorType", "timeout")))
    return None


def _object(text: str | bytes) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
