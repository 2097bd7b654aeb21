"""Server: HTTP on a free port of 127.0.0.1, sending replies whole, slowly or cut."""

import socket
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

from local.openai_faults import Cut, Reply

Answering = Callable[[str, str, str | None], Reply]
"""The reply to a method, a path with its query, and an `Authorization`."""


class Server(ThreadingHTTPServer):
    """Answers until stopped; then every connection is closed, also one kept alive."""

    daemon_threads = True

    def __init__(self, answering: Answering, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.answering = answering
        self.stopping = Event()
        self._connections: set[socket.socket] = set()
        self._thread = Thread(target=self.serve_forever, args=(0.01,), daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
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
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def handle(self) -> None:
        with suppress(ConnectionError):  # the client has gone, as clients do
            super().handle()

    def do_GET(self) -> None:
        reply = self.server.answering(self.command, self.path, self.headers.get("authorization"))
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
        """Say nothing: the simulator keeps its own log."""
