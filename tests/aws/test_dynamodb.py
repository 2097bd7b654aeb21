"""Requests of one table: all pages, all parts, and an error for what the caller must do."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from batchbell.aws.dynamodb import Item, RejectedError, Table, expression, plain, typed
from batchbell.errors import ConflictError, PermanentError, TransientError
from tests.tables import LocalTable, cut_after, cut_before, throttled

KEY = {"pk": typed("a"), "sk": typed("1")}


def opened(table: LocalTable, sleep: Callable[[float], None] = lambda seconds: None) -> Table:
    return Table(table.client, table.name, sleep)


def put(number: int, **condition: Any) -> Item:
    return {"Put": {"Item": {"pk": typed("a"), "sk": typed(str(number))}, **condition}}


def failing(code: str, *reasons: str) -> Callable[[str], Exception]:
    details = {"CancellationReasons": [{"Code": each} for each in reasons]} if reasons else {}
    return lambda operation: ClientError({"Error": {"Code": code}, **details}, operation)  # type: ignore[typeddict-unknown-key]


@pytest.mark.parametrize("parts", [1, 7, 8])
def test_keys_that_dynamodb_left_out_are_read_again_a_few_times(table: LocalTable, parts: int) -> None:
    opened(table).transact("write", [put(number) for number in range(parts + 1)])

    def leave_all_but_one(parsed: Item, **_: object) -> None:
        items = parsed["Responses"][table.name]
        if rest := [{name: item[name] for name in ("pk", "sk")} for item in items[1:]]:
            parsed["UnprocessedKeys"] = {table.name: {"Keys": rest}}
        del items[1:]

    table.client.meta.events.register("after-call.dynamodb.BatchGetItem", leave_all_but_one)
    keys = [{**KEY, "sk": typed(str(number))} for number in range(parts + 1)]

    if parts < 8:
        assert len(opened(table).get_many("read", keys)) == parts + 1
    else:
        with pytest.raises(TransientError, match="read: DynamoDB answered only a part"):
            opened(table).get_many("read", keys)


@pytest.mark.parametrize(("max_pages", "count"), [(1000, 8), (1, 2)])
def test_a_query_reads_page_after_page_and_no_more_than_allowed(table: LocalTable, max_pages: int, count: int) -> None:
    opened(table).transact("write", [put(number) for number in range(8)])
    request = expression({"pk": "a"}, KeyConditionExpression="#pk = :pk")

    items = list(opened(table).query("read", max_pages, **request, Limit=2))

    assert [plain(item)["sk"] for item in items] == [str(number) for number in range(count)]


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (cut_before, TransientError),
        (cut_after, TransientError),
        (throttled, TransientError),
        (failing("InternalServerError"), TransientError),
        (failing("TransactionCanceledException", "None", "ThrottlingError"), TransientError),
        (failing("AccessDeniedException"), PermanentError),
        (failing("ResourceNotFoundException"), PermanentError),
        (failing("ValidationException"), RejectedError),
        (failing("TransactionCanceledException", "None", "ValidationError"), RejectedError),
        (failing("TransactionCanceledException", "TransactionConflict", "None"), ConflictError),
    ],
)
def test_a_failure_is_named_by_what_the_caller_must_do(
    table: LocalTable, fault: Callable[[str], Exception], error: type[Exception]
) -> None:
    table.before = fault

    with pytest.raises(error, match="write 7: ") as raised:
        opened(table).transact("write 7", [put(7)])

    assert type(raised.value) is error


def test_a_failed_condition_is_a_conflict_that_shows_what_was_found(table: LocalTable) -> None:
    opened(table).transact("write", [put(1)])
    condition = expression({}, ConditionExpression="attribute_not_exists(#pk)")
    shown = {**condition, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}

    with pytest.raises(ConflictError) as raised:
        opened(table).transact("write", [put(1, **shown), put(2, **shown)])

    assert raised.value.found == [put(1)["Put"]["Item"], None]  # type: ignore[attr-defined]
    assert len(table.items("a")) == 1
