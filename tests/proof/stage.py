"""Stage: virtual time, in which runs of the bot take turns; one seed, one course of events.

Each run is a thread, and exactly one of all threads is awake. It gives its turn away only where it
waits: at each call to the outside, and where it sleeps.
"""

import heapq
from collections.abc import Callable
from random import Random
from threading import Lock, Thread


class Killed(BaseException):
    """The process is gone."""


class Stage:
    """What is to happen, in order of time; of what happens at once the seed chooses the order."""

    def __init__(self, seed: int, now: float) -> None:
        self.now = now
        self.runs: list[Run] = []
        self.current: Run | None = None
        self.begun = 0
        self._random = Random(seed)
        self._queue: list[tuple[float, float, int, Callable[[], object]]] = []
        self._count = 0
        self._turn = Lock()
        self._turn.acquire()

    def at(self, when: float, act: Callable[[], object]) -> None:
        """Let this happen then."""
        self._count += 1
        heapq.heappush(self._queue, (max(when, self.now), self._random.random(), self._count, act))

    def begin(self, work: Callable[[], None], lifetime_s: float) -> None:
        """Let a run begin now; it dies if it lives longer."""
        self.begun += 1
        run = Run(self, self.begun, work, self.now + lifetime_s)
        self.runs.append(run)
        self.at(self.now, run.wake)

    @property
    def number(self) -> int:
        """The number of the run whose turn it is."""
        return self.current.number if self.current else 0

    def pause(self, seconds: float) -> None:
        """Let time pass for the run whose turn it is, and others have theirs."""
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

    def play(self, until: float) -> None:
        """Let all happen that is to happen before then."""
        while self._queue and self._queue[0][0] < until:
            when, _, _, act = heapq.heappop(self._queue)
            self.now = max(self.now, when)
            act()
        self.now = max(self.now, until)

    def kill(self) -> None:
        """Let every run die where it is."""
        for run in self.runs:
            run.is_killed = True

    def close(self) -> None:
        self.kill()
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

    def __init__(self, stage: Stage, number: int, work: Callable[[], None], dies_at: float) -> None:
        self.number = number
        self.dies_at = dies_at
        self.is_killed = False
        self.turn = Lock()
        self.turn.acquire()
        self._stage = stage
        self._work = work
        self._thread: Thread | None = None

    def wake(self) -> None:
        if self._thread is None:
            self._thread = Thread(target=self._live, daemon=True)
            self._thread.start()
        self._stage.hand_over(self)

    def _live(self) -> None:
        self.turn.acquire()
        try:
            if not self.is_killed:
                self._work()
        except Killed:
            pass
        finally:
            self._stage.leave(self)
