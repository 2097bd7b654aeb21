"""Server: Slack's Web API over HTTP, replies sent whole, late, cut or never."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from local import server
from local.slack_faults import Reply, Sending

Answering = Callable[[str, dict[str, Any], str], Reply]
"""The reply to a method, its arguments and a token."""


class Server(server.Server):
    """Answers until stopped."""

    def __init__(self, answering: Answering, port: int = 0) -> None:
        super().__init__(_Handler, port)
        self.answering = answering


class _Handler(server.Handler):
    server: Server

    def answer(self) -> None:
        query = urlsplit(self.path).query
        arguments = arguments_from(self.headers.get("content-type", ""), query, self.body().decode())
        token = self.headers.get("authorization", "").removeprefix("Bearer ") or arguments.pop("token", "")
        method = urlsplit(self.path).path.removeprefix("/api/")
        reply = self.server.answering(method, arguments, token)
        self._send(reply)

    def _send(self, reply: Reply) -> None:
        if reply.sending is Sending.NEVER:
            self.server.stopping.wait()
        self.server.stopping.wait(reply.delay_s)
        self.close_connection = True
        if reply.sending is not Sending.WHOLE:
            return
        self.send_response(reply.status)
        for name, value in {"Content-Type": "application/json; charset=utf-8", **reply.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body)


def arguments_from(content_type: str, query: str, body: str) -> dict[str, Any]:
    """JSON or a form, whichever was sent; a form's structures are JSON within it."""
    if "json" in content_type and body:
        return dict(json.loads(body))
    form = dict(parse_qsl(query) + parse_qsl(body))
    structures = {key: json.loads(form[key]) for key in ("attachments", "blocks", "metadata") if key in form}
    return form | structures
