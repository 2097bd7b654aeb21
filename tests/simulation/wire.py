"""What lies beneath requests, urllib and botocore: it carries calls to the simulators and the table.

It works in this process, so nothing of the bot is replaced and a call takes no real time.
"""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from email.message import Message
from functools import partial
from http.client import RemoteDisconnected
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit
from urllib.request import HTTPHandler, Request, build_opener, install_opener
from urllib.response import addinfourl

import requests
from botocore.exceptions import ClientError, ConnectTimeoutError, ReadTimeoutError
from requests.adapters import BaseAdapter
from urllib3 import HTTPResponse

from local import openai_faults, slack_faults
from local.memory_table import Item, MemoryTable, client_error, response_with
from local.slack_simulator import arguments_from
from tests.simulation.environment import Environment
from tests.simulation.faults import Calls, Fault, Result, System

_LOST = (Fault.CUT_BEFORE, Fault.CUT_AFTER, Fault.LATE, Fault.VERY_LATE)


class OpenAIWire(BaseAdapter):
    """Beneath a session of requests. The server shows at most `page_size` rows at once.

    `on_rows` is called with the rows of each good answer.
    """

    def __init__(
        self, calls: Calls, environment: Environment, page_size: int, on_rows: Callable[[list[Item]], None]
    ) -> None:
        super().__init__()
        self._calls, self._environment = calls, environment
        self._page_size, self._on_rows = page_size, on_rows

    def send(self, request: Any, *args: Any, **options: Any) -> requests.Response:
        path = request.path_url.replace("limit=100", f"limit={self._page_size}")

        def reply() -> Any:
            answer = self._environment.openai.reply_to(request.method, path, request.headers)
            is_hidden = path.rpartition("/")[2] in self._environment.hidden
            return openai_faults.error(404)(answer) if is_hidden else answer

        def fail(fault: Fault) -> Any:
            if fault is Fault.SILENT:
                self._calls.loop.pause(options["timeout"][1])
                raise requests.ReadTimeout
            if fault in _LOST:
                raise requests.ConnectionError
            return _OPENAI[fault](reply())

        what = re.sub("/files/.+/", "/files/", path)  # the ids of files are random
        answer = self._calls.call(System.OPENAI, f"{request.method} {what}", reply, fail, _openai_result)
        if answer.status == 200 and not path.endswith("/content"):
            content = json.loads(answer.body)
            self._on_rows(content.get("data", [content]))
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
    Fault.NOT_FOUND: openai_faults.error(404),
}


class SlackWire(HTTPHandler):
    """Beneath urllib, and so beneath slack_sdk."""

    handler_order = HTTPHandler.handler_order - 1

    def __init__(self, calls: Calls, environment: Environment) -> None:
        super().__init__()
        self._calls, self._environment = calls, environment
        install_opener(build_opener(self))

    def close(self) -> None:
        super().close()
        install_opener(None)  # type: ignore[arg-type]  the default is made when it is next wanted

    def http_open(self, request: Request) -> Any:
        url, slack = urlsplit(request.full_url), self._environment.slack
        method = url.path.removeprefix("/api/")
        body = request.data.decode() if isinstance(request.data, bytes) else ""
        arguments = arguments_from(request.get_header("Content-type", ""), url.query, body)
        token = str(request.get_header("Authorization", "")).removeprefix("Bearer ")
        system = System.POST if method == "chat.postMessage" else System.READ

        def reply(fault: slack_faults.Fault | None = None) -> slack_faults.Reply:
            slack.faults[method].extend([fault] if fault else [])
            answer = slack.reply_to(method, arguments, token)
            slack.faults[method].clear()  # while Slack is down it takes none, and it is not for the next call
            return answer

        def fail(fault: Fault) -> slack_faults.Reply:
            refused = slack_faults.error("not_in_channel" if system is System.POST else "missing_scope")
            answer = reply(refused if fault is Fault.REFUSED else _SLACK[fault])
            if fault is Fault.SILENT:
                self._calls.loop.pause(float(request.timeout or 10))
                raise TimeoutError
            if fault in _LOST:
                raise RemoteDisconnected
            return answer

        what = f"{method} {' '.join(ids_of(arguments.get('metadata')))}"
        answer = self._calls.call(system, what, reply, fail, _slack_result)
        for id in self._environment.unshown if system is System.READ else ():
            answer = replace(answer, body=answer.body.replace(f" {id}".encode(), b""))
        headers = Message()
        for name, value in {"Content-Type": "application/json", **answer.headers}.items():
            headers[name] = value
        response = addinfourl(BytesIO(answer.body), headers, request.full_url, answer.status)
        response.msg = "OK" if answer.status == 200 else "Not OK"  # type: ignore[attr-defined]
        return response


_SLACK = {
    Fault.SILENT: slack_faults.SILENT,
    Fault.THROTTLED: slack_faults.ratelimited("30"),
    Fault.BROKEN: slack_faults.html(502),
    Fault.CUT_BEFORE: slack_faults.DROPPED,
    Fault.CUT_AFTER: slack_faults.REPLY_LOST,
    Fault.MALFORMED: slack_faults.error("invalid_blocks"),
    Fault.FAILED_AFTER: slack_faults.error("fatal_error", takes_effect=True),
    Fault.LATE: slack_faults.lands_late(20),
    Fault.VERY_LATE: slack_faults.lands_late(200),
}


class TableWire:
    """Beneath a client of botocore, in place of its endpoint."""

    def __init__(self, calls: Calls, client: Any, table: MemoryTable) -> None:
        self._calls, self._table = calls, table
        client.meta.events.register("before-call.dynamodb", self._send)

    def _send(self, model: Any, params: Any, **_: Any) -> Any:
        operation, request = model.name, json.loads(params["body"])

        reply = partial(self._table, operation, request)

        def fail(fault: Fault) -> Item:
            if fault is Fault.CUT_BEFORE:
                raise ConnectTimeoutError(endpoint_url=operation)
            if fault is Fault.CONFLICT:
                raise _conflict(operation)
            if fault in _TABLE:
                raise client_error(_TABLE[fault], operation)
            reply()
            if fault is Fault.CUT_AFTER:
                raise ReadTimeoutError(endpoint_url=operation)
            return reply()  # Fault.TWICE: as botocore does when it lost the answer

        return response_with(self._calls.call(System.TABLE, operation, reply, fail))


_TABLE = {
    Fault.REFUSED: "AccessDeniedException",
    Fault.THROTTLED: "ThrottlingException",
    Fault.BROKEN: "InternalServerError",
}


def _conflict(operation: str) -> ClientError:
    """What DynamoDB answers where a transaction writes the same items; a read is throttled."""
    if operation == "TransactWriteItems":
        reasons = [{"Code": "TransactionConflict"}, {"Code": "None"}]
        return client_error("TransactionCanceledException", operation, CancellationReasons=reasons)
    is_write = operation in ("PutItem", "UpdateItem", "DeleteItem")
    return client_error("TransactionConflictException" if is_write else "ThrottlingException", operation)


def ids_of(metadata: Any) -> list[str]:
    """The notifications that a message announces."""
    return str((metadata or {}).get("event_payload", {}).get("ids", "")).split()


def _openai_result(reply: Any) -> Result:
    results = {200: Result.ANSWERED, 404: Result.ANSWERED, 401: Result.REFUSED, 403: Result.REFUSED}
    return results.get(reply.status, Result.FAILED)


def _slack_result(reply: Any) -> Result:
    is_ok = reply.status == 200 and json.loads(reply.body)["ok"]
    return Result.ANSWERED if is_ok else Result.REFUSED if reply.status == 200 else Result.FAILED
