"""Server: HTTP on a port of 127.0.0.1, each request in a thread of its own, until it is stopped."""

import socket
from abc import ABC, abstractmethod
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any


class Server(ThreadingHTTPServer):
    """Answers until stopped; then every connection is closed, also one kept alive."""

    daemon_threads = True

    def __init__(self, handler: type["Handler"], port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), handler)
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


class Handler(BaseHTTPRequestHandler, ABC):
    """One connection, which the client may leave at any time; `answer` is what differs."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def handle(self) -> None:
        with suppress(ConnectionError):  # the client has gone, as clients do
            super().handle()

    def do_GET(self) -> None:
        self.answer()

    def do_POST(self) -> None:
        self.answer()

    @abstractmethod
    def answer(self) -> None:
        """Send the reply to one request."""

    def body(self) -> bytes:
        """What was sent along."""
        return self.rfile.read(int(self.headers.get("content-length") or 0))

    def log_message(self, *args: Any) -> None:
        """Say nothing: whoever answers keeps a log of its own."""
