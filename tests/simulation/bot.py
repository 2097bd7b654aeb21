"""The bot under simulation. This is the only file here that imports batchbell."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from types import SimpleNamespace
from typing import Any, TypeVar

import requests

from batchbell.aws.dynamodb import make_client
from batchbell.aws.store import Store
from batchbell.config import Config, server_from
from batchbell.errors import BatchbellError
from batchbell.handlers.poll import DELIVER_AGAIN_SHARE, DELIVER_SHARE, POLL_SHARE, is_nothing_left
from batchbell.notify.delivery import deliver
from batchbell.openai.client import OpenAIClient
from batchbell.poll.poller import poll
from batchbell.slack.client import SlackClient
from local.memory_table import Item, MemoryTable
from local.slack_simulator import CHANNEL
from tests.simulation.environment import Environment
from tests.simulation.schedule import Schedule

T = TypeVar("T")

TABLE_NAME, TEAM, TIMEOUT_S = "batchbell-test", "search", 150
"""The timeout is that of template.yaml."""


@dataclass(frozen=True, slots=True)
class Record:
    """What is recorded of a batch; a deleted one is `gone`. `ttl` is None if the record does not expire."""

    status: str
    ttl: float | None


@dataclass(frozen=True, slots=True)
class PollState:
    """`is_settled`: the baseline was announced and no incident is open. `has_backlog`: pages are unread."""

    baseline_at: float
    read_back_to: float
    announce_from: float
    is_settled: bool
    has_backlog: bool


@dataclass(frozen=True, slots=True)
class Facts:
    """`followed` are the batches that count as open; `undelivered` holds the ids of notifications."""

    state: PollState | None = None
    records: Mapping[str, Record] = field(default_factory=dict)
    followed: frozenset[str] = frozenset()
    undelivered: tuple[str, ...] = ()
    blocked: tuple[str, ...] = ()


class Bot:
    """One team's bot. Its process lives as long as this object."""

    def __init__(
        self, environment: Environment, schedule: Schedule, clock: Callable[[], float], sleep: Callable[[float], None]
    ) -> None:
        openai, slack, retention_s = environment.openai, environment.slack, schedule.retention_s
        self.client, self.session = make_client(), requests.Session()
        self.session.trust_env = False
        self._clock, self._sleep = clock, sleep
        settings: Any = {"notify_on": frozenset(schedule.notify_on), "retention_s": retention_s}
        server = server_from(environment.base_url, "")
        self._config = Config(TEAM, CHANNEL, TABLE_NAME, server, slack.base_url, **settings)
        self._store = Store(self.client, TABLE_NAME, retention_s=retention_s, sleep=sleep)
        of_test: Any = {"clock": clock, "sleep": sleep, "random": lambda: 0.5, "new_session": lambda: self.session}
        self._openai = OpenAIClient(server, lambda afresh: openai.key, **of_test)
        self._slack = SlackClient(slack.base_url, lambda afresh: slack.token, team=TEAM, clock=clock)

    def run(self, log: Callable[[str], None], on_poll: Callable[[bool], None]) -> None:
        """Do what the scheduled function does. `on_poll` is told whether the poll came to a good end."""
        begun_at = self._clock()
        delivered = self._step(log, self._deliver, begun_at + DELIVER_SHARE * TIMEOUT_S)
        polled = self._step(log, self._poll, begun_at + POLL_SHARE * TIMEOUT_S)
        on_poll(polled is not None and polled.failure is None)
        if not is_nothing_left(delivered, polled):
            self._step(log, self._deliver, begun_at + DELIVER_AGAIN_SHARE * TIMEOUT_S)

    def redeliver(self) -> None:
        """Do what a person does with what is parked; the next run posts it."""
        self._store.unpark(CHANNEL)

    def _poll(self, deadline_at: float) -> Any:
        # One request at a time: the event loop decides what comes first.
        clients = self._openai, self._store, self._config
        return poll(*clients, clock=self._clock, deadline_at=deadline_at, at_once=1)

    def _deliver(self, deadline_at: float) -> Any:
        clients = self._store, self._slack, self._config
        return deliver(*clients, clock=self._clock, sleep=self._sleep, deadline_at=deadline_at)

    @staticmethod
    def _step(log: Callable[[str], None], step: Callable[[float], T], deadline_at: float) -> T | None:
        """Return the result of a step; None where it failed, which does not stop the others."""
        try:
            result = step(deadline_at)
        except BatchbellError as error:
            log(f"{type(error).__name__}: {error}")
            return None
        counted = {name: value for name, value in asdict(result).items() if value}  # type: ignore[call-overload]
        if counted.keys() - {"is_complete", "pages", "open"}:
            log(f"{type(result).__name__}{counted}")
        return result

    @staticmethod
    def is_poll_state(item: Item) -> bool:
        return item.get("pk") == {"S": "state"}

    @staticmethod
    def record_in(item: Item) -> Record | None:
        """The record of a batch, if this item is one."""
        if not item or item["sk"]["S"] != "record":
            return None
        return Record(item["status"]["S"], float(item["ttl"]["N"]) if "ttl" in item else None)

    @staticmethod
    def facts(table: MemoryTable) -> Facts:
        records, followed, undelivered, blocked = {}, set(), [], []
        for (pk, sk), item in table.items.items():
            if record := Bot.record_in(item):
                records[pk.removeprefix("batch#")] = record
                followed |= {pk.removeprefix("batch#")} if "open_in" in item else set()
            elif "blocked_reason" in item:
                blocked.append(sk)
            elif pk == "outbox" and "channel#" not in sk:
                undelivered.append(sk)
        return Facts(_state_in(table), records, frozenset(followed), tuple(undelivered), tuple(blocked))


def _called(table: MemoryTable, operation: str, **request: Any) -> Item:
    return table(operation, request)


def _state_in(table: MemoryTable) -> PollState | None:
    """Read from outside of any run."""
    calls = {"get_item": "GetItem", "batch_get_item": "BatchGetItem"}
    client: Any = SimpleNamespace(**{name: partial(_called, table, operation) for name, operation in calls.items()})
    state = Store(client, TABLE_NAME).load_state()
    if state is None:
        return None
    times = state.baseline_at, state.cursor.read_back_to, state.cursor.announce_from
    is_settled = state.baseline_reason is None and state.refused_since is None
    return PollState(*times, is_settled, has_backlog=state.backlog is not None)
