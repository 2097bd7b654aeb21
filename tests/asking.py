"""Asking: requests as Slack sends them, to our handler or over HTTP."""

import json
import time
from base64 import b64encode
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import ProxyHandler, Request, build_opener

from batchbell.slack.signature import signature_for
from local.slack_rules import elements_of

SECRET = "signing-secret"


def signed(body: bytes, secret: str = SECRET, at: float | None = None) -> dict[str, str]:
    """The headers of a request with this body."""
    timestamp = str(int(time.time() if at is None else at))
    signature = signature_for(secret, timestamp, body)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    return {**form, "X-Slack-Request-Timestamp": timestamp, "X-Slack-Signature": signature}


def a_command(text: str = "", **fields: str) -> bytes:
    """What a typed `/batches <text>` sends."""
    form = {"token": "legacy-token", "team_id": "T0ACME", "channel_id": "C0SEARCH", "user_id": "U0ANNA"}
    return urlencode({**form, "command": "/batches", "text": text, **fields}).encode()


def a_press(element: dict[str, Any], response_url: str, *, is_ephemeral: bool = True) -> bytes:
    """What pressing this button sends, or choosing from a menu as `chosen` says."""
    action = {key: element[key] for key in ("type", "action_id", "value", "selected_option") if key in element}
    payload = {
        "type": "block_actions",
        "user": {"id": "U0ANNA"},
        "container": {"type": "message", "is_ephemeral": is_ephemeral},
        "response_url": response_url,
        "actions": [action],
    }
    return urlencode({"payload": json.dumps(payload)}).encode()


def an_event(
    body: bytes, headers: dict[str, str], path: str = "/slack/commands", *, is_base64: bool = False
) -> dict[str, Any]:
    """The event that an HTTP API makes of a request, payload 2.0."""
    return {
        "version": "2.0",
        "routeKey": f"POST {path}",
        "rawPath": path,
        "headers": {name.lower(): value for name, value in headers.items()},
        "requestContext": {"http": {"method": "POST", "path": path}},
        "body": b64encode(body).decode() if is_base64 else body.decode(),
        "isBase64Encoded": is_base64,
    }


def posted(url: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
    """The status and the body that it is answered with."""
    try:
        with build_opener(ProxyHandler({})).open(Request(url, body, headers), timeout=30) as response:
            return response.status, response.read()
    except HTTPError as error:
        return error.code, error.read()


def element_of(message: dict[str, Any], action: str, place: int = 0) -> dict[str, Any]:
    """A message's button or menu with this action, the first if not said otherwise."""
    elements = [each for block in message["blocks"] for each in elements_of(block)]
    return [each for each in elements if each["action_id"] == action][place]


def values_of(message: dict[str, Any]) -> dict[str, str]:
    """What each button and option asks, by its label."""
    elements = [each for block in message["blocks"] for each in elements_of(block)]
    options = [option for element in elements for option in element.get("options", [element])]
    return {each["text"]["text"]: each["value"] for each in options if each.get("value", "link") != "link"}


def actions_of(message: dict[str, Any]) -> list[str]:
    """What can be pressed in the row below."""
    [row] = [block for block in message["blocks"] if block["type"] == "actions"]
    return [each["action_id"] for each in row["elements"]]


def texts_of(message: dict[str, Any]) -> list[str]:
    """The texts of a message's sections and contexts, in order."""
    found = []
    for block in message["blocks"]:
        texts = [block["text"]] if "text" in block else block.get("fields", [])
        texts = texts or [each for each in block["elements"] if block["type"] == "context"]
        found += [text["text"] for text in texts]
    return found
