"""Places: a poll that knows where its open batches stand asks little, and one that errs there loses nothing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from math import ceil
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from batchbell.domain.batch import Batch, Page
from batchbell.domain.record import Entry, Recorded
from batchbell.flows.poll import poll
from bench.many_batches import Memory
from tests.builders import NOW, a_batch, a_page, a_policy
from tests.clock import Clock

SIZE = 4
LONG_S = 700
"""Between two polls: what was new in the first can show itself late no more."""


@dataclass(slots=True)
class Server:
    """A list, newest first, in pages of four; `shuffle` is asked for its order before each page."""

    rows: list[Batch] = field(default_factory=list)
    requests: int = 0
    shuffle: Callable[[list[Batch]], list[Batch]] = list
    base_url: str = "http://127.0.0.1:9/v1"

    def add(self, is_open: bool, created_at: int) -> None:
        status = "in_progress" if is_open else "cancelled"
        self.rows.insert(0, a_batch(f"b{len(self.rows)}", status, created_at=created_at, expires_at=None))

    def end(self, place: int) -> str:
        self.rows[place] = replace(self.rows[place], status="cancelled")
        return self.rows[place].id

    def page(self, after: str | None, limit: int, *, deadline_at: float) -> Page:
        self.requests += 1
        self.rows = self.shuffle(self.rows)
        start = 0 if after is None else 1 + [row.id for row in self.rows].index(after)
        return a_page(*self.rows[start : start + SIZE], has_more=start + SIZE < len(self.rows))

    def retrieve(self, batch_id: str, *, deadline_at: float) -> Batch | None:
        self.requests += 1
        return next(replace(row, is_retrieved=True) for row in self.rows if row.id == batch_id)


class Records(Memory):
    """The watch's items in memory, and the ids of the batches that were recorded as ended."""

    def __init__(self) -> None:
        super().__init__()
        self.ended: set[str] = set()

    def record(self, entries: Sequence[Entry], *_: object) -> Recorded:
        self.ended |= {each.transition.batch.id for each in entries if each.transition.batch.is_terminal}
        return Recorded(stored=tuple(entries))


def polled(server: Server, records: Records, clock: Clock) -> int:
    """The requests of a poll."""
    server.requests = 0
    result = poll(server, records, a_policy(), clock, clock() + 600, at_once=1)
    assert (result.is_complete, result.failure) == (True, None)
    return server.requests


some_rows = st.lists(st.booleans(), max_size=12)


@settings(max_examples=200)
@given(st.lists(st.booleans(), max_size=60), st.lists(some_rows, min_size=1, max_size=4))
def test_a_poll_asks_no_more_than_plain_paging_nor_than_one_request_for_each_open_batch(
    old: list[bool], news: list[list[bool]]
) -> None:
    server, records, clock = Server(), Records(), Clock()
    for place, is_open in enumerate(old):
        server.add(is_open, NOW - 9000 + 10 * place)
    polled(server, records, clock)

    for new in [*news, []]:
        clock.at += LONG_S
        for is_open in new:
            server.add(is_open, int(clock()))
        watch = records.load_watch()
        assert watch
        read_back_to = watch.position.cursor.read_back_to
        to_read = min(len(server.rows), 1 + sum((row.created_at or 0) >= read_back_to for row in server.rows))
        open_places = [place for place, row in enumerate(server.rows) if not row.is_terminal]

        requests = polled(server, records, clock)

        pages_of_the_new = max(1, ceil(to_read / SIZE))
        down_to_the_oldest = ceil((1 + max(open_places, default=0)) / SIZE)
        assert requests <= max(pages_of_the_new, down_to_the_oldest)
        assert requests <= pages_of_the_new + len(open_places)


@settings(max_examples=100)
@given(st.integers(8, 40), st.integers(2, 20), st.integers(0, 2**32))
def test_an_end_is_noticed_at_once_though_rows_of_one_second_change_places_before_each_page(
    count: int, ties: int, seed: int
) -> None:
    server, records, clock, random = Server(), Records(), Clock(), Random(seed)
    for place in range(count):
        server.add(random.random() < 0.7, NOW - 9000 + place // ties)
    polled(server, records, clock)
    server.shuffle = lambda rows: sorted(rows, key=lambda row: (-(row.created_at or 0), random.random()))

    while left := [place for place, row in enumerate(server.rows) if not row.is_terminal]:
        clock.at += LONG_S
        ended = server.end(random.choice(left))
        polled(server, records, clock)

        assert ended in records.ended
