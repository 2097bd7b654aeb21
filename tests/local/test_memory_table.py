"""The table in memory answers as DynamoDB does, by the requests that our table code makes."""

from contextlib import nullcontext
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from cfnlint.decode.cfn_yaml import load

from batchbell.aws.dynamodb import expression, typed
from local.aws import ROOT
from local.memory_table import INDEXES, MemoryTable
from tests.clock import Clock
from tests.tables import LocalTable


@pytest.fixture(params=["in memory", "moto"])
def client(request: pytest.FixtureRequest, table: LocalTable) -> Any:
    """A client of an empty table; moto's has the keys and indexes of the real template."""
    if request.param == "moto":
        return table.client
    client = boto3.client("dynamodb")
    MemoryTable().attach(client)
    return client


def key_of(sk: str) -> Any:
    return {"pk": {"S": "p"}, "sk": {"S": sk}}


def put(client: Any, sk: str, **values: Any) -> None:
    attributes = {name: typed(value) for name, value in values.items()}
    client.put_item(TableName=LocalTable.name, Item=key_of(sk) | attributes)


def add_records(client: Any, *numbers: int) -> None:
    for n in numbers:
        put(client, f"record{n}", kind="batch", created=f"00{n}", status="failed" if n % 2 else "completed")


def query(client: Any, condition: str = "#pk = :p", read_filter: str = "", **request: Any) -> Any:
    values = {"p": "p", "kind": "batch", "position": "003", "wanted": "failed"}
    texts = {"KeyConditionExpression": condition} | ({"FilterExpression": read_filter} if read_filter else {})
    return client.query(TableName=LocalTable.name, **expression(values, **texts), **request)


def update(client: Any, values: Any, **texts: str) -> None:
    client.update_item(TableName=LocalTable.name, Key=key_of("s"), **expression(values, **texts))


def the_item(client: Any) -> Any:
    [item] = query(client)["Items"]
    return {name: value for name, value in item.items() if name not in ("pk", "sk")}


def keys(answer: Any) -> list[str]:
    return [item["sk"]["S"] for item in answer["Items"]]


@pytest.mark.parametrize(
    ("condition", "forward", "expected"),
    [
        ("#kind = :kind", True, [1, 2, 3, 4]),
        ("#kind = :kind", False, [4, 3, 2, 1]),
        ("#kind = :kind AND #created < :position", False, [2, 1]),
        ("#kind = :kind AND #created > :position", True, [4]),
    ],
)
def test_an_index_is_read_from_either_end_and_from_a_position(
    client: Any, condition: str, forward: bool, expected: list[int]
) -> None:
    add_records(client, 3, 1, 4, 2)
    put(client, "not in the index", kind="batch")

    answer = query(client, condition, IndexName="by_creation", ScanIndexForward=forward)

    assert keys(answer) == [f"record{n}" for n in expected]


def test_a_query_stops_at_its_limit_before_it_filters_and_goes_on_from_its_last_key(client: Any) -> None:
    add_records(client, 1, 2, 3, 4, 5)
    newest_first: dict[str, Any] = {"IndexName": "by_creation", "ScanIndexForward": False, "Limit": 2}
    failed = ("#kind = :kind", "#status = :wanted")

    pages = [query(client, *failed, **newest_first)]
    while last := pages[-1].get("LastEvaluatedKey"):
        pages.append(query(client, *failed, ExclusiveStartKey=last, **newest_first))

    assert [keys(page) for page in pages][:3] == [["record5"], ["record3"], ["record1"]]


def test_an_update_sets_adds_and_removes(client: Any) -> None:
    put(client, "s", a="old", gone="x", announced={"a", "b"})
    changes = "SET #a = :new, #b = if_not_exists(#a, :new) REMOVE #gone ADD #announced :set, #fresh :set"

    update(client, {"new": "new", "set": {"c"}}, UpdateExpression=changes)

    after = {"a": "new", "b": "old", "announced": {"a", "b", "c"}, "fresh": {"c"}}
    assert the_item(client) == {name: typed(value) for name, value in after.items()}


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("contains(#announced, :a) AND NOT contains(#announced, :z)", True),
        ("contains(#announced, :z) OR #n = :one", False),
        ("attribute_exists(#announced) AND attribute_not_exists(#absent)", True),
        ("#n < :two", False),
        ("#absent <> :a", True),
        ("#absent < :a", False),
        ("(#n = :one OR #n = :two) AND contains(#announced, :a)", True),
    ],
)
def test_a_write_happens_only_if_its_condition_holds(client: Any, condition: str, holds: bool) -> None:
    put(client, "s", n=2, announced={"a", "b"})
    values = {"a": "a", "z": "z", "one": 1, "two": 2, "yes": True}

    with nullcontext() if holds else pytest.raises(ClientError, match="ConditionalCheckFailed"):
        update(client, values, UpdateExpression="SET #done = :yes", ConditionExpression=condition)

    assert ("done" in the_item(client)) is holds


def test_a_transaction_writes_all_or_nothing_and_returns_the_item_that_was_in_the_way(client: Any) -> None:
    add_records(client, 1)
    table = {"TableName": LocalTable.name}
    new = {"Put": {**table, "Item": key_of("new")}}
    delete = {**table, "Key": key_of("record1"), "ConditionExpression": "attribute_not_exists(pk)"}
    delete["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"

    with pytest.raises(ClientError) as caught:
        client.transact_write_items(TransactItems=[new, {"Delete": delete}])

    response: Any = caught.value.response
    assert [each["Code"] for each in response["CancellationReasons"]] == ["None", "ConditionalCheckFailed"]
    assert response["CancellationReasons"][1]["Item"]["status"] == {"S": "failed"}
    assert keys(query(client)) == ["record1"]


def test_an_index_lags_behind_the_table(clock: Clock, table: LocalTable) -> None:
    client = boto3.client("dynamodb")
    MemoryTable(clock, index_lag_s=2).attach(client)
    in_index: list[list[str]] = []

    for n in (1, 2):
        add_records(client, n)
        clock.at += 1
    in_index.append(keys(query(client, "#kind = :kind", IndexName="by_creation")))
    client.delete_item(TableName=LocalTable.name, Key=key_of("record1"))
    clock.at += 1
    in_index.append(keys(query(client, "#kind = :kind", IndexName="by_creation")))

    assert in_index == [["record1"], ["record1", "record2"]]
    assert keys(query(client)) == ["record2"]


def test_the_indexes_hold_what_the_template_says() -> None:
    table = load(str(ROOT / "template.yaml"))["Resources"]["Table"]["Properties"]

    held = {}
    for index in table["GlobalSecondaryIndexes"]:
        own = (key["AttributeName"] for key in index["KeySchema"])
        held[index["IndexName"]] = (*own, *index["Projection"]["NonKeyAttributes"])

    assert held == INDEXES
