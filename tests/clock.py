"""A clock that only sleeping and the test move."""

from dataclasses import dataclass

from tests.builders import NOW


@dataclass(slots=True)
class Clock:
    at: float = NOW

    def __call__(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += seconds
