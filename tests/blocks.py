"""The message of one subject, and messages taken apart."""

from typing import Any

from batchbell.models import Message, Notification, Subject
from batchbell.notify.messages import message_for
from tests.builders import ELSEWHERE, NOW, a_config


def message_of(subject: Subject, base_url: str = ELSEWHERE, now: int = NOW, **options: Any) -> Message:
    """The message of one subject; on a server without a dashboard, so that names are no links."""
    return message_for([Notification("any#id", NOW, subject)], a_config(base_url), now, **options)


def blocks(message: Message) -> list[dict[str, Any]]:
    return list(message.content.get("blocks", ()))


def sections(message: Message) -> list[str]:
    return [block["text"]["text"] for block in blocks(message) if block["type"] == "section"]


def contexts(message: Message) -> list[str]:
    return [block["elements"][0]["text"] for block in blocks(message) if block["type"] == "context"]


def controls(message: Message) -> list[dict[str, Any]]:
    """The buttons, and the choices of the menus."""
    rows = [block["elements"] for block in blocks(message) if block["type"] == "actions"]
    menus = [block["accessory"]["options"] for block in blocks(message) if "accessory" in block]
    return [each for row in (*rows, *menus) for each in row]
