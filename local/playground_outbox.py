"""Outbox: what the deployed bot still owes to Slack, read from its table without its help."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class Owed:
    """A notification that is not settled: `pending`, `in doubt` or `parked`, and why."""

    id: str
    state: str
    why: str = ""

    def named(self, names: Mapping[str, str]) -> "Owed":
        """The same, with a batch's name for its id."""
        batch_id, _, status = self.id.partition("#")
        return replace(self, id=f"{names.get(batch_id, batch_id)} · {status}" if status else self.id)


def read(client: Any, table_name: str) -> tuple[Owed, ...]:
    """All of the outbox, by the DynamoDB client."""
    pages = client.get_paginator("query").paginate(
        TableName=table_name,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": "outbox"}},
    )
    return tuple(owed for page in pages for item in page["Items"] for owed in _owed(item))


def _owed(item: Mapping[str, Any]) -> list[Owed]:
    body = json.loads(item["body"]["S"]) if "body" in item else {}
    kind = item["sk"]["S"].split("#")[0]
    if kind == "notification":
        return [Owed(body["id"], "pending")]
    if kind == "message":
        state, why = _state(body)
        return [Owed(each["id"], state, why) for each in body["notifications"]]
    return []


def _state(message: Mapping[str, Any]) -> tuple[str, str]:
    if message.get("parked"):
        return "parked", message["parked"]
    if message.get("unresolved_since") is not None:
        return "in doubt", "Slack's answer is not known; the channel's history is looked at"
    return "pending", "Slack refused it for now"
