"""Stack: which one is meant, and what AWS's answers say of it."""

import pytest

from batchbell.domain.deployment import Function, LogLine, Schedule, Stack, chosen
from batchbell.domain.diagnosis.stack import (
    function_finding,
    last_run_finding,
    rate_s,
    schedule_finding,
    stack_finding,
)
from batchbell.domain.errors import MissingError, PermanentError
from tests.builders import NOW

RAN = LogLine(NOW - 30, "INFO", "Ran")
OURS, THEIRS = (
    Stack("bell", parameters={"TeamName": "search"}),
    Stack("other", parameters={"TeamName": "ads"}),
)


def test_the_stack_is_the_one_with_the_teams_name() -> None:
    assert chosen([THEIRS, Stack("foreign"), OURS], "search", None, "eu-west-1") == OURS


def test_none_found_is_said_with_those_there_are() -> None:
    with pytest.raises(MissingError) as error:
        chosen([THEIRS, Stack("foreign")], "search", None, "eu-west-1")

    assert str(error.value) == (
        "no stack in eu-west-1 has TeamName=search; those found: other (TeamName=ads)"
    )


def test_of_two_that_match_one_must_be_named() -> None:
    twin = Stack("twin", parameters={"TeamName": "search"})

    with pytest.raises(PermanentError, match="choose one by --stack: bell, twin"):
        chosen([OURS, twin], "search", None, "eu-west-1")

    assert chosen([OURS, twin], "search", "twin", "eu-west-1") == twin


def test_a_stack_without_the_output_is_not_batchbells() -> None:
    with pytest.raises(MissingError, match="the stack bell has no output TableName"):
        OURS.output("TableName")


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ("CREATE_COMPLETE", None),
        ("UPDATE_COMPLETE", None),
        ("UPDATE_IN_PROGRESS", "aws.stack_changing"),
        ("ROLLBACK_COMPLETE", "aws.stack_not_deployed"),
        ("UPDATE_ROLLBACK_COMPLETE", "aws.stack_not_deployed"),
    ],
)
def test_a_stack_that_is_not_deployed_is_named(status: str, code: str | None) -> None:
    assert stack_finding(Stack("bell", status)).code == code


def test_a_function_that_cannot_run_and_a_disabled_schedule_are_named() -> None:
    broken = Function("bell-poll", {}, "/log", trouble="its state is Failed")

    assert function_finding(broken).code == "poll.function_broken"
    assert schedule_finding(Schedule(is_enabled=False, expression="rate(1 minute)"), "bell-poll").code == (
        "poll.schedule_disabled"
    )


@pytest.mark.parametrize(
    ("expression", "seconds"),
    [("rate(1 minute)", 60), ("rate(5 minutes)", 300), ("rate(2 hours)", 7200), ("cron(0 * * * ? *)", 60)],
)
def test_the_rate_is_read_from_the_schedule(expression: str, seconds: int) -> None:
    assert rate_s(expression) == seconds


def test_only_the_last_run_is_judged() -> None:
    refused = LogLine(NOW - 90, "WARNING", "The poll ended early", "List Batches answered 401")

    assert last_run_finding([refused, RAN, RAN], None, NOW).code is None
    assert last_run_finding([RAN, refused, RAN], None, NOW).says == (
        "It ran 30 s ago and said: The poll ended early: List Batches answered 401"
    )
    assert last_run_finding([RAN, refused], None, NOW).code == "poll.last_run_complained"


def test_a_function_that_never_ran_is_named() -> None:
    disabled = Schedule(is_enabled=False, expression="rate(1 minute)")

    assert last_run_finding([], None, NOW).code == "poll.does_not_run"
    assert last_run_finding([], disabled, NOW).advice == "Enable the schedule."
