"""What may go wrong with a call to the outside, and the record of all calls."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from random import Random
from typing import TypeVar

from tests.simulation.event_loop import EventLoop, Killed

T = TypeVar("T")


class System(StrEnum):
    """Who is called. Posting to Slack and reading its history go wrong differently."""

    OPENAI = "OpenAI"
    TABLE = "the table"
    POST = "a post to Slack"
    READ = "a read of Slack's history"


class Fault(StrEnum):
    REFUSED = "refused"
    THROTTLED = "throttled"
    BROKEN = "broken"
    SLOW = "slow"
    CUT_BEFORE = "cut before it took effect"
    CUT_AFTER = "cut after it took effect"
    KILLED_BEFORE = "killed before"
    KILLED_AFTER = "killed after"
    SILENT = "silent"
    TWICE = "made twice"
    EMPTY = "answered by an empty page"
    NOT_FOUND = "answered 404"
    CONFLICT = "in conflict with another write"
    MALFORMED = "answered invalid_blocks"
    FAILED_AFTER = "answered as failed after it took effect"
    LATE = "effective 20 seconds later, unanswered"
    VERY_LATE = "effective 200 seconds later, unanswered"


_ANY = (*Fault,)[:8]
FAULTS = {
    System.OPENAI: (*_ANY, Fault.SILENT, Fault.EMPTY, Fault.NOT_FOUND),
    System.TABLE: (*_ANY, Fault.TWICE, Fault.CONFLICT),
    System.POST: (*_ANY, Fault.SILENT, Fault.MALFORMED, Fault.FAILED_AFTER, Fault.LATE, Fault.VERY_LATE),
    System.READ: (*_ANY, Fault.SILENT),
}
TAKES_S = {System.OPENAI: (0.1, 0.6, 3), System.TABLE: (0.005, 0.02, 0.4)}
TAKES_S |= dict.fromkeys((System.POST, System.READ), (0.2, 0.8, 2))
SLOW_S = {System.OPENAI: 18, System.TABLE: 12, System.POST: 8, System.READ: 8}


class Result(StrEnum):
    """What the caller was answered; FAILED unless it was true."""

    ANSWERED = "answered"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Call:
    """One call of run number `run`; `what` names the request and the notifications or batch in it."""

    at: float
    run: int
    system: System
    what: str
    fault: Fault | None
    result: Result = Result.FAILED


Choose = Callable[[int, System, str, Random], Fault | None]
"""Choose the fault of a call by its number, system and request."""


class Calls:
    """All calls of all runs, in order. `number` is that of the call that takes effect now.

    `takes_s` are the times that half a call may take.
    """

    def __init__(self, loop: EventLoop, seed: int, choose: Choose, log: Callable[[str], None]) -> None:
        self.loop = loop
        self.made: list[Call] = []
        self.number = 0
        self.takes_s: Mapping[System, tuple[float, ...]] = TAKES_S
        self._seed, self._choose, self._log = seed, choose, log

    def call(
        self,
        system: System,
        what: str,
        effect: Callable[[], T],
        fail: Callable[[Fault], T],
        result_of: Callable[[T], Result] = lambda answer: Result.ANSWERED,
    ) -> T:
        """Return or raise what the call answers. It takes effect halfway through its time."""
        number = len(self.made)
        random = Random(self._seed * 1_000_003 + number)
        before_s, after_s = random.choice(self.takes_s[system]), random.choice(self.takes_s[system])
        fault = self._choose(number, system, what, random)
        call = Call(self.loop.now, self.loop.run_number, system, what, fault)
        self.made.append(call)
        if fault:
            self._log(f"call {number} ({what}) is {fault}")
        self.loop.pause(SLOW_S[system] if fault is Fault.SLOW else before_s)
        if fault is Fault.KILLED_BEFORE:
            raise Killed
        self.number = number
        is_true = fault in (None, Fault.SLOW, Fault.KILLED_AFTER)
        answer = effect() if is_true or fault is None else fail(fault)
        self.loop.pause(after_s)
        if fault is Fault.KILLED_AFTER:
            raise Killed
        result = result_of(answer)
        if is_true or result is Result.REFUSED:
            self.made[number] = replace(call, result=result)
        return answer
