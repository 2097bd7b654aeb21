"""An HTTP server on 127.0.0.1: a function gives the reply to each request, and the reply says how it is sent."""

import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any, Self


class Cut(StrEnum):
    """Where the connection is dropped."""

    BEFORE_HEAD = "before head"
    WITHIN_BODY = "within body"


@dataclass(frozen=True, slots=True)
class Request:
    """What a client sent; header names are in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Reply:
    """What is sent: after `delay_s`, with a pause of `pause_s` before each byte of the body."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_s: float = 0
    pause_s: float = 0
    cut: Cut | None = None


class Server(ThreadingHTTPServer):
    """Answers, each request in its own thread, until the `with` block ends; then closes every connection."""

    daemon_threads = True

    def __init__(self, reply_to: Callable[[Request], Reply], port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.answer = reply_to
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.stopping = Event()
        self._connections: set[socket.socket] = set()
        self._thread = Thread(target=self.serve_forever, args=(0.01,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self.shutdown()
        self._thread.join()
        for connection in tuple(self._connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self.server_close()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def handle(self) -> None:
        with suppress(ConnectionError):  # the client has closed its end
            super().handle()

    def do_GET(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        sent = self.rfile.read(int(headers.get("content-length", 0)))
        reply = self.server.answer(Request(self.command, self.path, headers, sent))
        if self.server.stopping.wait(reply.delay_s) or reply.cut is Cut.BEFORE_HEAD:
            self.close_connection = True
            return
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if "transfer-encoding" not in reply.headers:
            self.send_header("content-length", str(len(reply.body)))
        self.end_headers()
        self._send_body(reply)

    do_POST = do_GET

    def _send_body(self, reply: Reply) -> None:
        body = reply.body
        if reply.cut is Cut.WITHIN_BODY:
            body = body[: len(body) // 2]
            self.close_connection = True
        step = 1 if reply.pause_s else max(1, len(body))
        for start in range(0, len(body), step):
            if reply.pause_s and self.server.stopping.wait(reply.pause_s):
                break
            self.wfile.write(body[start : start + step])

    def log_message(self, *args: Any) -> None:
        """Print nothing: the simulators keep the requests."""
