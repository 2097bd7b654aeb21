"""Ask: requests to the server while there is time, one by one or side by side."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import Protocol, TypeVar

from batchbell.domain.batch import Batch, Page
from batchbell.domain.errors import PermanentError, TransientError

PAGE_LIMIT = 100

LAST_REQUEST_S = 3
"""No request is begun so shortly before the deadline that it would only be cut."""

Q = TypeVar("Q")
A = TypeVar("A")


class Listing(Protocol):
    """The batches as OpenAI lists them; asked from several threads at once."""

    @property
    def base_url(self) -> str: ...

    def page(self, after: str | None, limit: int, *, deadline_at: float) -> Page: ...

    def retrieve(self, batch_id: str, *, deadline_at: float) -> Batch | None: ...


class LateError(Exception):
    """There is no time left for another request."""


@dataclass(frozen=True, slots=True)
class Asking:
    """Asks until the deadline, `at_once` requests at a time where they may be side by side."""

    listing: Listing
    clock: Callable[[], float]
    deadline_at: float
    at_once: int
    threads: Executor

    def now(self) -> int:
        return int(self.clock())

    def page(self, after: str | None) -> Page:
        """Raises: LateError, TransientError, PermanentError."""
        self._check_time()
        return self.listing.page(after, PAGE_LIMIT, deadline_at=self.deadline_at)

    def retrieve(self, batch_id: str) -> Batch | None:
        """Raises: LateError, TransientError, PermanentError."""
        self._check_time()
        return self.listing.retrieve(batch_id, deadline_at=self.deadline_at)

    def side_by_side(
        self, ask: Callable[[Q], A], questions: Iterable[Q]
    ) -> Iterator[tuple[Q, A | TransientError | PermanentError]]:
        """Each question with its answer or its error, in this order, until it is too late."""
        asked: deque[tuple[Q, Future[A | TransientError | PermanentError]]] = deque()
        try:
            for question in questions:
                if self.at_once == 1:
                    yield question, _answer(ask, question)
                    continue
                asked.append((question, self.threads.submit(_answer, ask, question)))
                if len(asked) == self.at_once:
                    yield _awaited(*asked.popleft())
            while asked:
                yield _awaited(*asked.popleft())
        except LateError:
            return
        finally:
            for _, answer in asked:
                answer.cancel()

    def _check_time(self) -> None:
        if self.clock() >= self.deadline_at - LAST_REQUEST_S:
            raise LateError


def _answer(ask: Callable[[Q], A], question: Q) -> A | TransientError | PermanentError:
    try:
        return ask(question)
    except (TransientError, PermanentError) as error:
        return error


def _awaited(question: Q, answer: "Future[A]") -> tuple[Q, A]:
    return question, answer.result()
