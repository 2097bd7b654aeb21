"""Surroundings: OpenAI and Slack, what becomes of the batches, and what is amiss for a while."""

from collections.abc import Callable

from local import openai_faults, slack_faults
from local.memory_table import Item
from local.openai_rows import counts
from local.openai_simulator import OpenAISimulator
from local.slack_simulator import CHANNEL, Landed, SlackSimulator
from tests.builders import NOW
from tests.proof.stage import Stage
from tests.proof.story import Kind, Life, Story, Upset

Say = Callable[[str], None]


class Surroundings:
    """All that the bot meets but its table; it happens on the stage, in seconds of the story.

    `had` is all that was ever amiss, `removed_at` when the server forgot a batch.
    """

    def __init__(self, story: Story, stage: Stage, say: Say, see_post: Callable[[Landed], None]) -> None:
        self.openai = OpenAISimulator(clock=lambda: stage.now)
        self.openai.unknown_after = story.unknown_after
        self.slack = SlackSimulator(clock=lambda: stage.now, on_message=see_post)
        self._length_s = story.length_s
        self._stage = stage
        self._say = say
        self._upsets: list[Upset] = []
        self.had: list[Upset] = []
        self.removed_at: dict[str, float] = {}

    def close(self) -> None:
        for server in (self.openai._server, self.slack._server):
            server.server_close()

    @property
    def amiss(self) -> set[Kind]:
        return {upset.kind for upset in self._upsets}

    @property
    def skew_s(self) -> int:
        """How far the bot's clock is ahead."""
        return next((upset.by_s for upset in reversed(self._upsets) if upset.kind is Kind.CLOCK), 0)

    def let_live(self, life: Life) -> None:
        """Let all happen that happens to a batch."""
        for at, status in life.steps:
            self._during(life, at, lambda status=status: self.openai.move(life.id, status))  # type: ignore[misc]
        self._during(life, life.born_at, lambda: self._bear(life))
        self.at(life.born_at + life.late_s, lambda: self.openai.unlisted.discard(life.id))
        if life.ended_at is not None:
            self._during(life, life.ended_at, lambda: self._end(life))
        if life.removed_at is not None and life.removed_at > life.born_at:
            self.at(life.removed_at, lambda: self._remove(life))

    def let_be_amiss(self, upset: Upset) -> None:
        """Let something be amiss, for as long as it lasts."""

        def begin() -> None:
            self._say(f"{upset.kind}{f' by {upset.by_s} s' if upset.kind is Kind.CLOCK else ''}")
            self._upsets.append(upset)
            self.had.append(upset)
            self._spoil()

        def end() -> None:
            if upset in self._upsets:
                self._say(f"no more: {upset.kind}")
                self._upsets.remove(upset)
                self._spoil()

        self.at(upset.at, begin)
        self.at(upset.at + upset.for_s, end)

    def mend(self) -> None:
        """Let nothing be amiss any more."""
        self._upsets.clear()
        self._spoil()

    def at(self, second: float, act: Callable[[], object]) -> None:
        self._stage.at(NOW + second, act)

    def _during(self, life: Life, at: int, act: Callable[[], object]) -> None:
        if at <= self._length_s and at < (life.removed_at or at + 1):
            self.at(at, act)

    def _bear(self, life: Life) -> None:
        if life.late_s:
            self.openai.unlisted.add(life.id)
        self.openai.add("validating", id=life.id, created_at=int(self._stage.now))
        self._say(f"{life.id} is born{f', and listed {life.late_s} s later' if life.late_s else ''}")

    def _end(self, life: Life) -> None:
        before = next(row for row in self.openai.batches if row["id"] == life.id)
        ended = self.openai.move(life.id, life.verdict.status, **life.verdict.fields)
        self._say(f"{life.id} ends: {life.verdict}")
        if life.countless_s and life.verdict.status == "completed":
            countless = ended | {"request_counts": counts(0, 0, 0), "error_file_id": None}
            self._show(life.id, countless, 0, life.countless_s)
        if life.flickers_s is not None:
            self._show(life.id, before, life.flickers_s, 60)

    def _show(self, batch_id: str, row: Item, after_s: int, for_s: int) -> None:
        """Let the list show this row for a while, whatever is true."""
        second = self._stage.now - NOW + after_s

        def show() -> None:
            self._say(f"the list shows {batch_id} as {row['status']}, {for_s} s long")
            self.openai.stale[batch_id] = row

        self.at(second, show)
        self.at(second + for_s, lambda: self.openai.stale.pop(batch_id, None))

    def _remove(self, life: Life) -> None:
        self.openai.remove(life.id)
        self.removed_at[life.id] = self._stage.now
        self._say(f"{life.id} is deleted")

    def _spoil(self) -> None:
        """Let the simulators do what is amiss with them."""
        amiss, openai, slack = self.amiss, self.openai, self.slack
        openai.down = openai_faults.error(503) if Kind.OPENAI_DOWN in amiss else None
        openai.down = openai_faults.error(401) if Kind.KEY_REFUSED in amiss else openai.down
        slack.down = slack_faults.html(502) if Kind.SLACK_DOWN in amiss else None
        slack.down = slack_faults.ratelimited("40") if Kind.SLACK_BUSY in amiss else slack.down
        slack.channels[CHANNEL] = "not_in_channel" if Kind.CHANNEL_REFUSED in amiss else None
        slack.scopes = {"chat:write"} if Kind.NO_HISTORY in amiss else {"chat:write", "channels:history"}
