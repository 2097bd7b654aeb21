"""The playground's page: what it shows, what a person can do there, and the server that it comes from."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from local.openai_faults import error as openai_error
from local.openai_rows import TERMINAL, Row, bad_lines, counts
from local.openai_simulator import OpenAISimulator
from local.server import Reply, Request, Server
from local.slack_faults import REPLY_LOST, html
from local.slack_rules import EMOJI
from local.slack_simulator import CHANNEL, Message, NoAnswerError, Person, SlackSimulator

if TYPE_CHECKING:
    from local.playground import Bot

COMMAND = "/batches"
MOST_MESSAGES = 200
MOST_ENDED = 4
FILES = Path(__file__).with_name("page")
_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}
_NEXT = {"validating": "in_progress", "in_progress": "finalizing", "finalizing": "completed", "cancelling": "cancelled"}


class Page:
    """The simulators and the bot, as the page shows them and as its buttons change them."""

    def __init__(self, openai: OpenAISimulator, slack: SlackSimulator, person: Person, bot: "Bot", team: str) -> None:
        self._openai, self._slack, self._person, self._bot = openai, slack, person, bot
        self._team = team
        self._lost_replies = slack.faults["chat.postMessage"]

    def act(self, action: str, arguments: Mapping[str, Any]) -> Any:
        """Do what a button says. Raises: LookupError, TypeError or ValueError if that is impossible."""
        actions: dict[str, Callable[..., Any]] = {
            "type": self._type,
            "press": self._press,
            "forge": lambda: {"status": self._person.forge(COMMAND, "status")},
            "add": self._add,
            "move": self._move,
            "break": self._break,
            "tick": self._bot.tick_now,
            "automatic": lambda on: setattr(self._bot, "is_automatic", bool(on)),
        }
        return actions[action](**arguments)

    def state(self) -> dict[str, Any]:
        """Return all that is shown, as JSON."""
        on_screen = [each for each in self._slack.on_screen if each.channel == CHANNEL]
        rows = self._openai.batches
        names = {row["id"]: (row["metadata"] or {}).get("description") or row["id"] for row in rows}
        faults = {"openai": self._openai.down, "slack": self._slack.down, "reply": self._lost_replies}
        open_rows = [row for row in rows if row["status"] not in TERMINAL]
        ended = sorted((row for row in rows if row["status"] in TERMINAL), key=_ended_at, reverse=True)
        return {
            "team": self._team,
            "command": COMMAND,
            "messages": [self._message(each) for each in on_screen[-MOST_MESSAGES:]],
            "batches": [_batch(row, names) for row in [*open_rows, *ended[:MOST_ENDED]]],
            "outbox": [asdict(each) | {"id": _named(each.id, names)} for each in self._bot.outbox],
            "broken": {name: bool(fault) for name, fault in faults.items()},
            "bot": {"automatic": self._bot.is_automatic, "log": list(self._bot.log)},
        }

    def _message(self, message: Message) -> dict[str, Any]:
        person = "Ada" if message.user == self._person.user else "Slackbot"
        return {
            "ts": message.ts,
            "at": message.at,
            "who": "batchbell" if message.bot_id else person,
            "is_app": message.bot_id is not None,
            "is_ephemeral": message.only_for is not None,
            "text": message.text,
            "blocks": message.blocks,
        }

    def _type(self, text: str) -> None:
        """Type a slash command, or a message to the others."""
        command, _, rest = text.strip().partition(" ")
        if command == COMMAND:
            self._person.type(command, rest)
        elif command.startswith("/"):
            answer = f"`{command}` is not a command of this channel. Try `{COMMAND}`."
            self._slack.say(answer, user="USLACKBOT", only_for=self._person.user)
        elif command:
            self._slack.say(text.strip(), user=self._person.user)

    def _press(self, ts: str, block_id: str, action_id: str, option: int | None = None) -> dict[str, str]:
        try:
            self._person.press(ts, block_id, action_id, option)
        except NoAnswerError as error:
            return {"error": str(error)}
        return {}

    def _add(self, name: str, total: int) -> None:
        metadata = {"description": name, "team": self._team} if name else None
        self._openai.add("validating", request_counts=counts(int(total), 0, 0), metadata=metadata)

    def _move(self, id: str, to: str) -> None:
        row = {each["id"]: each for each in self._openai.batches}[id]
        total = row["request_counts"]["total"]
        failed = max(1, total // 50)
        status, fields = {
            "next": (_NEXT.get(row["status"]), {}),
            "complete": ("completed", {"request_counts": counts(total, total, 0)}),
            "partly fail": ("completed", {"request_counts": counts(total, total - failed, failed)}),
            "fail": ("failed", {"errors": bad_lines(3, 17, 18)}),
            "expire": ("expired", {}),
            "cancel": ("cancelled" if row["status"] == "cancelling" else "cancelling", {}),
        }[to]
        self._openai.move(id, status or row["status"], **fields)

    def _break(self, what: str, on: bool) -> None:
        match what:
            case "openai":
                self._openai.down = openai_error(503) if on else None
            case "slack":
                self._slack.down = html(502) if on else None
            case "reply":
                self._lost_replies.clear()
                self._lost_replies.extend([REPLY_LOST] if on else [])
            case _:
                raise ValueError(what)


class PageServer(Server):
    """Serves the page to this machine only: its files, its state, and what its buttons do."""

    def __init__(self, page: Page, port: int = 0) -> None:
        super().__init__(self._reply, port)
        self._page = page

    def _reply(self, request: Request) -> Reply:
        path = urlsplit(request.target).path
        file = FILES / (path.removeprefix("/") or "index.html")
        if not self._is_from_here(request.headers):
            return _reply(HTTPStatus.FORBIDDEN, b"This page is for this machine only.")
        if request.method == "POST":
            return self._acted(path.removeprefix("/do/"), request)
        if path == "/state":
            return _json(self._page.state())
        if path == "/emoji.json":
            return _json(EMOJI)
        if file.suffix in _TYPES and file.parent == FILES and file.is_file():
            return _reply(HTTPStatus.OK, file.read_bytes(), _TYPES[file.suffix])
        return _reply(HTTPStatus.NOT_FOUND)

    def _is_from_here(self, headers: Mapping[str, str]) -> bool:
        """Return whether our own page asks: neither another name for this server nor another origin."""
        hosts = {f"127.0.0.1:{self.server_port}", f"localhost:{self.server_port}"}
        origin = headers.get("origin")
        return headers.get("host") in hosts and (origin is None or origin.removeprefix("http://") in hosts)

    def _acted(self, action: str, request: Request) -> Reply:
        if request.headers.get("content-type") != "application/json":  # a form of another page cannot send it
            return _reply(HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
        try:
            return _json(self._page.act(action, json.loads(request.body)))
        except (LookupError, ValueError, TypeError) as error:
            return _reply(HTTPStatus.BAD_REQUEST, f"{action}: {error}".encode())


def _json(content: Any) -> Reply:
    return _reply(HTTPStatus.OK, json.dumps(content).encode(), "application/json")


def _reply(status: HTTPStatus, body: bytes = b"", kind: str = "text/plain") -> Reply:
    return Reply(status, body, {**_HEADERS, "Content-Type": f"{kind}; charset=utf-8"})


def _batch(row: Row, names: Mapping[str, str]) -> dict[str, Any]:
    counted = {"status": row["status"], "counts": row["request_counts"]}
    return {"id": row["id"], "name": names[row["id"]], **counted}


def _named(notification_id: str, names: Mapping[str, str]) -> str:
    """Return the id with the batch's name in place of its id."""
    batch_id, separator, status = notification_id.partition("#")
    return f"{names.get(batch_id, batch_id)} · {status}" if separator else notification_id


def _ended_at(row: Row) -> int:
    return row[f"{row['status']}_at"] or 0
