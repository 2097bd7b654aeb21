"""Virtual time, in which runs of the bot take turns. One seed gives one course of events.

Each run is a thread, and exactly one thread is awake. A run gives its turn away only where it waits: at each
call to the outside, and where it sleeps.
"""

import heapq
from collections.abc import Callable
from random import Random
from threading import Lock, Thread


class Killed(BaseException):
    """The process died."""


class Run:
    """One invocation of the function."""

    def __init__(self, number: int, dies_at: float) -> None:
        self.number, self.dies_at, self.is_killed = number, dies_at, False
        self.thread: Thread
        self.turn = Lock()
        self.turn.acquire()


class EventLoop:
    """What will happen, in order of time. The seed orders what happens at one time."""

    def __init__(self, seed: int, now: float) -> None:
        self.now = now
        self.runs: list[Run] = []
        self.run_number = 0  # of the run whose turn it is; 0 outside of runs
        self._started = 0
        self._random = Random(seed)
        self._queue: list[tuple[float, float, int, Callable[[], object]]] = []
        self._count = 0
        self._turn = Lock()
        self._turn.acquire()

    def at(self, when: float, act: Callable[[], object]) -> None:
        self._count += 1
        heapq.heappush(self._queue, (max(when, self.now), self._random.random(), self._count, act))

    def start(self, work: Callable[[], None], lifetime_s: float) -> None:
        """Start a run now. It dies if it lives longer than `lifetime_s`."""
        self._started += 1
        run = Run(self._started, self.now + lifetime_s)

        def live() -> None:
            run.turn.acquire()
            try:
                if not run.is_killed:
                    work()
            except Killed:
                pass
            finally:
                self.runs.remove(run)
                self._turn.release()

        run.thread = Thread(target=live, daemon=True)
        self.runs.append(run)
        self.at(self.now, lambda: self._wake(run))

    def pause(self, seconds: float) -> None:
        """Let time pass for the current run; others have their turns meanwhile. Raises: Killed."""
        run = next(each for each in self.runs if each.number == self.run_number)
        until = min(self.now + seconds, run.dies_at)
        if self._queue and self._queue[0][0] <= until:
            self.at(until, lambda: self._wake(run))
            self._turn.release()
            run.turn.acquire()
        self.now = max(self.now, until)
        if run.is_killed or self.now >= run.dies_at:
            raise Killed

    def run_until(self, until: float) -> None:
        while self._queue and self._queue[0][0] < until:
            when, _, _, act = heapq.heappop(self._queue)
            self.now = max(self.now, when)
            act()
        self.now = max(self.now, until)

    def close(self) -> None:
        """Let every run die where it is."""
        while self.runs:
            self.runs[0].is_killed = True
            self._wake(self.runs[0])

    def _wake(self, run: Run) -> None:
        """Let the run go on until it waits or ends."""
        if run.thread.ident is None:
            run.thread.start()
        self.run_number = run.number
        run.turn.release()
        self._turn.acquire()
        self.run_number = 0
