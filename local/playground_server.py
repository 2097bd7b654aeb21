"""Server: the playground's page, its state as it changes, and what is done on it."""

import json
from collections.abc import Callable, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from local import server
from local.slack_emoji import EMOJI

PAGE = Path(__file__).with_name("page")
LOOK_EVERY_S = 0.1
_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_SAFE = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}

State = Callable[[], Any]
Doing = Callable[[str, Mapping[str, Any]], Any]
"""What a named deed comes to; raises LookupError or ValueError for one that cannot be done."""


class Server(server.Server):
    """Serves until stopped. `state` is shown, `do` is what can be done to it."""

    def __init__(self, state: State, do: Doing, port: int = 0) -> None:
        super().__init__(_Handler, port)
        self.state = state
        self.do = do
        self.url = f"http://127.0.0.1:{self.server_port}"


class _Handler(server.Handler):
    server: Server

    def answer(self) -> None:
        sent, path = self.body(), urlsplit(self.path).path
        if not self._is_from_here():
            self._send(HTTPStatus.FORBIDDEN, b"This page is for this machine only.")
        elif self.command == "POST":
            self._do(path.removeprefix("/do/"), sent)
        elif path == "/state":
            self._stream()
        elif path == "/emoji.json":
            self._send(HTTPStatus.OK, json.dumps(EMOJI).encode(), "application/json")
        else:
            self._send_file(PAGE / (path.removeprefix("/") or "index.html"))

    def _is_from_here(self) -> bool:
        """Whether no page from elsewhere is asking: neither by a name it gave us, nor across origins."""
        port = self.server.server_port
        hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}
        origin = self.headers.get("origin")
        return self.headers.get("host") in hosts and (
            origin is None or origin.removeprefix("http://") in hosts
        )

    def _do(self, deed: str, sent: bytes) -> None:
        if self.headers.get_content_type() != "application/json":  # what a form elsewhere cannot send
            self._send(HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
            return
        try:
            came_of_it = self.server.do(deed, json.loads(sent))
        except (LookupError, ValueError, TypeError) as error:
            self._send(HTTPStatus.BAD_REQUEST, f"{deed}: {error}".encode())
        else:
            self._send(HTTPStatus.OK, json.dumps(came_of_it).encode(), "application/json")

    def _stream(self) -> None:
        """Server-sent events: the whole state, again whenever it has changed."""
        self.close_connection = True
        self._head(HTTPStatus.OK, "text/event-stream")
        shown = ""
        while not self.server.stopping.is_set():
            state = json.dumps(self.server.state())
            if state != shown:
                self.wfile.write(f"data: {state}\n\n".encode())
                shown = state
            self.server.stopping.wait(LOOK_EVERY_S)

    def _send_file(self, path: Path) -> None:
        kind = _TYPES.get(path.suffix)
        if kind is None or path.parent != PAGE or not path.is_file():
            self._send(HTTPStatus.NOT_FOUND)
        else:
            self._send(HTTPStatus.OK, path.read_bytes(), kind)

    def _send(self, status: HTTPStatus, body: bytes = b"", kind: str = "text/plain") -> None:
        self._head(status, kind, {"Content-Length": str(len(body))})
        self.wfile.write(body)

    def _head(self, status: HTTPStatus, kind: str, more: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {**_SAFE, "Content-Type": f"{kind}; charset=utf-8", **(more or {})}.items():
            self.send_header(name, value)
        self.end_headers()
