"""Polled: what one poll asked."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cost:
    """The mean of some polls while nothing ends; `polls_to_tell` of the oldest open batch, once it has.

    `busiest` is the most write units a second that any partition was asked for before, while all was new.
    """

    open: int
    history: int
    pages: float
    retrieved: float
    table_requests: float
    read_units: float
    write_units: float
    busiest: int
    polls_to_tell: int | None
    plain_pages: int

    @property
    def every_id(self) -> int:
        """The requests of who reads the first page and then each open batch by its id."""
        return 1 + self.open
