"""The meter counts units as DynamoDB's developer guide does."""

from typing import Any

import boto3
import pytest

from bench.meter import Meter, size
from local.memory_table import Item, MemoryTable

OPEN_RECORD = {"kind": "batch", "created": "001", "open_in": "here", "status": "in_progress"}


@pytest.fixture
def client() -> Any:
    return boto3.client("dynamodb")


@pytest.fixture
def meter(client: Any) -> Meter:
    """The meter of this client, whose table is in memory and empty."""
    table = MemoryTable()
    table.attach(client)
    return Meter(client.meta.events, table.item_at)


def put(client: Any, **values: str) -> None:
    item = {name: {"S": value} for name, value in {"pk": "p", "sk": "s", **values}.items()}
    client.put_item(TableName="t", Item=item)


@pytest.mark.parametrize(
    ("item", "bytes_"),
    [
        ({}, 0),
        ({"pk": {"S": "ab"}}, 4),
        ({"n": {"N": "-12.5"}}, 4),
        ({"é": {"S": "é"}}, 4),
        ({"s": {"SS": ["ab", "c"]}}, 4),
        ({"l": {"L": [{"S": "ab"}, {"M": {"k": {"BOOL": True}}}]}}, 4 + 3 + 1 + 3 + 1 + 1 + 1),
    ],
)
def test_an_item_is_as_large_as_dynamodb_says(item: Item, bytes_: int) -> None:
    assert size(item) == bytes_


def test_a_query_of_an_index_reads_only_what_the_index_holds(client: Any, meter: Meter) -> None:
    put(client, body="x" * 10_000, **OPEN_RECORD)
    condition = {"KeyConditionExpression": "open_in = :s", "ExpressionAttributeValues": {":s": {"S": "here"}}}

    client.query(TableName="t", IndexName="open", **condition)

    assert meter.read_units == 0.5


@pytest.mark.parametrize(
    ("changed", "units"),
    [
        ({"body": "new"}, 1),
        ({"body": "x" * 1500}, 2),
        ({"status": "finalizing"}, 1 + 2),
        ({"counts": "9 8 1"}, 1 + 1),
        ({"created": "002"}, 1 + 4),
    ],
)
def test_a_write_costs_a_unit_more_for_each_index_entry_that_changes(
    client: Any, meter: Meter, changed: dict[str, str], units: int
) -> None:
    put(client, body="old", **OPEN_RECORD)
    meter.clear()

    put(client, **{"body": "old", **OPEN_RECORD, **changed})

    assert meter.write_units == units
