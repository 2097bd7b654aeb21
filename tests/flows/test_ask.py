"""Asking side by side: what comes back keeps its order, and nothing is begun too late."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, current_thread

import pytest

from batchbell.domain.batch import Batch, Page
from batchbell.domain.errors import TransientError
from batchbell.flows.ask import LAST_REQUEST_S, Asking
from tests.builders import a_batch, a_page
from tests.clock import Clock

AT_ONCE = 4


class Server:
    """Each request takes a second, and some fail."""

    base_url = "http://127.0.0.1:9/v1"

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.asked: list[str] = []
        self.failing: set[str] = set()

    def page(self, after: str | None, limit: int, *, deadline_at: float) -> Page:
        return a_page()

    def retrieve(self, batch_id: str, *, deadline_at: float) -> Batch | None:
        self.asked.append(batch_id)
        self.clock.sleep(1)
        if batch_id in self.failing:
            raise TransientError(batch_id)
        return a_batch(batch_id)


@pytest.fixture
def server(clock: Clock) -> Server:
    return Server(clock)


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(AT_ONCE) as threads:
        yield threads


def asking(server: Server, threads: ThreadPoolExecutor, time_s: float, at_once: int = AT_ONCE) -> Asking:
    return Asking(server, server.clock, server.clock() + time_s, at_once, threads)


def test_answers_and_errors_come_in_the_order_of_the_questions(
    server: Server, threads: ThreadPoolExecutor
) -> None:
    ids = [f"b{number}" for number in range(20)]
    server.failing = {"b3"}

    found = dict(asking(server, threads, 99).side_by_side(asking(server, threads, 99).retrieve, ids))

    assert list(found) == ids
    assert isinstance(found.pop("b3"), TransientError)
    assert list(found.values()) == [a_batch(each) for each in found]


def test_as_many_requests_as_may_be_are_under_way_at_once(
    server: Server, threads: ThreadPoolExecutor
) -> None:
    together = Barrier(AT_ONCE)

    def ask(question: int) -> str:
        together.wait(timeout=60)
        return current_thread().name

    names = {name for _, name in asking(server, threads, 99).side_by_side(ask, range(AT_ONCE))}

    assert len(names) == AT_ONCE


def test_no_request_is_begun_so_late_that_it_would_be_cut(
    server: Server, threads: ThreadPoolExecutor
) -> None:
    in_time = asking(server, threads, LAST_REQUEST_S + 5, at_once=1)

    found = list(in_time.side_by_side(in_time.retrieve, [f"b{number}" for number in range(20)]))

    assert [batch_id for batch_id, _ in found] == server.asked == [f"b{number}" for number in range(5)]


def test_who_has_enough_of_the_answers_leaves_the_other_questions_unasked(
    server: Server, threads: ThreadPoolExecutor
) -> None:
    answers = asking(server, threads, 999).side_by_side(server.asked.append, [f"b{n}" for n in range(500)])

    next(answers)
    answers.close()  # type: ignore[attr-defined]

    assert len(server.asked) <= AT_ONCE
