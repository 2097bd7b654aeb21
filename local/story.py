"""Story: a team's day with its batches, in a hundred seconds."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from local.openai_faults import error as openai_error
from local.openai_rows import Row, counts, errors
from local.openai_simulator import OpenAISimulator
from local.slack_faults import REPLY_LOST, html
from local.slack_simulator import SlackSimulator

HOUR_S = 3600
SHARDS = 12


@dataclass(frozen=True, slots=True)
class Scene:
    """What happens `at_s` seconds into the day; told only if there is something to tell."""

    at_s: float
    play: Callable[[], object]
    told: str = ""


class Day:
    """What is there when the team installs batchbell, and all that happens then."""

    def __init__(self, openai: OpenAISimulator, slack: SlackSimulator, now: float) -> None:
        self._openai = openai
        self._slack = slack
        self._now = int(now)
        for age in range(1, 13):
            at = self._now - 2 * HOUR_S * age
            self._add(
                "completed", f"Nightly embeddings, {age} runs ago", created_at=at, completed_at=at + 900
            )
        self._nightly = self._add("in_progress", "Nightly embeddings", total=500, age_s=3.2 * HOUR_S)
        self._tickets = self._add("in_progress", "Summaries of tickets", total=10_000, age_s=23.99 * HOUR_S)
        self._tags = self._add("in_progress", "Product tags", total=800, age_s=HOUR_S)
        self._moderation = self._add("in_progress", "Moderation backlog", total=1000, age_s=2 * HOUR_S)
        self._evals = self._add("finalizing", "Evals of the new prompt", total=64, age_s=600)

    def scenes(self) -> Iterator[Scene]:
        """The day, in order."""
        openai, slack = self._openai, self._slack
        shards = [f"Catalogue, part {number} of {SHARDS}" for number in range(1, SHARDS + 1)]
        rows: list[Row] = []
        yield Scene(1, lambda: rows.extend(self._add("validating", name) for name in shards))
        yield Scene(3, lambda: self._complete(self._nightly, 500, 0))
        yield Scene(5, lambda: [openai.move(row["id"], "in_progress") for row in rows])
        yield Scene(6, lambda: self._complete(self._moderation, 997, 3))
        yield Scene(
            9, lambda: self._fail_at_once("Weekly report"), "a batch is born and fails between two polls"
        )
        yield Scene(12, lambda: openai.move(self._tags["id"], "cancelling"))
        yield Scene(14, lambda: self._born_complete("Translations into Finnish", counts(40, 0, 40)))
        yield Scene(17, lambda: self._end(self._tickets, "expired", counts(10_000, 7412, 9)))
        yield Scene(20, lambda: self._born_complete("Backfill of an empty day", counts(0, 0, 0)))
        yield Scene(23, lambda: self._end(self._tags, "cancelled", counts(800, 312, 0)))
        yield Scene(26, lambda: self._born_complete("Captions", None))
        yield Scene(30, lambda: self._break_openai(503), "OpenAI answers 503 from now on")
        yield Scene(34, lambda: self._complete(self._evals, 64, 0), "meanwhile two batches end")
        yield Scene(35, lambda: self._fail_at_once("Invoices of March"))
        yield Scene(44, lambda: self._break_openai(None), "OpenAI works again")
        yield Scene(50, lambda: [openai.move(row["id"], "finalizing") for row in rows])
        yield Scene(54, lambda: self._finish_all(rows), f"{SHARDS} batches end at once")
        yield Scene(
            62,
            lambda: slack.faults["chat.postMessage"].append(REPLY_LOST),
            "Slack takes the next message and loses the reply",
        )
        yield Scene(63, lambda: self._born_complete("Titles", counts(250, 250, 0)))
        yield Scene(70, lambda: self._break_slack(broken=True), "Slack answers 502 from now on")
        yield Scene(72, lambda: self._born_complete("Alt texts", counts(90, 88, 2)))
        yield Scene(82, lambda: self._break_slack(broken=False), "Slack works again")
        yield Scene(84, lambda: self._born_complete("Weekly digest", counts(7, 7, 0)))

    def _add(self, status: str, name: str, *, total: int = 100, age_s: float = 0, **fields: Any) -> Row:
        created = {"created_at": int(self._now - age_s)} if age_s else {}
        done = {"in_progress": total // 3, "finalizing": total, "completed": total}.get(status, 0)
        known = {
            "request_counts": counts(total, done, 0),
            "metadata": {"description": name, "team": "search"},
        }
        return self._openai.add(status, **{**known, **created, **fields})

    def _end(self, row: Row, status: str, counted: Row | None) -> None:
        self._openai.move(row["id"], status, request_counts=counted)

    def _complete(self, row: Row, completed: int, failed: int) -> None:
        self._end(row, "completed", counts(completed + failed, completed, failed))

    def _born_complete(self, name: str, counted: Row | None) -> None:
        """A batch that was created after the last poll, by OpenAI's clock a little earlier."""
        row = self._add("in_progress", name, created_at=int(time.time()) - 45)
        self._end(row, "completed", counted)

    def _fail_at_once(self, name: str) -> None:
        lines = [
            {
                "code": "invalid_json_line",
                "line": line,
                "param": None,
                "message": "This line is not valid JSON.",
            }
            for line in (3, 17, 18, 40)
        ]
        row = self._add("validating", name)
        self._openai.move(row["id"], "failed", errors=errors(*lines))

    def _finish_all(self, rows: list[Row]) -> None:
        for row in rows[2:]:
            self._complete(row, 100, 0)
        self._complete(rows[0], 96, 4)
        self._openai.move(rows[1]["id"], "failed")

    def _break_openai(self, status: int | None) -> None:
        self._openai.down = openai_error(status) if status else None

    def _break_slack(self, *, broken: bool) -> None:
        self._slack.down = html(502) if broken else None
