"""Wires: what carries our adapters' calls to the simulators and the table, and what goes wrong on the way.

They lie beneath requests, urllib and botocore, in this process: nothing of ours is replaced, and a
call takes no real time.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from email.message import Message
from http.client import RemoteDisconnected
from io import BytesIO
from random import Random
from typing import Any, TypeVar
from urllib.parse import urlsplit
from urllib.request import HTTPHandler, Request, build_opener, install_opener
from urllib.response import addinfourl

import requests
from botocore.exceptions import ConnectTimeoutError, ReadTimeoutError
from requests.adapters import BaseAdapter
from urllib3 import HTTPResponse

from local import openai_faults, slack_faults
from local.memory_table import Item, answered, refusal, request_in
from local.openai_simulator import OpenAISimulator
from local.slack_faults import Reply, Sending
from local.slack_server import arguments_from
from local.slack_simulator import SlackSimulator
from tests.proof.faults import Fault, System
from tests.proof.stage import Killed, Stage

T = TypeVar("T")

Choose = Callable[[int, System, Random], Fault | None]
"""The fault of a call, by its number."""

TAKES_S = {
    System.OPENAI: (0.1, 0.6, 3),
    System.TABLE: (0.005, 0.02, 0.4),
    System.POST: (0.2, 0.8, 2),
    System.READ: (0.2, 0.8, 2),
}
SLOW_S = {System.OPENAI: 18, System.TABLE: 12, System.POST: 8, System.READ: 8}


@dataclass(frozen=True, slots=True)
class Called:
    """One call, of run number `run`, and whether it had a true and good answer."""

    at: float
    run: int
    system: System
    what: str
    fault: Fault | None
    is_answered: bool


class Wires:
    """All calls of all runs, one after the other."""

    def __init__(self, stage: Stage, seed: int, choose: Choose, say: Callable[[str], None]) -> None:
        self.stage = stage
        self.calls: list[Called] = []
        self.number = 0
        self._seed = seed
        self._choose = choose
        self._say = say

    def call(
        self,
        system: System,
        what: str,
        effect: Callable[[], T],
        go_wrong: Callable[[Fault], T],
        is_good: Callable[[T], bool] = lambda answer: True,
    ) -> T:
        """What the call answers, or raises, once it has taken its time.

        It takes effect in between; `number` is then its number.
        """
        number = len(self.calls)
        random = Random(self._seed * 1_000_003 + number)
        before_s, after_s = random.choice(TAKES_S[system]), random.choice(TAKES_S[system])
        fault = self._choose(number, system, random)
        called = Called(self.stage.now, self.stage.number, system, what, fault, is_answered=False)
        self.calls.append(called)
        if fault:
            self._say(f"call {number} ({what}) is {fault}")
        self.stage.pause(SLOW_S[system] if fault is Fault.SLOW else before_s)
        if fault is Fault.KILLED_BEFORE:
            raise Killed
        self.number = number
        is_true = fault in (None, Fault.SLOW, Fault.KILLED_AFTER)
        answer = effect() if is_true else go_wrong(fault)  # type: ignore[arg-type]
        self.stage.pause(after_s)
        if fault is Fault.KILLED_AFTER:
            raise Killed
        if is_true and is_good(answer):
            self.calls[number] = replace(called, is_answered=True)
        return answer


class OpenAIWire(BaseAdapter):
    """Beneath a session of requests. A server may show fewer rows at once than it is asked for."""

    def __init__(self, wires: Wires, simulator: OpenAISimulator, page_size: int) -> None:
        super().__init__()
        self._wires = wires
        self._simulator = simulator
        self._page_size = page_size

    def send(self, request: Any, *args: Any, **options: Any) -> requests.Response:
        path = request.path_url.replace("limit=100", f"limit={self._page_size}")

        def reply() -> Any:
            return self._simulator.reply_to(request.method, path, request.headers)

        def go_wrong(fault: Fault) -> Any:
            match fault:
                case Fault.REFUSED:
                    return openai_faults.error(401)(reply())
                case Fault.THROTTLED:
                    return openai_faults.error(429, headers={"retry-after": "7"})(reply())
                case Fault.BROKEN:
                    return openai_faults.html(502)(reply())
                case Fault.EMPTY:
                    return openai_faults.empty_page(reply())
                case Fault.SILENT:
                    _, read_s = options["timeout"]
                    self._wires.stage.pause(read_s)
                    raise requests.ReadTimeout
                case Fault.CUT_AFTER:
                    reply()
            raise requests.ConnectionError

        answer = self._wires.call(System.OPENAI, f"{request.method} {path}", reply, go_wrong)
        response = requests.Response()
        response.status_code = answer.status
        response.headers.update(answer.headers)
        response.request, response.url = request, request.url
        response.raw = HTTPResponse(BytesIO(answer.body), status=answer.status, preload_content=False)
        return response

    def close(self) -> None:
        """There is nothing to close."""


class SlackWire(HTTPHandler):
    """Beneath urllib, and so beneath slack_sdk."""

    handler_order = HTTPHandler.handler_order - 1

    def __init__(self, wires: Wires, simulator: SlackSimulator) -> None:
        super().__init__()
        self._wires = wires
        self._simulator = simulator
        install_opener(build_opener(self))

    def close(self) -> None:
        super().close()
        install_opener(None)  # type: ignore[arg-type]  the default is made when it is next wanted

    def http_open(self, request: Request) -> Any:
        url = urlsplit(request.full_url)
        method = url.path.removeprefix("/api/")
        body = request.data.decode() if isinstance(request.data, bytes) else ""
        arguments = arguments_from(request.get_header("Content-type", ""), url.query, body)
        token = str(request.get_header("Authorization", "")).removeprefix("Bearer ")
        is_post = method == "chat.postMessage"

        def reply(fault: slack_faults.Fault | None = None) -> Reply:
            if fault:
                self._simulator.faults[method].appendleft(fault)
            return self._simulator.reply_to(method, arguments, token)

        def go_wrong(fault: Fault) -> Reply:
            if fault is Fault.SILENT:
                reply(slack_faults.SILENT)
                self._wires.stage.pause(float(request.timeout or 10))
                raise TimeoutError
            refused = slack_faults.error("not_in_channel" if is_post else "missing_scope")
            return reply(refused if fault is Fault.REFUSED else _SLACK[fault])

        system = System.POST if is_post else System.READ
        answer = self._wires.call(system, f"{method}{_ids_in(arguments)}", reply, go_wrong, _is_ok)
        if answer.sending is not Sending.WHOLE:
            raise RemoteDisconnected
        headers = Message()
        for name, value in {"Content-Type": "application/json", **answer.headers}.items():
            headers[name] = value
        response = addinfourl(BytesIO(answer.body), headers, request.full_url, answer.status)
        response.msg = "OK" if answer.status == 200 else "Not OK"  # type: ignore[attr-defined]
        return response


_SLACK = {
    Fault.THROTTLED: slack_faults.ratelimited("30"),
    Fault.BROKEN: slack_faults.html(502),
    Fault.CUT_BEFORE: slack_faults.DROPPED,
    Fault.CUT_AFTER: slack_faults.REPLY_LOST,
    Fault.UNFIT: slack_faults.error("invalid_blocks"),
    Fault.FAILED_AFTER: slack_faults.error("fatal_error", takes_effect=True),
    Fault.LATE: slack_faults.lands_late(20),
    Fault.VERY_LATE: slack_faults.lands_late(200),
}


class TableWire:
    """Beneath a client of botocore, in place of its endpoint."""

    def __init__(self, wires: Wires, client: Any, table: Callable[[str, Item], Item]) -> None:
        self._wires = wires
        self._table = table
        client.meta.events.register("before-call.dynamodb", self._send)

    def _send(self, model: Any, params: Any, **_: Any) -> Any:
        operation = model.name
        request = request_in(params)

        def reply() -> Item:
            return self._table(operation, request)

        def go_wrong(fault: Fault) -> Item:
            match fault:
                case Fault.REFUSED:
                    raise refusal("AccessDeniedException", operation)
                case Fault.THROTTLED:
                    raise refusal("ThrottlingException", operation)
                case Fault.BROKEN:
                    raise refusal("InternalServerError", operation)
                case Fault.TWICE:  # as botocore does when it lost the answer
                    reply()
                    return reply()
                case Fault.CUT_AFTER:
                    reply()
                    raise ReadTimeoutError(endpoint_url=operation)
            raise ConnectTimeoutError(endpoint_url=operation)

        return answered(self._wires.call(System.TABLE, operation, reply, go_wrong))


def _is_ok(reply: Reply) -> bool:
    return reply.status == 200 and bool(json.loads(reply.body)["ok"])


def _ids_in(arguments: dict[str, Any]) -> str:
    metadata = arguments.get("metadata") or {}
    return " " + metadata.get("event_payload", {}).get("ids", "") if metadata else ""
