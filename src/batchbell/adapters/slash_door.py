"""Slash door: a slash command sent to its address, as Slack sends it."""

import json
import secrets
import time
from urllib.parse import urlencode

import requests

from batchbell.adapters.slack_signature import signature_for
from batchbell.domain.diagnosis.door import DoorAnswer

_TIMEOUT_S = 15


def knock(url: str, secret: str | None) -> DoorAnswer:
    """The answer to a `status` command signed with this secret; None: with one of nobody's."""
    form = {"command": "/batches", "text": "status", "user_id": "UDOCTOR", "user_name": "doctor"}
    body = urlencode(form).encode()
    timestamp = str(int(time.time()))
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Slack-Request-Timestamp": timestamp,
        "X-Slack-Signature": signature_for(secret or secrets.token_hex(16), timestamp, body),
    }
    begun_at = time.monotonic()
    try:
        answer = requests.post(url, body, headers=headers, timeout=_TIMEOUT_S, allow_redirects=False)
    except (requests.RequestException, ValueError) as error:
        return DoorAnswer(0, trouble=type(error).__name__)
    return DoorAnswer(answer.status_code, time.monotonic() - begun_at, _text(answer))


def _text(answer: requests.Response) -> str | None:
    """What the message says that was answered; None where it is none."""
    try:
        told = json.loads(answer.content)
    except ValueError:
        return None
    text = told.get("text") if isinstance(told, dict) else None
    return text if isinstance(text, str) else None
