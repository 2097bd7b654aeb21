"""Record: what one transition writes, and what is found where another poll was first."""

from dataclasses import dataclass

from batchbell.domain.diff import Transition
from batchbell.domain.notification import Notification


@dataclass(frozen=True, slots=True)
class Entry:
    """A transition and the notification it owes, if any: both are written, or neither."""

    transition: Transition
    owed: Notification | None

    @property
    def is_history(self) -> bool:
        """Whether the batch had ended when it was first met, and is not told."""
        transition = self.transition
        return transition.old_status is None and transition.batch.is_terminal and self.owed is None


@dataclass(frozen=True, slots=True)
class Stale:
    """An entry that was not written, since the record has another status than was thought.

    `status` is None where there is no record; `told` names the statuses for which a notification
    has been recorded.
    """

    entry: Entry
    status: str | None
    told: frozenset[str]


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of some entries; `unstorable` are those the table will never take."""

    stored: tuple[Entry, ...] = ()
    stale: tuple[Stale, ...] = ()
    unstorable: tuple[Entry, ...] = ()

    def __add__(self, other: "Recorded") -> "Recorded":
        return Recorded(
            self.stored + other.stored,
            self.stale + other.stale,
            self.unstorable + other.unstorable,
        )
