"""Wires: what carries our adapters' calls to the simulators and the table, and what goes wrong on the way.

They lie beneath requests, urllib and botocore, in this process: nothing of ours is replaced, and a
call takes no real time.
"""

import json
from collections.abc import Callable
from email.message import Message
from http.client import RemoteDisconnected
from io import BytesIO
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from urllib.request import HTTPHandler, Request, build_opener, install_opener
from urllib.response import addinfourl

import requests
from botocore.exceptions import ClientError, ConnectTimeoutError, ReadTimeoutError
from requests.adapters import BaseAdapter
from urllib3 import HTTPResponse

from local import openai_faults, slack_faults
from local.memory_table import Item, client_error, request_in, response_with
from local.openai_simulator import OpenAISimulator
from local.server import Reply
from local.slack_simulator import SlackSimulator, arguments_from
from tests.proof.calls import Calls, Outcome
from tests.proof.faults import Fault, System


class OpenAIWire(BaseAdapter):
    """Beneath a session of requests. A server may show fewer rows at once than it is asked for.

    `see_rows` is called with the rows of each good answer, and the `after` that it follows.
    """

    def __init__(
        self,
        calls: Calls,
        simulator: OpenAISimulator,
        page_size: int,
        see_rows: Callable[[list[Item], str | None], None],
    ) -> None:
        super().__init__()
        self._calls = calls
        self._simulator = simulator
        self._page_size = page_size
        self._see_rows = see_rows

    def send(self, request: Any, *args: Any, **options: Any) -> requests.Response:
        path = request.path_url.replace("limit=100", f"limit={self._page_size}")

        def reply() -> Any:
            return self._simulator.reply_to(request.method, path, request.headers)

        def go_wrong(fault: Fault) -> Any:
            match fault:
                case Fault.SILENT:
                    _, read_s = options["timeout"]
                    self._calls.stage.pause(read_s)
                    raise requests.ReadTimeout
                case Fault.CUT_BEFORE | Fault.CUT_AFTER:
                    raise requests.ConnectionError
            return _OPENAI[fault](reply())

        answer = self._calls.call(System.OPENAI, f"{request.method} {path}", reply, go_wrong, _outcome)
        if answer.status == 200:
            content = json.loads(answer.body)
            after = dict(parse_qsl(urlsplit(path).query)).get("after")
            self._see_rows(content.get("data", [content]), after)
        response = requests.Response()
        response.status_code = answer.status
        response.headers.update(answer.headers)
        response.request, response.url = request, request.url
        response.raw = HTTPResponse(BytesIO(answer.body), status=answer.status, preload_content=False)
        return response

    def close(self) -> None:
        """There is nothing to close."""


_OPENAI = {
    Fault.REFUSED: openai_faults.error(401),
    Fault.THROTTLED: openai_faults.error(429, headers={"retry-after": "7"}),
    Fault.BROKEN: openai_faults.html(502),
    Fault.EMPTY: openai_faults.empty_page,
    Fault.UNKNOWN: openai_faults.error(404),
}


class SlackWire(HTTPHandler):
    """Beneath urllib, and so beneath slack_sdk."""

    handler_order = HTTPHandler.handler_order - 1

    def __init__(self, calls: Calls, simulator: SlackSimulator) -> None:
        super().__init__()
        self._calls = calls
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
            faults = self._simulator.faults[method]
            faults.extend([fault] if fault else [])
            answer = self._simulator.reply_to(method, arguments, token)
            # While Slack is down none is taken; it is not the next call's.
            faults.clear()
            return answer

        def go_wrong(fault: Fault) -> Reply:
            if fault is Fault.SILENT:
                reply(slack_faults.SILENT)
                self._calls.stage.pause(float(request.timeout or 10))
                raise TimeoutError
            refused = slack_faults.error("not_in_channel" if is_post else "missing_scope")
            return reply(refused if fault is Fault.REFUSED else _SLACK[fault])

        system = System.POST if is_post else System.READ
        answer = self._calls.call(system, f"{method}{_ids_in(arguments)}", reply, go_wrong, _slack_outcome)
        if answer.cut:
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

    def __init__(self, calls: Calls, client: Any, table: Callable[[str, Item], Item]) -> None:
        self._calls = calls
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
                    raise client_error("AccessDeniedException", operation)
                case Fault.THROTTLED:
                    raise client_error("ThrottlingException", operation)
                case Fault.BROKEN:
                    raise client_error("InternalServerError", operation)
                case Fault.CONFLICT:
                    raise _conflict(operation)
                case Fault.TWICE:  # as botocore does when it lost the answer
                    reply()
                    return reply()
                case Fault.CUT_AFTER:
                    reply()
                    raise ReadTimeoutError(endpoint_url=operation)
            raise ConnectTimeoutError(endpoint_url=operation)

        return response_with(self._calls.call(System.TABLE, operation, reply, go_wrong))


def _conflict(operation: str) -> ClientError:
    """What DynamoDB answers where a transaction is writing the same items; who only reads is told of none."""
    if operation != "TransactWriteItems":
        writes = operation.endswith("Item") and operation not in ("GetItem", "BatchGetItem")
        return client_error("TransactionConflictException" if writes else "ThrottlingException", operation)
    reasons = [{"Code": "TransactionConflict"}, {"Code": "None"}]
    return client_error("TransactionCanceledException", operation, CancellationReasons=reasons)


def _outcome(reply: Any) -> Outcome:
    if reply.status in (401, 403):
        return Outcome.REFUSED
    return Outcome.ANSWERED if reply.status < 500 and reply.status != 429 else Outcome.FAILED


def _slack_outcome(reply: Reply) -> Outcome:
    if reply.status != 200:
        return Outcome.FAILED
    return Outcome.ANSWERED if json.loads(reply.body)["ok"] else Outcome.REFUSED


def _ids_in(arguments: dict[str, Any]) -> str:
    metadata = arguments.get("metadata") or {}
    return " " + metadata.get("event_payload", {}).get("ids", "") if metadata else ""
