"""Desk: what stands on the playground's page, and what a person can do there."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from local.openai_faults import error as openai_error
from local.openai_rows import Row, counts, errors
from local.openai_simulator import OpenAISimulator
from local.playground_outbox import Owed
from local.playground_pulse import Pulse
from local.slack_faults import REPLY_LOST, html
from local.slack_history import Landed
from local.slack_person import NoAnswerError, Person
from local.slack_simulator import CHANNEL, SlackSimulator

COMMAND = "/batches"
MOST_MESSAGES = 200
MOST_ENDED = 4
_ENDED = ("completed", "failed", "expired", "cancelled")
_NEXT = {"validating": "in_progress", "in_progress": "finalizing", "finalizing": "completed"}
_CANCEL = {"cancelling": "cancelled"}
_POST = "chat.postMessage"


class Desk:
    """Everything is asked of the simulators; `pulse` tells of the bot: its ticks and its outbox."""

    def __init__(
        self, openai: OpenAISimulator, slack: SlackSimulator, person: Person, pulse: Pulse, team: str
    ) -> None:
        self._openai = openai
        self._slack = slack
        self._person = person
        self._pulse = pulse
        self._team = team
        self._deeds: dict[str, Callable[..., Any]] = {
            "type": self._type,
            "press": self._press,
            "forge": lambda: {"status": person.forge(COMMAND, "status")},
            "add": self._add,
            "move": self._move,
            "break": self._break,
            "tick": pulse.now,
            "automatic": lambda on: pulse.set_automatic(bool(on)),
        }

    def do(self, deed: str, said: Mapping[str, Any]) -> Any:
        """Do what was asked for. Raises: LookupError, TypeError or ValueError where that cannot be."""
        return self._deeds[deed](**said)

    def state(self) -> dict[str, Any]:
        """All that is shown, as JSON."""
        on_screen = [each for each in self._slack.on_screen if each.channel == CHANNEL]
        return {
            "team": self._team,
            "me": self._person.user,
            "command": COMMAND,
            "messages": [_shown(each, self._person) for each in on_screen[-MOST_MESSAGES:]],
            "batches": self._batches(),
            "outbox": [asdict(each) for each in self._named(self._pulse.owed)],
            "broken": {
                "openai": self._openai.down is not None,
                "slack": self._slack.down is not None,
                "reply": bool(self._slack.faults[_POST]),
            },
            "ticks": {"automatic": self._pulse.is_automatic, "said": list(self._pulse.said)},
        }

    def _type(self, text: str) -> None:
        """What was typed: a slash command, or words to the others."""
        command, _, rest = text.strip().partition(" ")
        if command == COMMAND:
            self._person.type(command, rest)
        elif command.startswith("/"):
            told = f"`{command}` is not a command of this channel. Try `{COMMAND}`."
            self._slack.say(told, user="USLACKBOT", only_for=self._person.user)
        elif command:
            self._slack.say(text.strip(), user=self._person.user)

    def _press(self, ts: str, block_id: str, action_id: str, option: int | None = None) -> dict[str, str]:
        try:
            self._person.press(ts, block_id, action_id, option)
        except NoAnswerError as error:
            return {"error": str(error)}
        return {}

    def _add(self, name: str, total: int) -> None:
        self._openai.add(
            "validating",
            request_counts=counts(int(total), 0, 0),
            metadata={"description": name, "team": self._team} if name else None,
        )

    def _move(self, id: str, to: str) -> None:
        row = {each["id"]: each for each in self._openai.batches}[id]
        total = row["request_counts"]["total"]
        match to:
            case "next":
                self._openai.move(id, _NEXT.get(row["status"]) or _CANCEL[row["status"]])
            case "complete":
                self._openai.move(id, "completed", request_counts=counts(total, total, 0))
            case "partly fail":
                failed = max(1, total // 50)
                self._openai.move(id, "completed", request_counts=counts(total, total - failed, failed))
            case "fail":
                self._openai.move(id, "failed", errors=errors(*_BAD_LINES))
            case "expire":
                self._openai.move(id, "expired")
            case "cancel":
                self._openai.move(id, _CANCEL.get(row["status"], "cancelling"))
            case _:
                raise ValueError(to)

    def _break(self, what: str, on: bool) -> None:
        match what:
            case "openai":
                self._openai.down = openai_error(503) if on else None
            case "slack":
                self._slack.down = html(502) if on else None
            case "reply":
                self._slack.faults[_POST].clear()
                if on:
                    self._slack.faults[_POST].append(REPLY_LOST)
            case _:
                raise ValueError(what)

    def _batches(self) -> list[dict[str, Any]]:
        """Every open batch, newest first, and the few that ended last."""
        rows = self._openai.batches
        ended = sorted((row for row in rows if row["status"] in _ENDED), key=_ended_at, reverse=True)
        return [
            {"id": row["id"], "name": _name(row), "status": row["status"], "counts": row["request_counts"]}
            for row in [*(row for row in rows if row["status"] not in _ENDED), *ended[:MOST_ENDED]]
        ]

    def _named(self, owed: tuple[Owed, ...]) -> list[Owed]:
        names = {row["id"]: _name(row) for row in self._openai.batches}
        return [each.named(names) for each in owed]


_BAD_LINES = tuple(
    {"code": "invalid_json_line", "line": line, "param": None, "message": "This line is not valid JSON."}
    for line in (3, 17, 18)
)


def _shown(message: Landed, person: Person) -> dict[str, Any]:
    return {
        "ts": message.ts,
        "at": message.at,
        "who": "batchbell" if message.bot_id else {person.user: "Ada"}.get(message.user or "", "Slackbot"),
        "is_app": message.bot_id is not None,
        "is_ephemeral": message.only_for is not None,
        "text": message.text,
        "blocks": message.blocks,
        "attachments": message.attachments,
    }


def _name(row: Row) -> str:
    return (row["metadata"] or {}).get("description") or row["id"]


def _ended_at(row: Row) -> int:
    return row[f"{row['status']}_at"] or 0
