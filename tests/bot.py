"""The bot on real wires: our features and clients, moto's table, and the simulators on loopback."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from types import TracebackType
from typing import Any, Self, TypeVar

from batchbell.aws.store import Store
from batchbell.config import Config, server_from
from batchbell.errors import BatchbellError
from batchbell.handlers.poll import is_nothing_left
from batchbell.models import Batch
from batchbell.notify.delivery import DeliveryResult, deliver
from batchbell.openai.client import OpenAIClient
from batchbell.poll.poller import PollResult, poll
from batchbell.records import Outbox
from batchbell.slack.client import SlackClient
from batchbell.slash.answers import answer
from batchbell.slash.parse import parse
from local.openai_simulator import OpenAISimulator
from local.slack_simulator import CHANNEL, SlackSimulator
from tests.builders import a_config
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
        self.config: Config = a_config(
            team=TEAM, channel=CHANNEL, table_name=table.name, server=server_from(self.openai.base_url, "")
        )
        self.request_s = 0.0
        self._servers = ExitStack()

    def __enter__(self) -> Self:
        self._servers.enter_context(self.openai)
        self._servers.enter_context(self.slack)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._servers.close()

    def configure(self, **fields: Any) -> None:
        """Deploy again with other settings."""
        self.config = replace(self.config, **fields)

    def store(self) -> Store:
        return Store(self.table.client, self.table.name, retention_s=self.config.retention_s, sleep=self.clock.sleep)

    def poll(self, time_s: float = 60) -> PollResult:
        openai = OpenAIClient(self.config.server, self._key_in_time, clock=self.clock, sleep=self.clock.sleep)
        deadline_at = self.clock() + time_s
        return poll(openai, self.store(), self.config, clock=self.clock, deadline_at=deadline_at)

    def deliver(self, time_s: float = 30) -> DeliveryResult:
        slack = SlackClient(self.slack.base_url, lambda afresh: self.token, team=TEAM, timeout_s=1, clock=self.clock)
        return deliver(
            self.store(),
            slack,
            self.config,
            clock=self.clock,
            sleep=self.clock.sleep,
            deadline_at=self.clock() + time_s,
        )

    def ask(self, text: str) -> dict[str, Any]:
        """The message with which `/batches <text>` is answered."""
        openai = OpenAIClient(self.config.server, lambda afresh: self.key, clock=self.clock)

        def retrieve(batch_id: str, deadline_at: float) -> Batch | None:
            row = openai.retrieve(batch_id, deadline_at=deadline_at)
            return row.batch if row else None

        return answer(parse(text), self.store(), self.config, retrieve, self.clock)

    def _key_in_time(self, afresh: bool) -> str:
        """The key, with which a request begins: on this clock it takes `request_s`."""
        self.clock.sleep(self.request_s)
        return self.key

    def tick(self, times: int = 1, after_s: float = MINUTE_S) -> None:
        """What the schedule does, so often, each so long after the last."""
        for _ in range(times):
            self.clock.at += after_s
            delivered, polled = self._tried(self.deliver), self._tried(self.poll)
            if not is_nothing_left(delivered, polled):
                self._tried(self.deliver)

    def _tried(self, step: Callable[[], T]) -> T | None:
        try:
            return step()
        except BatchbellError:
            return None

    def add_open(self) -> str:
        """Add a batch that the bot then sees open; its id."""
        self.tick()
        batch = self.openai.add()
        self.tick()
        return str(batch["id"])

    def add_ended(self, count: int, age_s: int = 3600) -> list[str]:
        """Add so many batches that ended at once, the newest so long ago; their ids, newest first."""
        times = [int(self.clock()) - age_s - number for number in range(count)]
        return [self.openai.add("completed", created_at=at, completed_at=at)["id"] for at in times]

    def outbox(self) -> Outbox:
        return self.store().outbox(self.config.channel)

    def announced(self) -> list[str]:
        """The ids of all batches' notifications that Slack shows, in order, repeats included."""
        ids = [each for message in self.slack.messages for each in ids_of(message.metadata)]
        return [each for each in ids if each.startswith("batch_")]

    def texts(self) -> list[str]:
        return [message.text for message in self.slack.messages]


def ids_of(metadata: object) -> list[str]:
    assert isinstance(metadata, dict)
    return str(metadata["event_payload"]["ids"]).split()
