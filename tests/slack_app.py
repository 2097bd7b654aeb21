"""An app that the simulated Slack can ask: it lists ten numbers and pages through them."""

import json
from collections.abc import Callable
from typing import Any, Self
from urllib.parse import parse_qsl
from urllib.request import ProxyHandler, Request, build_opener

from slack_sdk.signature import SignatureVerifier

from local import server

Answering = Callable[[dict[str, str]], tuple[int, bytes]]


class SlackApp(server.Server):
    """Verifies with Slack's own library. `answering`, if set, answers the commands instead."""

    def __init__(self, signing_secret: str) -> None:
        super().__init__(_Handler)
        self.verifier = SignatureVerifier(signing_secret)
        self.answering: Answering | None = None
        self.commands: list[dict[str, str]] = []
        self.interactions: list[dict[str, Any]] = []
        self.url = f"http://127.0.0.1:{self.server_port}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def listing(first: int) -> dict[str, Any]:
    rows = [section(f"*number {n}*") for n in range(first, first + 10)]
    older = button("Older", "older", str(first + 10))
    select = {
        "type": "static_select",
        "action_id": "filter",
        "placeholder": plain("Status"),
        "options": [{"text": plain(word), "value": word} for word in ("all", "failed")],
    }
    blocks = [*rows, {"type": "actions", "elements": [older, select]}]
    return {"text": f"Numbers from {first}", "blocks": blocks}


def section(text: str, **more: Any) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}, **more}


def button(label: str, action_id: str, value: str) -> dict[str, Any]:
    return {"type": "button", "text": plain(label), "action_id": action_id, "value": value}


def plain(text: str) -> dict[str, str]:
    return {"type": "plain_text", "text": text}


def post(url: str, said: dict[str, Any]) -> bytes:
    """Answer at a response_url."""
    request = Request(url, json.dumps(said).encode(), {"Content-Type": "application/json"})
    with build_opener(ProxyHandler({})).open(request, timeout=5) as answer:
        return bytes(answer.read())


class _Handler(server.Handler):
    server: SlackApp

    def answer(self) -> None:
        body = self.body()
        form = dict(parse_qsl(body.decode()))
        if not self.server.verifier.is_valid_request(body, dict(self.headers)):
            self._send(401)
        elif self.path == "/commands":
            self.server.commands.append(form)
            whole = 200, json.dumps(listing(1)).encode()
            self._send(*(self.server.answering(form) if self.server.answering else whole))
        else:
            pressed = json.loads(form["payload"])
            self.server.interactions.append(pressed)
            if value := pressed["actions"][0].get("value"):
                post(pressed["response_url"], {"replace_original": True, **listing(int(value))})
            self._send(200)

    def _send(self, status: int, body: bytes = b"") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
