"""Server: OpenAI's API over HTTP, replies sent whole, slowly or cut."""

from collections.abc import Callable, Mapping

from local import server
from local.openai_faults import Cut, Reply

Answering = Callable[[str, str, Mapping[str, str]], Reply]
"""The reply to a method, a path with its query, and headers, by their names in lower case."""


class Server(server.Server):
    """Answers until stopped."""

    def __init__(self, answering: Answering, port: int = 0) -> None:
        super().__init__(_Handler, port)
        self.answering = answering


class _Handler(server.Handler):
    server: Server

    def answer(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        reply = self.server.answering(self.command, self.path, headers)
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
