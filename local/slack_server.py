"""Server: Slack's Web API over HTTP on a port of 127.0.0.1, replies sent whole, late, cut or never."""

import json
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from local.slack_faults import Reply, Sending

Answering = Callable[[str, dict[str, Any], str], Reply]
"""The reply to a method, its arguments and a token."""


class Server(ThreadingHTTPServer):
    """Answers until stopped."""

    daemon_threads = True

    def __init__(self, answering: Answering, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.answering = answering
        self.stopping = Event()
        self._thread = Thread(target=self.serve_forever, args=(0.01,), daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self.stopping.set()
        self.shutdown()
        self._thread.join()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_POST(self) -> None:
        arguments = self._arguments()
        token = self.headers.get("authorization", "").removeprefix("Bearer ") or arguments.pop("token", "")
        method = urlsplit(self.path).path.removeprefix("/api/")
        reply = self.server.answering(method, arguments, token)
        with suppress(ConnectionError):  # the caller has gone, as callers do
            self._send(reply)

    do_GET = do_POST

    def _arguments(self) -> dict[str, Any]:
        """JSON or a form, whichever was sent; a form's structures are JSON within it."""
        body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
        if "json" in self.headers.get("content-type", "") and body:
            return dict(json.loads(body))
        form = dict(parse_qsl(urlsplit(self.path).query) + parse_qsl(body))
        structures = {
            key: json.loads(form[key]) for key in ("attachments", "blocks", "metadata") if key in form
        }
        return form | structures

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

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the simulator keeps its own log."""
