"""Pulse: wakes the deployed bot every few seconds, and sees what it owes."""

import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from threading import Event, Thread
from typing import Self

from botocore.exceptions import BotoCoreError, ClientError

from local.aws import Invocation
from local.playground_outbox import Owed
from local.run import told

EVERY_S = 5
LOOK_EVERY_S = 0.5
MOST_SAID = 4


class Pulse:
    """`tick` and `look` are asked in threads of their own, since either may take its time."""

    def __init__(self, tick: Callable[[], Invocation], look: Callable[[], tuple[Owed, ...]]) -> None:
        self.is_automatic = True
        self.owed: tuple[Owed, ...] = ()
        self.said: deque[str] = deque(maxlen=MOST_SAID)
        self._tick = tick
        self._look = look
        self._woken = Event()
        self._stopping = Event()
        self._threads = [
            Thread(target=each, daemon=True) for each in (self._keep_ticking, self._keep_looking)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._woken.set()
        for thread in self._threads:
            thread.join()

    def now(self) -> None:
        """Tick at once."""
        self._woken.set()

    def set_automatic(self, on: bool) -> None:
        self.is_automatic = on

    def _keep_ticking(self) -> None:
        while not self._stopping.is_set():
            is_asked_for = self._woken.wait(EVERY_S)
            self._woken.clear()
            if (is_asked_for or self.is_automatic) and not self._stopping.is_set():
                with suppress(BotoCoreError, ClientError):
                    at = time.strftime("%H:%M:%S")
                    self.said.extendleft(f"{at}  {line}" for line in told(self._tick()))

    def _keep_looking(self) -> None:
        while not self._stopping.wait(LOOK_EVERY_S):
            with suppress(BotoCoreError, ClientError):
                self.owed = self._look()
