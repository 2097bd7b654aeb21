"""An app that the simulated Slack can ask: it lists ten numbers and pages through them, or tells about one."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl
from urllib.request import ProxyHandler, build_opener
from urllib.request import Request as HTTPRequest

from slack_sdk.signature import SignatureVerifier

from local.server import Reply, Request, Server


class SlackApp(Server):
    """Verifies with Slack's own library. `answering`, if set, answers the commands instead.

    `status` is that of the answer to a press.
    """

    def __init__(self, signing_secret: str) -> None:
        super().__init__(self._reply)
        self.answering: Callable[[dict[str, str]], tuple[int, bytes]] | None = None
        self.status = 200
        self.commands: list[dict[str, str]] = []
        self.interactions: list[dict[str, Any]] = []
        self._verifier = SignatureVerifier(signing_secret)

    def _reply(self, request: Request) -> Reply:
        form = dict(parse_qsl(request.body.decode()))
        if not self._verifier.is_valid_request(request.body, dict(request.headers)):
            return Reply(401)
        if request.target == "/commands":
            self.commands.append(form)
            return Reply(*self.answering(form)) if self.answering else Reply(body=json.dumps(listing(1)).encode())
        pressed = json.loads(form["payload"])
        self.interactions.append(pressed)
        action = pressed["actions"][0]
        if value := action.get("value"):
            post(pressed["response_url"], {"replace_original": True, **listing(int(value))})
        elif action["type"] == "overflow":
            only = {"replace_original": False, "response_type": "ephemeral"}
            post(pressed["response_url"], {**only, "text": f"About {action['selected_option']['value']}"})
        return Reply(self.status)


def listing(first: int) -> dict[str, Any]:
    rows = [section(f"*number {n}*") for n in range(first, first + 10)]
    older = button("Older", "older", str(first + 10))
    select = static_select("Status", *({"text": plain(word), "value": word} for word in ("all", "failed")))
    blocks = [*rows, {"type": "actions", "elements": [older, select]}]
    return {"text": f"Numbers from {first}", "blocks": blocks}


def section(text: str, **more: Any) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}, **more}


def button(label: str, action_id: str, value: str) -> dict[str, Any]:
    return {"type": "button", "text": plain(label), "action_id": action_id, "value": value}


def static_select(placeholder: str, *options: dict[str, Any]) -> dict[str, Any]:
    return {"type": "static_select", "action_id": "filter", "placeholder": plain(placeholder), "options": list(options)}


def overflow(*options: dict[str, Any]) -> dict[str, Any]:
    return {"type": "overflow", "action_id": "more", "options": list(options)}


def plain(text: str) -> dict[str, str]:
    return {"type": "plain_text", "text": text}


def post(url: str, said: dict[str, Any]) -> bytes:
    """Answer at a response_url."""
    request = HTTPRequest(url, json.dumps(said).encode(), {"Content-Type": "application/json"})
    with build_opener(ProxyHandler({})).open(request, timeout=5) as answer:
        return bytes(answer.read())
