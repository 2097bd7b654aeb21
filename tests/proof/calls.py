"""Calls: all that our adapters ask of the outside in a story, and what goes wrong with it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from random import Random
from typing import TypeVar

from tests.proof.faults import Fault, System
from tests.proof.stage import Killed, Stage

T = TypeVar("T")

Choose = Callable[[int, System, Random], Fault | None]
"""The fault of a call, by its number."""

TAKES_S = {
    System.OPENAI: (0.1, 0.6, 3),
    System.TABLE: (0.005, 0.02, 0.4),
    System.POST: (0.2, 0.8, 2),
    System.READ: (0.2, 0.8, 2),
}
SLOW_S = {System.OPENAI: 18, System.TABLE: 12, System.POST: 8, System.READ: 8}


class Outcome(StrEnum):
    """What the caller was told, if anything that is true."""

    ANSWERED = "answered"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Called:
    """One call, of run number `run`."""

    at: float
    run: int
    system: System
    what: str
    fault: Fault | None
    outcome: Outcome = Outcome.FAILED

    @property
    def is_answered(self) -> bool:
        return self.outcome is Outcome.ANSWERED


class Calls:
    """All calls of all runs, one after the other."""

    def __init__(self, stage: Stage, seed: int, choose: Choose, say: Callable[[str], None]) -> None:
        self.stage = stage
        self.made: list[Called] = []
        self.number = 0
        self._seed = seed
        self._choose = choose
        self._say = say

    def call(
        self,
        system: System,
        what: str,
        effect: Callable[[], T],
        go_wrong: Callable[[Fault], T],
        outcome_of: Callable[[T], Outcome] = lambda answer: Outcome.ANSWERED,
    ) -> T:
        """What the call answers, or raises, once it has taken its time.

        It takes effect in between; `number` is then its number.
        """
        number = len(self.made)
        random = Random(self._seed * 1_000_003 + number)
        before_s, after_s = random.choice(TAKES_S[system]), random.choice(TAKES_S[system])
        fault = self._choose(number, system, random)
        called = Called(self.stage.now, self.stage.number, system, what, fault)
        self.made.append(called)
        if fault:
            self._say(f"call {number} ({what}) is {fault}")
        self.stage.pause(SLOW_S[system] if fault is Fault.SLOW else before_s)
        if fault is Fault.KILLED_BEFORE:
            raise Killed
        self.number = number
        is_true = fault in (None, Fault.SLOW, Fault.KILLED_AFTER)
        answer = effect() if is_true else go_wrong(fault)  # type: ignore[arg-type]
        self.stage.pause(after_s)
        if fault is Fault.KILLED_AFTER:
            raise Killed
        outcome = outcome_of(answer)
        if is_true or outcome is Outcome.REFUSED:
            self.made[number] = replace(called, outcome=outcome)
        return answer
