"""OpenAI and Slack around the bot: what happens to the batches, and what is disrupted for a while."""

from collections.abc import Callable
from functools import partial
from typing import Any

from local import openai_faults, slack_faults
from local.openai_rows import counts
from local.openai_simulator import OpenAISimulator
from local.slack_simulator import CHANNEL, SlackSimulator
from tests.simulation.event_loop import EventLoop
from tests.simulation.schedule import NOW, BatchLife, Disruption, Kind, Schedule


class Environment:
    """All that the bot meets except its table.

    `had` are all disruptions so far, `deleted_at` and `hidden_at` when the server first did not know a batch;
    `base_url` is the server's address, `projects` counts the projects and addresses, and `unshown` are ids that
    Slack's history leaves out.
    """

    def __init__(self, schedule: Schedule, loop: EventLoop, log: Callable[[str], None]) -> None:
        self.openai = OpenAISimulator(clock=lambda: loop.now)
        self.openai.unknown_after = schedule.unknown_after
        self.slack = SlackSimulator(clock=lambda: loop.now)
        self.had: list[Disruption] = []
        self.deleted_at: dict[str, float] = {}
        self.hidden: frozenset[str] = frozenset()
        self.hidden_at: dict[str, float] = {}
        self.unshown: set[str] = set()
        self.base_url, self.projects = self.openai.base_url, 1
        self._active: list[Disruption] = []
        self._length_s, self._loop, self._log = schedule.length_s, loop, log

    def close(self) -> None:
        self.openai.server_close()
        self.slack.server_close()

    @property
    def active(self) -> set[Kind]:
        return {each.kind for each in self._active}

    @property
    def skew_s(self) -> int:
        """How far the bot's clock is ahead."""
        return next((each.by_s for each in reversed(self._active) if each.kind is Kind.CLOCK), 0)

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The batches that the server knows now."""
        return [row for row in self.openai._rows.values() if row["id"] not in self.hidden]

    @property
    def second(self) -> int:
        return int(self._loop.now) - NOW

    def at(self, second: float, act: Callable[[], object], line: str = "") -> None:
        """Let this happen then, and log it."""
        self._loop.at(NOW + second, lambda: (line and self._log(line), act()))

    def add(self, life: BatchLife) -> None:
        """Let all happen that happens to a batch."""
        id, ends_at = life.id, min(life.deleted_at or self._length_s + 1, self._length_s + 1)
        late = f", and listed {life.late_s} s later" if life.late_s else ""
        events: list[Any] = [(life.created_at, partial(self._create, life), f"{id} is created{late}")]
        events += [(at, partial(self.openai.move, id, status)) for at, status in life.steps]
        if life.ended_at is not None:
            events.append((life.ended_at, partial(self._end, life), f"{id} ends: {life.outcome}"))
        for event in [each for each in events if each[0] < ends_at]:
            self.at(*event)
        if life.late_s:
            self.at(life.created_at + life.late_s, lambda: self.openai.unlisted.discard(id))
        if life.deleted_at is not None and life.deleted_at > life.created_at:
            self.at(life.deleted_at, lambda: self.delete(id))

    def disrupt(self, disruption: Disruption) -> None:
        def begin() -> None:
            self.had.append(disruption)
            self._apply([*self._active, disruption])

        def end() -> None:
            self._apply([each for each in self._active if each is not disruption])

        self.at(disruption.at, begin, f"{disruption.kind} ({disruption.by_s} s)")
        self.at(disruption.at + disruption.for_s, end, f"no more: {disruption.kind}")

    def repair(self) -> None:
        """End every disruption."""
        self._apply([])

    def delete(self, batch_id: str) -> None:
        self.openai.remove(batch_id)
        self.deleted_at[batch_id] = self._loop.now
        self._log(f"{batch_id} is deleted")

    def hide(self, *batch_ids: str) -> None:
        """Let the server know nothing of these batches, and of no others."""
        self.openai.unlisted = (self.openai.unlisted - self.hidden) | set(batch_ids)
        self.hidden = frozenset(batch_ids)
        self.hidden_at = dict.fromkeys(batch_ids, self._loop.now) | self.hidden_at
        self._log(f"the server hides these batches: {', '.join(batch_ids)}")

    def switch_project(self, project: str, *hidden: str) -> None:
        """Let the key belong to another project, in which the `hidden` batches do not exist."""
        self.projects += 1
        self.openai.project = project
        self.hide(*hidden)

    def move_server(self, base_url: str) -> None:
        """Let the server have another address, which the next process of the bot knows."""
        self.projects += 1
        self.base_url = base_url

    def show(self, batch_id: str, row: dict[str, Any], after_s: int, for_s: int) -> None:
        """Let the list show this row for a while, whatever is true."""
        at, line = self.second + after_s, f"the list shows {batch_id} as {row['status']} for {for_s} s"
        self.at(at, lambda: self.openai.stale.update({batch_id: row}), line)
        self.at(at + for_s, lambda: self.openai.stale.pop(batch_id, None))

    def _create(self, life: BatchLife) -> None:
        if life.late_s:
            self.openai.unlisted.add(life.id)
        self.openai.add("validating", id=life.id, created_at=int(self._loop.now))

    def _end(self, life: BatchLife) -> None:
        before = self.openai._rows[life.id]
        ended = self.openai.move(life.id, life.outcome.status, **life.outcome.fields)
        if life.countless_s and life.outcome.status == "completed":
            countless = ended | {"request_counts": counts(0, 0, 0), "error_file_id": None}
            self.show(life.id, countless, 0, life.countless_s)
        if life.stale_after_s is not None:
            self.show(life.id, before, life.stale_after_s, 60)

    def _apply(self, disruptions: list[Disruption]) -> None:
        """Let the simulators do what these disruptions say, which are active from now on."""
        self._active = disruptions
        active, openai, slack = self.active, self.openai, self.slack
        openai.down = openai_faults.error(503) if Kind.OPENAI_DOWN in active else None
        openai.down = openai_faults.error(401) if Kind.KEY_REFUSED in active else openai.down
        slack.down = slack_faults.html(502) if Kind.SLACK_DOWN in active else None
        slack.down = slack_faults.ratelimited("40") if Kind.SLACK_BUSY in active else slack.down
        slack.channels[CHANNEL] = "not_in_channel" if Kind.CHANNEL_REFUSED in active else None
        slack.scopes = {"chat:write"} if Kind.NO_HISTORY in active else {"chat:write", "channels:history"}
