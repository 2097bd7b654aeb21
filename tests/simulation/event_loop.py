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


class EventLoop:
    """What will happen, in order of time. The seed orders what happens at one time."""

    def __init__(self, seed: int, now: float) -> None:
        self.now = now
        self.runs: list[Run] = []
        self.current: Run | None = None
        self.started = 0
        self._random = Random(seed)
        self._queue: list[tuple[float, float, int, Callable[[], object]]] = []
        self._count = 0
        self._turn = Lock()
        self._turn.acquire()

    @property
    def run_number(self) -> int:
        """The number of the run whose turn it is; 0 outside of runs."""
        return self.current.number if self.current else 0

    def at(self, when: float, act: Callable[[], object]) -> None:
        self._count += 1
        heapq.heappush(self._queue, (max(when, self.now), self._random.random(), self._count, act))

    def start(self, work: Callable[[], None], lifetime_s: float) -> None:
        """Start a run now. It dies if it lives longer than `lifetime_s`."""
        self.started += 1
        run = Run(self, self.started, work, self.now + lifetime_s)
        self.runs.append(run)
        self.at(self.now, run.wake)

    def pause(self, seconds: float) -> None:
        """Let time pass for the current run; others have their turns meanwhile. Raises: Killed."""
        run = self.current
        assert run is not None
        until = min(self.now + seconds, run.dies_at)
        if self._queue and self._queue[0][0] <= until:
            self.at(until, run.wake)
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

    def kill_all(self) -> None:
        """Let every run die at its next call."""
        for run in self.runs:
            run.is_killed = True

    def close(self) -> None:
        self.kill_all()
        while self.runs:
            self.runs[0].wake()

    def hand_over(self, run: "Run") -> None:
        """Let the run go on until it waits or ends."""
        self.current = run
        run.turn.release()
        self._turn.acquire()
        self.current = None

    def leave(self, run: "Run") -> None:
        self.runs.remove(run)
        self._turn.release()


class Run:
    """One invocation of the function."""

    def __init__(self, loop: EventLoop, number: int, work: Callable[[], None], dies_at: float) -> None:
        self.number = number
        self.dies_at = dies_at
        self.is_killed = False
        self.turn = Lock()
        self.turn.acquire()
        self._loop = loop
        self._work = work
        self._thread: Thread | None = None

    def wake(self) -> None:
        if self._thread is None:
            self._thread = Thread(target=self._live, daemon=True)
            self._thread.start()
        self._loop.hand_over(self)

    def _live(self) -> None:
        self.turn.acquire()
        try:
            if not self.is_killed:
                self._work()
        except Killed:
            pass
        finally:
            self._loop.leave(self)
