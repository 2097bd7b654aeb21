"""Examine: what a diagnosis is made of, and one question of it."""

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from typing import Protocol, TypeVar

from batchbell.domain.deployment import Account, Function, LogLine, Schedule, Stack
from batchbell.domain.diagnosis.door import DoorAnswer
from batchbell.domain.diagnosis.finding import Finding, skipped, unanswered
from batchbell.domain.diagnosis.openai import ListAnswer
from batchbell.domain.diagnosis.slack import Channel, Identity, Newest
from batchbell.domain.errors import BatchbellError
from batchbell.domain.outbox import Outbox
from batchbell.domain.refusal import Refusal
from batchbell.domain.watch import Watch

Fact = TypeVar("Fact")


class Aws(Protocol):
    """What AWS shows; everything raises PermanentErrors and TransientErrors."""

    def account(self) -> Account: ...

    def stacks(self) -> Sequence[Stack]: ...

    def function(self, name: str) -> Function: ...

    def schedule(self, name: str) -> Schedule: ...

    def log(self, function: Function, since: float) -> Sequence[LogLine]: ...

    def check_table(self, name: str) -> None: ...

    def secret(self, name: str) -> str | None: ...


class Bot(Protocol):
    """The deployed bot's own view of OpenAI, Slack and its table."""

    @property
    def channel(self) -> str: ...

    @property
    def openai_base_url(self) -> str: ...

    @property
    def is_openai(self) -> bool: ...

    def list_answer(self, key: str) -> ListAnswer: ...

    def identity(self, token: str) -> Identity | Refusal: ...

    def seen(self, token: str) -> tuple[Channel | Refusal, Newest | Refusal]: ...

    def watch(self) -> Watch | None: ...

    def outbox(self) -> Outbox: ...


Knock = Callable[[str, str | None], DoorAnswer]
"""The answer of a URL to a slash command, signed with this secret, or forged."""


def asked(
    check: str,
    ask: Callable[[], Fact],
    judge: Callable[[Fact], Iterable[Finding]],
    advice: str | None = None,
) -> Generator[Finding, None, Fact | None]:
    """Ask for a fact, yield what it says, and return it; None where it could not be had."""
    try:
        fact = ask()
    except BatchbellError as error:
        yield unanswered(check, error, advice)
        return None
    yield from judge(fact)
    return fact


def all_skipped(why: str, *checks: str) -> Iterator[Finding]:
    yield from (skipped(check, why) for check in checks)
