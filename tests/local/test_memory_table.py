"""The table in memory answers as DynamoDB does, by the requests that our table code makes."""

from contextlib import nullcontext
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from cfnlint.decode.cfn_yaml import load

from local.aws import ROOT
from local.memory_table import INDEXES, MemoryTable
from tests.clock import Clock
from tests.tables import LocalTable

NAMES = {"#s": "status"}


@pytest.fixture(params=["in memory", "moto"])
def client(request: pytest.FixtureRequest, table: LocalTable) -> Any:
    """A client of an empty table; moto's has the keys and indexes of the real template."""
    if request.param == "moto":
        return table.client
    client = boto3.client("dynamodb")
    MemoryTable().attach(client)
    return client


def put(client: Any, sk: str, **attributes: Any) -> None:
    item = {"pk": {"S": "p"}, "sk": {"S": sk}, **attributes}
    client.put_item(TableName=LocalTable.name, Item=item)


def add_records(client: Any, *numbers: int) -> None:
    for n in numbers:
        fields = {"kind": "batch", "created": f"00{n}", "status": "failed" if n % 2 else "completed"}
        put(client, f"record{n}", **{name: {"S": value} for name, value in fields.items()})


def query(client: Any, condition: str = "pk = :pk", **request: Any) -> Any:
    values = {f":{name}": {"S": value} for name, value in request.pop("values", {"pk": "p"}).items()}
    return client.query(
        TableName=LocalTable.name,
        KeyConditionExpression=condition,
        ExpressionAttributeValues=values,
        **request,
    )


def update(client: Any, expression: str, condition: str | None = None, **values: Any) -> None:
    more = {"ConditionExpression": condition} if condition else {}
    client.update_item(
        TableName=LocalTable.name,
        Key={"pk": {"S": "p"}, "sk": {"S": "s"}},
        UpdateExpression=expression,
        ExpressionAttributeValues={f":{name}": value for name, value in values.items()},
        **more,
    )


def the_item(client: Any) -> Any:
    [item] = query(client)["Items"]
    return {name: value for name, value in item.items() if name not in ("pk", "sk")}


def keys(answer: Any) -> list[str]:
    return [item["sk"]["S"] for item in answer["Items"]]


@pytest.mark.parametrize(
    ("condition", "forward", "expected"),
    [
        ("kind = :kind", True, [1, 2, 3, 4]),
        ("kind = :kind", False, [4, 3, 2, 1]),
        ("kind = :kind AND created < :position", False, [2, 1]),
        ("kind = :kind AND created > :position", True, [4]),
    ],
)
def test_an_index_is_read_from_either_end_and_from_a_position(
    client: Any, condition: str, forward: bool, expected: list[int]
) -> None:
    add_records(client, 3, 1, 4, 2)
    put(client, "not in the index", kind={"S": "batch"})
    values = {"kind": "batch"} | ({"position": "003"} if "position" in condition else {})

    answer = query(client, condition, IndexName="by_creation", ScanIndexForward=forward, values=values)

    assert keys(answer) == [f"record{n}" for n in expected]


def test_a_query_stops_at_its_limit_before_it_filters_and_goes_on_from_its_last_key(client: Any) -> None:
    add_records(client, 1, 2, 3, 4, 5)
    request: dict[str, Any] = {"IndexName": "by_creation", "ScanIndexForward": False, "Limit": 2}
    request |= {"FilterExpression": "#s = :wanted", "ExpressionAttributeNames": NAMES}
    values = {"kind": "batch", "wanted": "failed"}

    pages = [query(client, "kind = :kind", values=values, **request)]
    while last := pages[-1].get("LastEvaluatedKey"):
        pages.append(query(client, "kind = :kind", values=values, ExclusiveStartKey=last, **request))

    assert [keys(page) for page in pages][:3] == [["record5"], ["record3"], ["record1"]]


def test_an_update_sets_adds_and_removes(client: Any) -> None:
    put(client, "s", a={"S": "old"}, gone={"S": "x"}, announced={"SS": ["a", "b"]})

    update(
        client,
        "SET a = :new, b = if_not_exists(a, :new) REMOVE gone ADD announced :set, fresh :set",
        new={"S": "new"},
        set={"SS": ["c"]},
    )

    assert the_item(client) == {
        "a": {"S": "new"},
        "b": {"S": "old"},
        "announced": {"SS": ["a", "b", "c"]},
        "fresh": {"SS": ["c"]},
    }


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("contains(announced, :a) AND NOT contains(announced, :z)", True),
        ("contains(announced, :z) OR n = :one", False),
        ("attribute_exists(announced) AND attribute_not_exists(absent)", True),
        ("n < :two", False),
        ("absent <> :a", True),
        ("absent < :a", False),
        ("(n = :one OR n = :two) AND contains(announced, :a)", True),
    ],
)
def test_a_write_happens_only_if_its_condition_holds(client: Any, condition: str, holds: bool) -> None:
    put(client, "s", n={"N": "2"}, announced={"SS": ["a", "b"]})
    known = {"a": {"S": "a"}, "z": {"S": "z"}, "one": {"N": "1"}, "two": {"N": "2"}}
    values = {name: value for name, value in known.items() if f":{name}" in condition}

    with nullcontext() if holds else pytest.raises(ClientError, match="ConditionalCheckFailed"):
        update(client, "SET done = :yes", condition, yes={"BOOL": True}, **values)

    assert ("done" in the_item(client)) is holds


def test_a_transaction_writes_all_or_nothing_and_returns_the_item_that_was_in_the_way(client: Any) -> None:
    add_records(client, 1)
    key = {"pk": {"S": "p"}, "sk": {"S": "record1"}}
    new = {"Put": {"TableName": LocalTable.name, "Item": {"pk": {"S": "p"}, "sk": {"S": "new"}}}}
    check = {
        "TableName": LocalTable.name,
        "Key": key,
        "ConditionExpression": "attribute_not_exists(pk)",
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }

    with pytest.raises(ClientError) as caught:
        client.transact_write_items(TransactItems=[new, {"ConditionCheck": check}])

    response: Any = caught.value.response
    assert [each["Code"] for each in response["CancellationReasons"]] == ["None", "ConditionalCheckFailed"]
    assert response["CancellationReasons"][1]["Item"]["status"] == {"S": "failed"}
    assert keys(query(client)) == ["record1"]


def test_an_index_lags_behind_the_table(clock: Clock, table: LocalTable) -> None:
    client = boto3.client("dynamodb")
    MemoryTable(clock, index_lag_s=2).attach(client)
    by_creation: dict[str, Any] = {"IndexName": "by_creation", "values": {"kind": "batch"}}

    add_records(client, 1)
    clock.at += 1
    add_records(client, 2)
    clock.at += 1
    after_2_s = keys(query(client, "kind = :kind", **by_creation))
    client.delete_item(TableName=LocalTable.name, Key={"pk": {"S": "p"}, "sk": {"S": "record1"}})
    clock.at += 1
    after_3_s = keys(query(client, "kind = :kind", **by_creation))

    assert (after_2_s, after_3_s) == (["record1"], ["record1", "record2"])
    assert keys(query(client)) == ["record2"]


def test_the_indexes_hold_what_the_template_says() -> None:
    table = load(str(ROOT / "template.yaml"))["Resources"]["Table"]["Properties"]

    held = {
        index["IndexName"]: [
            *(key["AttributeName"] for key in index["KeySchema"]),
            *index["Projection"]["NonKeyAttributes"],
        ]
        for index in table["GlobalSecondaryIndexes"]
    }

    assert {name: list(fields) for name, fields in INDEXES.items()} == held
