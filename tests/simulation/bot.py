"""The bot under simulation. This is the only file here that imports batchbell."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any, TypeVar

import requests

from batchbell.adapters.batch_table import BatchTable
from batchbell.adapters.dynamodb import Table, make_client
from batchbell.adapters.openai_batches import OpenAIBatches
from batchbell.adapters.outbox_table import OutboxTable
from batchbell.adapters.slack_messages import SlackMessages
from batchbell.domain.errors import BatchbellError
from batchbell.domain.place import Place
from batchbell.domain.policy import Policy
from batchbell.flows.deliver import deliver
from batchbell.flows.poll import poll
from batchbell.flows.redeliver import redeliver
from batchbell.handlers.schedule import DELIVER_AGAIN_SHARE, DELIVER_SHARE, POLL_SHARE, is_all_told
from local.memory_table import Item, MemoryTable
from local.slack_simulator import CHANNEL
from tests.simulation.environment import Environment
from tests.simulation.facts import Facts, PollState, Record

T = TypeVar("T")

TABLE_NAME, TEAM, TIMEOUT_S = "batchbell-test", "search", 150
"""The timeout is that of template.yaml."""


class Bot:
    """One team's bot. Its process lives as long as this object."""

    def __init__(
        self,
        environment: Environment,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
        notify_on: tuple[str, ...],
        retention_s: int,
    ) -> None:
        openai, slack = environment.openai, environment.slack
        self.client, self.session = make_client(), requests.Session()
        self.session.trust_env = False
        table = Table(self.client, TABLE_NAME, retention_s, sleep)
        self._outbox, self._batches = OutboxTable(table), BatchTable(table)
        self._policy = Policy(frozenset(notify_on), metadata_filter=(), retention_s=retention_s)
        self._clock, self._sleep = clock, sleep
        self._openai = OpenAIBatches(
            environment.base_url,
            lambda afresh: openai.key,
            clock=clock,
            sleep=sleep,
            random=lambda: 0.5,
            new_session=lambda: self.session,
        )
        self._slack = SlackMessages(slack.base_url, lambda afresh: slack.token, team=TEAM, clock=clock)
        self._place = Place(TEAM, environment.base_url)

    def run(self, log: Callable[[str], None], on_poll: Callable[[bool], None]) -> None:
        """Do what the scheduled function does. `on_poll` is told whether the poll came to a good end."""
        begun_at = self._clock()
        delivered = self._step(log, self._deliver, begun_at + DELIVER_SHARE * TIMEOUT_S)
        polled = self._step(log, self._poll, begun_at + POLL_SHARE * TIMEOUT_S)
        on_poll(polled is not None and polled.failure is None)
        if not is_all_told(delivered, polled):
            self._step(log, self._deliver, begun_at + DELIVER_AGAIN_SHARE * TIMEOUT_S)

    def redeliver(self) -> None:
        """Do what a person does with what is parked; the next run posts it."""
        redeliver(self._outbox, lambda: None, CHANNEL)

    def _poll(self, deadline_at: float) -> Any:
        # One request at a time: the event loop decides what comes first.
        return poll(self._openai, self._batches, self._policy, self._clock, deadline_at, at_once=1)

    def _deliver(self, deadline_at: float) -> Any:
        clock, sleep = self._clock, self._sleep
        return deliver(self._outbox, self._slack, self._place, CHANNEL, clock, sleep, deadline_at)

    @staticmethod
    def _step(log: Callable[[str], None], step: Callable[[float], T], deadline_at: float) -> T | None:
        """Return the result of a step; None where it failed, which does not stop the others."""
        try:
            result = step(deadline_at)
        except BatchbellError as error:
            log(f"{type(error).__name__}: {error}")
            return None
        counted = {name: value for name, value in asdict(result).items() if value}  # type: ignore[call-overload]
        if counted.keys() - {"is_complete", "end", "pages", "open"}:
            log(f"{type(result).__name__}{counted}")
        return result

    @staticmethod
    def is_poll_state(item: Item) -> bool:
        return item.get("pk") == {"S": "watch"}

    @staticmethod
    def record_in(item: Item) -> Record | None:
        """The record of a batch, if this item is one."""
        if not item or item["sk"]["S"] != "record":
            return None
        ttl = float(item["ttl"]["N"]) if "ttl" in item else None
        return Record(item.get("status", {"S": "nothing"})["S"], ttl)

    @staticmethod
    def facts(table: MemoryTable) -> Facts:
        watch = BatchTable(Table(_Reader(table), TABLE_NAME, 0)).load_watch()  # type: ignore[arg-type]
        records = {key[0].removeprefix("batch#"): Bot.record_in(item) for key, item in table.items.items()}
        outbox = {sk: item for (pk, sk), item in table.items.items() if pk == "outbox"}
        return Facts(
            state=watch and _state_of(watch),
            records={batch_id: record for batch_id, record in records.items() if record},
            followed=frozenset(watch.watched if watch else ()),
            undelivered=tuple(sk for sk in outbox if not sk.startswith("lane#")),
            blocked=tuple(sk for sk, item in outbox.items() if "blocked" in item),
        )


def _state_of(watch: Any) -> PollState:
    cursor, is_settled = watch.position.cursor, not (watch.reason or watch.trouble)
    times = watch.baseline_at, cursor.read_back_to, cursor.seen_through
    return PollState(*times, is_settled, has_backlog=bool(watch.position.unread))


class _Reader:
    """Reads the table from outside of any run."""

    def __init__(self, table: MemoryTable) -> None:
        self._table = table

    def get_item(self, **request: Any) -> Item:
        return self._table("GetItem", request)

    def batch_get_item(self, **request: Any) -> Item:
        return self._table("BatchGetItem", request)
