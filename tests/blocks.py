"""The message of one subject, and messages taken apart."""

from typing import Any

from batchbell.models import Message, Notification, Subject
from batchbell.notify.messages import message_for
from tests.builders import ELSEWHERE, NOW, a_config


def message_of(subject: Subject, base_url: str = ELSEWHERE, now: int = NOW, **options: Any) -> Message:
    """The message; on a server without a dashboard, so that names are no links."""
    return message_for([Notification("any#id", NOW, subject)], a_config(base_url), now, **options)


def blocks(message: Message) -> list[dict[str, Any]]:
    return [block for attachment in message.content["attachments"] for block in attachment["blocks"]]


def colour(message: Message) -> str:
    [attachment] = message.content["attachments"]
    return str(attachment["color"])


def sections(message: Message) -> list[str]:
    return [block["text"]["text"] for block in blocks(message) if "text" in block]


def fields(message: Message) -> dict[str, str]:
    """The labelled values, by their labels."""
    pairs = [each["text"].split("\n", 1) for block in blocks(message) for each in block.get("fields", ())]
    return {label.strip("*"): value for label, value in pairs}


def contexts(message: Message) -> list[str]:
    return [block["elements"][0]["text"] for block in blocks(message) if block["type"] == "context"]
