"""OpenAI and Slack around the bot: what happens to the batches, and what is disrupted for a while."""

from collections.abc import Callable
from typing import Any

from local import openai_faults, slack_faults
from local.openai_rows import counts
from local.openai_simulator import Change, OpenAISimulator
from local.slack_simulator import CHANNEL, SlackSimulator
from tests.simulation.event_loop import EventLoop
from tests.simulation.schedule import NOW, BatchLife, Disruption, Kind, Schedule


class Environment:
    """All that the bot meets except its table.

    `had` are all disruptions so far, `deleted_at` and `hidden_at` when the server first did not know a batch;
    `base_url` is the server's address; `projects` counts the projects and addresses, and `unshown` are ids that Slack's history leaves out.
    """

    def __init__(
        self,
        schedule: Schedule,
        loop: EventLoop,
        log: Callable[[str], None],
    ) -> None:
        self.openai = OpenAISimulator(clock=lambda: loop.now)
        self.openai.unknown_after = schedule.unknown_after
        self.slack = SlackSimulator(clock=lambda: loop.now)
        self.had: list[Disruption] = []
        self.deleted_at: dict[str, float] = {}
        self.hidden: frozenset[str] = frozenset()
        self.hidden_at: dict[str, float] = {}
        self.unshown: set[str] = set()
        self.base_url = self.openai.base_url
        self.projects = 1
        self._active: list[Disruption] = []
        self._length_s = schedule.length_s
        self._loop = loop
        self._log = log

    def close(self) -> None:
        for server in (self.openai._server, self.slack._server):
            server.server_close()

    @property
    def active(self) -> set[Kind]:
        return {each.kind for each in self._active}

    @property
    def skew_s(self) -> int:
        """How far the bot's clock is ahead."""
        return next((each.by_s for each in reversed(self._active) if each.kind is Kind.CLOCK), 0)

    @property
    def changes(self) -> list[Change]:
        return self.openai.journal

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The batches that the server knows now."""
        return [row for row in self.openai._rows.values() if row["id"] not in self.hidden]

    def at(self, second: float, act: Callable[[], object]) -> None:
        self._loop.at(NOW + second, act)

    def add(self, life: BatchLife) -> None:
        """Let all happen that happens to a batch."""
        for at, status in life.steps:
            self._during(life, at, lambda status=status: self.openai.move(life.id, status))  # type: ignore[misc]
        self._during(life, life.created_at, lambda: self._create(life))
        if life.late_s:
            self.at(life.created_at + life.late_s, lambda: self.openai.unlisted.discard(life.id))
        if life.ended_at is not None:
            self._during(life, life.ended_at, lambda: self._end(life))
        if life.deleted_at is not None and life.deleted_at > life.created_at:
            self.at(life.deleted_at, lambda: self.delete(life.id))

    def disrupt(self, disruption: Disruption) -> None:
        def begin() -> None:
            by = f" by {disruption.by_s} s" if disruption.kind is Kind.CLOCK else ""
            self._log(f"{disruption.kind}{by}")
            self._active.append(disruption)
            self.had.append(disruption)
            self._apply()

        def end() -> None:
            if disruption in self._active:
                self._log(f"no more: {disruption.kind}")
                self._active.remove(disruption)
                self._apply()

        self.at(disruption.at, begin)
        self.at(disruption.at + disruption.for_s, end)

    def repair(self) -> None:
        """End every disruption."""
        self._active.clear()
        self._apply()

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
        self._log(f"the key is now of {project}")
        self.hide(*hidden)

    def show(self, batch_id: str, row: dict[str, Any], after_s: int, for_s: int) -> None:
        """Let the list show this row for a while, whatever is true."""
        second = self._loop.now - NOW + after_s

        def begin() -> None:
            self._log(f"the list shows {batch_id} as {row['status']} for {for_s} s")
            self.openai.stale[batch_id] = row

        self.at(second, begin)
        self.at(second + for_s, lambda: self.openai.stale.pop(batch_id, None))

    def _during(self, life: BatchLife, at: int, act: Callable[[], object]) -> None:
        if at <= self._length_s and at < (life.deleted_at or at + 1):
            self.at(at, act)

    def _create(self, life: BatchLife) -> None:
        if life.late_s:
            self.openai.unlisted.add(life.id)
        self.openai.add("validating", id=life.id, created_at=int(self._loop.now))
        self._log(f"{life.id} is created{f', and listed {life.late_s} s later' if life.late_s else ''}")

    def _end(self, life: BatchLife) -> None:
        before = next(row for row in self.openai.batches if row["id"] == life.id)
        ended = self.openai.move(life.id, life.outcome.status, **life.outcome.fields)
        self._log(f"{life.id} ends: {life.outcome}")
        if life.countless_s and life.outcome.status == "completed":
            countless = ended | {"request_counts": counts(0, 0, 0), "error_file_id": None}
            self.show(life.id, countless, 0, life.countless_s)
        if life.stale_after_s is not None:
            self.show(life.id, before, life.stale_after_s, 60)

    def delete(self, batch_id: str) -> None:
        self.openai.remove(batch_id)
        self.deleted_at[batch_id] = self._loop.now
        self._log(f"{batch_id} is deleted")

    def _apply(self) -> None:
        """Let the simulators do what the active disruptions say."""
        active, openai, slack = self.active, self.openai, self.slack
        openai.down = openai_faults.error(503) if Kind.OPENAI_DOWN in active else None
        openai.down = openai_faults.error(401) if Kind.KEY_REFUSED in active else openai.down
        slack.down = slack_faults.html(502) if Kind.SLACK_DOWN in active else None
        slack.down = slack_faults.ratelimited("40") if Kind.SLACK_BUSY in active else slack.down
        slack.channels[CHANNEL] = "not_in_channel" if Kind.CHANNEL_REFUSED in active else None
        slack.scopes = {"chat:write"} if Kind.NO_HISTORY in active else {"chat:write", "channels:history"}
