"""Simulator of OpenAI: the two calls that batchbell makes, over real HTTP, with faults on demand."""

import json
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import RLock
from typing import Any, Self
from urllib.parse import parse_qsl, unquote, urlsplit

from local.openai_dialects import OPENAI, Dialect
from local.openai_faults import Fault, Faults, Kind, Reply, error_body
from local.openai_paging import listing, page
from local.openai_recording import Recording, as_ended, load
from local.openai_rows import Row, moved
from local.openai_rows import row as new_row
from local.openai_server import Server


@dataclass(frozen=True, slots=True)
class Change:
    """A batch that was born or moved: the truth that a demo judges the bot by."""

    at: float
    batch_id: str
    status: str
    row: Row


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, without its key."""

    at: float
    method: str
    path: str
    query: Mapping[str, str]

    @property
    def kind(self) -> Kind:
        _, is_of_batches, batch_id = self.path.partition("/batches")
        if batch_id.startswith("/"):
            return Kind.RETRIEVE
        if not is_of_batches or batch_id:
            return Kind.OTHER
        return Kind.NEXT_PAGE if "after" in self.query else Kind.FIRST_PAGE


class OpenAISimulator:
    """The batches of one project, as recorded answers of the real endpoint show them.

    What a server may do differently is set at any time: it speaks a `dialect`, `mangle` rewrites
    every row sent, the list leaves out the ids in `unlisted` and shows the rows in `stale` for
    their ids, `headers` are added to every reply, `unknown_after` says what an unknown `after` is
    answered, `down` goes wrong with every request, and `faults` with the next ones.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.time,
        key: str = "sk-test",
        project: str | None = "proj_test",
        port: int = 0,
        dialect: Dialect = OPENAI,
    ) -> None:
        self.key = key
        self.project = project
        self.mangle: Callable[[Row], Row] | None = None
        self.unlisted: set[str] = set()
        self.stale: dict[str, Row] = {}
        self.headers: dict[str, str] = {}
        self.dialect = dialect
        self.unknown_after = dialect.after
        self.down: Fault | None = None
        self.faults = Faults()
        self.journal: list[Change] = []
        self.requests: list[Asked] = []
        self._clock = clock
        self._rows: dict[str, Row] = {}
        self._order: list[str] | None = None
        self._lock = RLock()
        self._server = Server(self.reply_to, port)

    @classmethod
    def from_recording(
        cls, path: Path, *, clock: Callable[[], float] = time.time, **options: Any
    ) -> tuple[Self, Recording]:
        """A simulator of what was recorded, and the batches in it that can end once more.

        Raises: RecordingError, in one line.
        """
        recording = load(path, clock())
        simulator = cls(clock=clock, **options)
        shown = [open_row for open_row, _ in recording.live]
        for each in reversed((*shown, *recording.history)):
            simulator.add(each)
        return simulator, recording

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}{self.dialect.root}"

    @property
    def batches(self) -> list[Row]:
        """All batches, newest first; of two created in one second the one added last comes first."""
        with self._lock:
            return [_copied(row) for row in self._newest_first()]

    def add(self, row: Row | str = "in_progress", **fields: Any) -> Row:
        """Add this row, or a new one that came to this status just now."""
        if isinstance(row, str):
            return self._put(new_row(row, at=self._clock(), **fields))
        return self._put(row | fields)

    def move(self, batch_id: str, status: str, **fields: Any) -> Row:
        """Let a batch come to `status` now."""
        with self._lock:
            return self._put(moved(self._rows[batch_id], status, at=self._clock(), **fields))

    def change(self, batch_id: str, **fields: Any) -> Row:
        """Change these fields and no others."""
        with self._lock:
            return self._put(self._rows[batch_id] | fields)

    def end_as_recorded(self, recorded: Row) -> Row:
        """Let a batch of a recording end now, as it did then."""
        return self._put(as_ended(recorded, self._clock()))

    def remove(self, batch_id: str) -> None:
        with self._lock:
            del self._rows[batch_id]
            self._order = None

    def start(self) -> None:
        self._server.start()

    def stop(self) -> None:
        self._server.stop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def reply_to(self, method: str, target: str, headers: Mapping[str, str]) -> Reply:
        """The true answer, and what a fault makes of it."""
        url = urlsplit(target)
        query = dict(parse_qsl(url.query, keep_blank_values=True))
        asked = Asked(self._clock(), method, url.path, query)
        with self._lock:
            self.requests.append(asked)
            status, content = self._result(asked, headers)
        reply = Reply(status, json.dumps(content).encode(), self._headers())
        for fault in (self.faults.take(asked.kind), self.down):
            reply = fault(reply) if fault else reply
        return reply

    def _put(self, row: Row) -> Row:
        with self._lock:
            before = self._rows.get(row["id"], {})
            if before.get("created_at") != row["created_at"]:
                self._order = None
            kept = self._rows[row["id"]] = _copied(row)  # never changed, only replaced
            if kept["status"] != before.get("status"):
                self.journal.append(Change(self._clock(), kept["id"], kept["status"], kept))
            return _copied(kept)

    def _newest_first(self) -> list[Row]:
        if self._order is None:
            self._order = sorted(self._rows, key=lambda batch_id: self._rows[batch_id]["created_at"])[::-1]
        return [self._rows[batch_id] for batch_id in self._order]

    def _headers(self) -> dict[str, str]:
        project = {"openai-project": self.project} if self.project is not None else {}
        return {
            "content-type": "application/json",
            "openai-organization": "org-test",
            "openai-processing-ms": "60",
            "openai-version": "2020-10-01",
            "x-request-id": f"req_{uuid.uuid4().hex}",
            **project,
            **self.headers,
        }

    def _result(self, asked: Asked, headers: Mapping[str, str]) -> tuple[int, Any]:
        dialect, batches = self.dialect, f"{self.dialect.root}/batches"
        given = headers.get(dialect.key_header, "")
        if given != (self.key if dialect.key_header == "api-key" else f"Bearer {self.key}"):
            # The real message shows the end of the key too: it must not be passed on.
            return 401, error_body(f"Incorrect API key provided: sk-***{given[-4:]}.", "invalid_api_key")
        if dialect.api_version and asked.query.get("api-version") != dialect.api_version:
            return 404, {"error": {"code": "404", "message": "Resource not found"}}
        if asked.method == "GET" and asked.path == batches:
            return self._page(asked.query)
        if asked.method == "GET" and asked.path.startswith(f"{batches}/"):
            batch_id = unquote(asked.path.removeprefix(f"{batches}/"))
            if row := self._rows.get(batch_id):
                return 200, self._sent(row)
            return 404, error_body(f"No batch found with id '{batch_id}'.")
        return 404, error_body(f"Invalid URL ({asked.method} {asked.path})", "unknown_url")

    def _page(self, query: Mapping[str, str]) -> tuple[int, Any]:
        rows = self._listed()
        if self.dialect.has_pages:
            status, content = page(rows, query, self.unknown_after, self._sent)
        else:
            status, content = 200, listing([self._sent(row) for row in rows], has_more=False)
        return status, self.dialect.page(content) if status == 200 else content

    def _listed(self) -> list[Row]:
        rows = self._newest_first()
        if not self.unlisted and not self.stale:
            return rows
        return [self.stale.get(row["id"], row) for row in rows if row["id"] not in self.unlisted]

    def _sent(self, row: Row) -> Row:
        shown = self.dialect.row(row)
        return self.mangle(_copied(shown)) if self.mangle else shown


def _copied(row: Row) -> Row:
    """The row once more, as JSON holds it; several times faster than `deepcopy`."""
    copy: Row = json.loads(json.dumps(row))
    return copy
