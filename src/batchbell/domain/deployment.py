"""Deployment: what AWS shows of a team's stack."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from batchbell.domain.errors import MissingError, PermanentError


@dataclass(frozen=True, slots=True)
class Account:
    """Who asks AWS, and where."""

    number: str
    arn: str
    region: str


@dataclass(frozen=True, slots=True)
class Stack:
    """A stack of CloudFormation's; `status` is its word."""

    name: str
    status: str = "CREATE_COMPLETE"
    parameters: Mapping[str, str] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)

    @property
    def team(self) -> str | None:
        return self.parameters.get("TeamName")

    @property
    def schedule_name(self) -> str:
        return f"{self.name}-poll"

    def output(self, name: str) -> str:
        """Raises: MissingError where the stack is not, or not wholly, deployed."""
        if name not in self.outputs:
            raise MissingError(
                f"the stack {self.name} has no output {name}: is it batchbell's, and deployed?"
            )
        return self.outputs[name]


@dataclass(frozen=True, slots=True)
class Function:
    """A Lambda function; `trouble` says why it cannot run, None where it can."""

    name: str
    environ: Mapping[str, str]
    log_group: str
    trouble: str | None = None


@dataclass(frozen=True, slots=True)
class Schedule:
    """A schedule of EventBridge Scheduler's."""

    is_enabled: bool
    expression: str


RAN = "Ran"
"""With this a run of the poll function ends, whatever came of it."""

COMPLAINTS = ("WARNING", "ERROR", "CRITICAL")


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of a function's log."""

    at: float
    level: str
    message: str
    reason: str = ""

    @property
    def is_complaint(self) -> bool:
        return self.level in COMPLAINTS


def chosen(stacks: Iterable[Stack], team: str, name: str | None, region: str) -> Stack:
    """The team's stack; `name` decides where there are two. Raises: MissingError, PermanentError."""
    ours = [stack for stack in stacks if stack.team is not None]
    found = [stack for stack in ours if stack.team == team and name in (None, stack.name)]
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(stack.name for stack in found)
        raise PermanentError(
            f"several stacks in {region} have TeamName={team}: choose one by --stack: {names}"
        )
    others = ", ".join(f"{stack.name} (TeamName={stack.team})" for stack in ours) or "none"
    which = f"no stack {name}" if name else "no stack"
    raise MissingError(f"{which} in {region} has TeamName={team}; those found: {others}")
