"""A simulator of OpenAI: List and Retrieve Batch, and the error files, over real HTTP, with faults."""

import json
import re
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import md5
from threading import RLock
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from local.openai_faults import Fault, Faults, Kind, error_body
from local.openai_rows import TERMINAL, Row, error_file, moved
from local.openai_rows import row as new_row
from local.server import Reply, Server

_HEADERS = {
    "content-type": "application/json",
    "openai-organization": "org-test",
    "openai-processing-ms": "60",
    "openai-version": "2020-10-01",
}
_FILE_PATH = re.compile(".*/files/([^/]+)/content")


class After(StrEnum):
    """How a server answers an `after` that names none of its batches.

    The last three know no `after` at all: `NEVER_KNOWN` always sends the first page, `COMPARED` the
    newest of the batches with greater hidden ids, `PROMISED` an empty page that promises more.
    """

    REFUSED = "refused"
    EMPTY_PAGE = "empty page"
    FIRST_PAGE = "first page"
    NEVER_KNOWN = "never known"
    COMPARED = "compared"
    PROMISED = "promised"


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one server differs from OpenAI: `row` rewrites a batch, `page` the answer that lists them.

    With an `api_version`, requests without it get a 404. Without `has_pages` all batches are listed
    at once. With `oldest_first` the list begins with the oldest.
    """

    name: str
    root: str = "/v1"
    key_header: str = "authorization"
    api_version: str = ""
    after: After = After.REFUSED
    has_pages: bool = True
    oldest_first: bool = False
    row: Callable[[Row], Row] = lambda row: row
    page: Callable[[Row], Any] = lambda page: page


OPENAI = Dialect("OpenAI")


@dataclass(frozen=True, slots=True)
class Change:
    """A batch that was added or changed its status: what the bot's messages are compared with."""

    at: float
    batch_id: str
    status: str
    row: Row


@dataclass(frozen=True, slots=True)
class Request:
    """A request, without its key."""

    at: float
    method: str
    path: str
    query: Mapping[str, str]

    @property
    def kind(self) -> Kind:
        if _FILE_PATH.fullmatch(self.path):
            return Kind.FILE
        _, separator, batch_id = self.path.partition("/batches")
        if batch_id.startswith("/"):
            return Kind.RETRIEVE
        if not separator or batch_id:
            return Kind.OTHER
        return Kind.NEXT_PAGE if "after" in self.query else Kind.FIRST_PAGE


class OpenAISimulator(Server):
    """The batches of one project.

    Set at any time: `dialect`; `unknown_after`; `mangle` rewrites every row sent; the list leaves
    out the ids in `unlisted` and shows the rows in `stale` for their ids; `down` is the fault of
    every request, `faults` those of the next ones, `files` those of error files, by id.
    """

    def __init__(self, *, clock: Callable[[], float] = time.time, dialect: Dialect = OPENAI) -> None:
        super().__init__(lambda sent: self.reply_to(sent.method, sent.target, sent.headers))
        self.key = "sk-test"
        self.project: str | None = "proj_test"
        self.mangle: Callable[[Row], Row] | None = None
        self.unlisted: set[str] = set()
        self.stale: dict[str, Row] = {}
        self.dialect = dialect
        self.unknown_after = dialect.after
        self.down: Fault | None = None
        self.faults = Faults()
        self.files: dict[str, Fault] = {}
        self.changes: list[Change] = []
        self.requests: list[Request] = []
        self._clock = clock
        self._rows: dict[str, Row] = {}
        self._order: list[str] | None = None
        self._lock = RLock()

    @property
    def base_url(self) -> str:
        return self.url + self.dialect.root

    @property
    def batches(self) -> list[Row]:
        """All batches, newest first; of two created in one second the one added last comes first."""
        with self._lock:
            return [_copied(row) for row in self._newest_first()]

    def add(self, row: Row | str = "in_progress", **fields: Any) -> Row:
        """Add this row, or a new one that reached this status just now; of two with one id the last stays."""
        if isinstance(row, str):
            return self._put(new_row(row, at=self._clock(), **fields))
        return self._put(row | fields)

    def move(self, batch_id: str, status: str, **fields: Any) -> Row:
        """Let a batch reach `status` now, with all that this changes."""
        with self._lock:
            return self._put(moved(self._rows[batch_id], status, at=self._clock(), **fields))

    def change(self, batch_id: str, **fields: Any) -> Row:
        """Change these fields and no others."""
        with self._lock:
            return self._put(self._rows[batch_id] | fields)

    def remove(self, batch_id: str) -> None:
        with self._lock:
            del self._rows[batch_id]
            self._order = None

    def reply_to(self, method: str, target: str, headers: Mapping[str, str]) -> Reply:
        """Return the true answer, as the faults change it; `headers` have lower-case names."""
        url = urlsplit(target)
        request = Request(self._clock(), method, url.path, dict(parse_qsl(url.query, keep_blank_values=True)))
        with self._lock:
            self.requests.append(request)
            status, content = self._answer(request, headers)
            file = _FILE_PATH.fullmatch(url.path)
            faults = (self.files.get(file[1]) if file else None, self.faults.pop(request.kind), self.down)
        project = {} if self.project is None else {"openai-project": self.project}
        sent_headers = {**_HEADERS, "x-request-id": f"req_{uuid.uuid4().hex}", **project}
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        reply = Reply(status, body, sent_headers)
        for fault in faults:
            reply = fault(reply) if fault else reply
        return reply

    def _answer(self, request: Request, headers: Mapping[str, str]) -> tuple[int, Any]:
        dialect, listing = self.dialect, f"{self.dialect.root}/batches"
        key = headers.get(dialect.key_header, "")
        if key != (self.key if dialect.key_header == "api-key" else f"Bearer {self.key}"):
            # The real message too shows the end of the key: a client must not pass it on.
            return 401, error_body(f"Incorrect API key provided: sk-***{key[-4:]}.", "invalid_api_key")
        if dialect.api_version and request.query.get("api-version") != dialect.api_version:
            return 404, {"error": {"code": "404", "message": "Resource not found"}}
        if request.method == "GET" and request.path == listing:
            status, content = self._page(request.query)
            return status, dialect.page(content) if status == 200 else content
        if request.method == "GET" and request.path.startswith(f"{listing}/"):
            return self._retrieved(unquote(request.path.removeprefix(f"{listing}/")))
        if request.method == "GET" and (found := _FILE_PATH.fullmatch(request.path)):
            return self._error_file(found[1])
        return 404, error_body(f"Invalid URL ({request.method} {request.path})", "unknown_url")

    def _retrieved(self, batch_id: str) -> tuple[int, Any]:
        if row := self._rows.get(batch_id):
            return 200, self._sent(row)
        return 404, error_body(f"No batch found with id '{batch_id}'.")

    def _error_file(self, file_id: str) -> tuple[int, Any]:
        """Return the content of an ended batch's error file."""
        for row in self._rows.values():
            if row.get("error_file_id") == file_id and row["status"] in TERMINAL:
                return 200, error_file(row)
        return 404, error_body(f"No such File object: {file_id}")

    def _page(self, query: Mapping[str, str]) -> tuple[int, Row]:
        listed: Sequence[Row] | None = self._newest_first()
        if self.unlisted or self.stale:
            listed = [self.stale.get(row["id"], row) for row in listed if row["id"] not in self.unlisted]
        listed = listed[::-1] if self.dialect.oldest_first else listed
        limit, after = query.get("limit", "20"), query.get("after")
        if not self.dialect.has_pages:
            limit, after = str(len(listed)), None
        elif not limit.isdigit() or int(limit) > 100:
            return 400, error_body(f"Invalid 'limit': '{limit}'.", "invalid_limit", "limit")
        if after is not None:
            listed = self._older_than(after, listed)
        if listed is None:
            return 400, error_body(f"No batch found with id '{after}'.", None, "after")
        shown = [self._sent(row) for row in listed[: int(limit)]]
        is_promised = after is not None and self.unknown_after is After.PROMISED
        return 200, {
            "object": "list",
            "data": shown,
            "first_id": shown[0].get("id") if shown else None,
            "last_id": shown[-1].get("id") if shown else None,
            "has_more": is_promised or len(listed) > int(limit),
        }

    def _older_than(self, after: str, listed: Sequence[Row]) -> Sequence[Row] | None:
        """Return the rows after that one; None if the server refuses the id."""
        match self.unknown_after:
            case After.NEVER_KNOWN:
                return listed
            case After.COMPARED:
                return [row for row in listed if md5(row["id"].encode()).hexdigest() > after]
            case After.PROMISED:
                return []
        for index, row in enumerate(listed):
            if row["id"] == after:
                return listed[index + 1 :]
        return {After.EMPTY_PAGE: [], After.FIRST_PAGE: listed}.get(self.unknown_after)

    def _sent(self, row: Row) -> Row:
        shown = self.dialect.row(row)
        return self.mangle(_copied(shown)) if self.mangle else shown

    def _put(self, row: Row) -> Row:
        with self._lock:
            before = self._rows.get(row["id"], {})
            if before.get("created_at") != row["created_at"]:
                self._order = None
            kept = self._rows[row["id"]] = _copied(row)  # never changed, only replaced
            if kept["status"] != before.get("status"):
                self.changes.append(Change(self._clock(), kept["id"], kept["status"], kept))
            return _copied(kept)

    def _newest_first(self) -> list[Row]:
        if self._order is None:
            self._order = sorted(self._rows, key=lambda batch_id: self._rows[batch_id]["created_at"])[::-1]
        return [self._rows[batch_id] for batch_id in self._order]


def _copied(row: Row) -> Row:
    """Return a copy, as JSON holds it; several times faster than `deepcopy`."""
    copy: Row = json.loads(json.dumps(row))
    return copy
