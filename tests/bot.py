"""The bot on real wires: our flows and adapters, moto's table, and the simulators on loopback."""

from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self, TypeVar

from batchbell.adapters.batch_table import BatchTable
from batchbell.adapters.dynamodb import Table
from batchbell.adapters.openai_batches import OpenAIBatches
from batchbell.adapters.outbox_table import OutboxTable
from batchbell.adapters.recent_table import RecentTable
from batchbell.adapters.slack_messages import SlackMessages
from batchbell.adapters.slack_reply import message_for
from batchbell.domain.command import parse
from batchbell.domain.errors import BatchbellError
from batchbell.domain.place import Place
from batchbell.domain.policy import Policy
from batchbell.flows.answer import Sources, answer
from batchbell.flows.deliver import deliver
from batchbell.flows.poll import PollResult, poll
from batchbell.flows.tally import DeliverResult
from batchbell.handlers.schedule import is_all_told
from local.openai_simulator import OpenAISimulator
from local.slack_simulator import CHANNEL, SlackSimulator
from tests.builders import a_policy
from tests.clock import Clock
from tests.tables import LocalTable

T = TypeVar("T")

TEAM = "search"
MINUTE_S = 60


class BotUnderTest:
    """One team's bot, OpenAI and Slack."""

    def __init__(self, clock: Clock, table: LocalTable) -> None:
        self.clock = clock
        self.table = table
        self.openai = OpenAISimulator(clock=clock)
        self.slack = SlackSimulator(clock=clock)
        self.key = self.openai.key
        self.token = self.slack.token
        self.channel = CHANNEL
        self.policy: Policy = a_policy()
        self.base_url: str | None = None
        self.api_version = ""
        self.request_s = 0.0
        self._servers = ExitStack()

    def __enter__(self) -> Self:
        self._servers.enter_context(self.openai)
        self._servers.enter_context(self.slack)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._servers.close()

    def poll(self, time_s: float = 60) -> PollResult:
        listing = OpenAIBatches(
            self._place().base_url,
            self._key_in_time,
            api_version=self.api_version,
            clock=self.clock,
            sleep=self.clock.sleep,
        )
        return poll(listing, self.batches(), self.policy, self.clock, self.clock() + time_s)

    def deliver(self, time_s: float = 30) -> DeliverResult:
        slack = SlackMessages(
            self.slack.base_url, lambda afresh: self.token, team=TEAM, timeout_s=1, clock=self.clock
        )
        deadline_at = self.clock() + time_s
        outbox, place = self.outbox(), self._place()
        return deliver(outbox, slack, place, self.channel, self.clock, self.clock.sleep, deadline_at)

    def ask(self, text: str) -> dict[str, Any]:
        """The message with which `/batches <text>` is answered."""
        place = self._place()
        listing = OpenAIBatches(
            place.base_url, lambda afresh: self.key, api_version=self.api_version, clock=self.clock
        )
        sources = Sources(
            self.batches(),
            RecentTable(self._table()),
            self.outbox(),
            lambda batch_id, deadline_at: listing.retrieve(batch_id, deadline_at=deadline_at),
        )
        command = parse(text)
        reply = answer(command, sources, place, self.channel, "/batches", self.clock)
        return message_for(reply, is_shared=command.is_shared)

    def _place(self) -> Place:
        return Place(TEAM, self.base_url or self.openai.base_url, self.api_version)

    def _key_in_time(self, afresh: bool) -> str:
        """The key, with which a request begins: on this clock it takes `request_s`."""
        self.clock.sleep(self.request_s)
        return self.key

    def batches(self) -> BatchTable:
        return BatchTable(self._table())

    def outbox(self) -> OutboxTable:
        return OutboxTable(self._table())

    def _table(self) -> Table:
        retention_s = self.policy.retention_s
        return Table(self.table.client, self.table.name, retention_s, self.clock.sleep)

    def tick(self, times: int = 1, after_s: float = MINUTE_S) -> None:
        """What the schedule does, so often, each so long after the last."""
        for _ in range(times):
            self.clock.at += after_s
            delivered, polled = self._tried(self.deliver), self._tried(self.poll)
            if not is_all_told(delivered, polled):
                self._tried(self.deliver)

    def _tried(self, step: Callable[[], T]) -> T | None:
        try:
            return step()
        except BatchbellError:
            return None

    def announced(self) -> list[str]:
        """The ids of all batches' notifications that Slack shows, in order, repeats included."""
        ids = [each for message in self.slack.messages for each in ids_of(message.metadata)]
        return [each for each in ids if each.startswith("batch_")]

    def texts(self) -> list[str]:
        return [message.text for message in self.slack.messages]


def told_and_forgotten(bot: BotUnderTest, stopped_s: float) -> str:
    """A batch whose end was announced before the bot stopped, and the table was restored to earlier."""
    bot.tick()
    batch = bot.openai.add()
    bot.tick()
    backup = bot.table.items()
    bot.openai.move(batch["id"], "completed")
    bot.tick()
    bot.clock.at += stopped_s
    bot.table.restore(backup)
    return str(batch["id"])


def ids_of(metadata: object) -> list[str]:
    assert isinstance(metadata, dict)
    return str(metadata["event_payload"]["ids"]).split()
