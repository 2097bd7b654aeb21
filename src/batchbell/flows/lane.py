"""Lane: the way into a channel, in which one post follows another, and one run tries what is blocked."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from batchbell.domain import delivery
from batchbell.domain.errors import StaleError
from batchbell.domain.outbox import Lane


class LaneTable(Protocol):
    """The lanes in our table."""

    def take_slot(self, channel: str, now: float) -> float: ...

    def take_probe(self, channel: str, now: float, next_at: float) -> None: ...

    def unblock(self, channel: str) -> None: ...


class StopError(Exception):
    """Nothing more can be posted in this run."""


@dataclass(slots=True)
class Way:
    """One run's way into the channel."""

    lanes: LaneTable
    channel: str
    clock: Callable[[], float]
    sleep: Callable[[float], None]
    deadline_at: float
    is_probing: bool = False

    def enter(self, lane: Lane) -> None:
        """Go on if the channel is not blocked, or if it is our turn to try whether it still is."""
        if lane.blocked is None:
            return
        now = self.clock()
        if now < lane.probe_at:
            raise StopError(lane.blocked)
        try:
            self.lanes.take_probe(self.channel, now, now + delivery.PROBE_S)
        except StaleError:
            raise StopError(lane.blocked) from None
        self.is_probing = True

    def take_slot(self) -> None:
        """Wait until the channel may have one more message, if that is before the deadline."""
        while (now := self.clock()) < self.deadline_at:
            wait_s = self.lanes.take_slot(self.channel, now)
            if wait_s <= 0:
                return
            if now + wait_s >= self.deadline_at:
                raise StopError("Slack wants no message yet")
            self.sleep(wait_s)
        raise StopError("no time is left")

    def open(self) -> None:
        """Slack has let something in: the channel is blocked no longer."""
        if self.is_probing:
            self.lanes.unblock(self.channel)
            self.is_probing = False
