"""Stack: what AWS's answers say of the deployment."""

import re
from collections.abc import Sequence

from batchbell.domain.deployment import RAN, Account, Function, LogLine, Schedule, Stack
from batchbell.domain.diagnosis.finding import Finding, good, skipped, wrong
from batchbell.domain.message.wording import duration
from batchbell.domain.secret import Slot, misfit

ACCOUNT, STACK, TABLE = "aws.account", "aws.stack", "aws.table"
FUNCTION, SETTINGS = "poll.function", "poll.settings"
SCHEDULE, LAST_RUN = "poll.schedule", "poll.last_run"

LOG_S = 1800
"""How far back the log is read."""

_UNITS_S = {"minute": 60, "hour": 3600, "day": 86_400}


def account_finding(account: Account) -> Finding:
    return good(ACCOUNT, f"{account.number} in {account.region}, as {account.arn}")


def stack_finding(stack: Stack) -> Finding:
    says = f"{stack.name} is {stack.status}"
    if stack.status.endswith("_IN_PROGRESS"):
        return wrong(STACK, "aws.stack_changing", says, "Wait until the deployment has ended.")
    # After UPDATE_ROLLBACK_COMPLETE the version before runs on.
    if stack.status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"):
        return wrong(STACK, "aws.stack_not_deployed", says, "Deploy it again, and read why it failed.")
    return good(STACK, says)


def secret_check(slot: Slot) -> str:
    return f"secrets.{slot.replace('-', '_')}"


def secret_finding(slot: Slot, team: str, secret: str | None, *, is_openai: bool) -> Finding:
    """Whether something is stored that can be the secret; never what."""
    check = secret_check(slot)
    advice = f"Store it with `batchbell secrets --team {team}`."
    if not secret:
        return wrong(check, f"{check}_missing", f"{slot} is not stored", advice)
    if why := misfit(slot, secret, is_openai=is_openai):
        return wrong(check, f"{check}_malformed", f"What is stored as {slot} is not usable: {why}", advice)
    return good(check, f"{slot} is stored")


def function_finding(function: Function) -> Finding:
    if function.trouble:
        return wrong(
            FUNCTION,
            "poll.function_broken",
            f"{function.name} cannot run: {function.trouble}",
            "Deploy the stack again: `sam deploy`.",
        )
    return good(FUNCTION, f"{function.name} is ready")


def schedule_finding(schedule: Schedule, name: str) -> Finding:
    if not schedule.is_enabled:
        advice = f"Enable it in EventBridge Scheduler: the schedule {name} of the group default."
        return wrong(SCHEDULE, "poll.schedule_disabled", f"The schedule {name} is disabled", advice)
    return good(SCHEDULE, f"{name} runs at {schedule.expression}")


def rate_s(expression: str) -> int:
    """How long from one run to the next; a minute where the expression is none that we deploy."""
    found = re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", expression)
    return int(found[1]) * _UNITS_S[found[2]] if found else 60


def last_run_finding(lines: Sequence[LogLine], schedule: Schedule | None, now: float) -> Finding:
    """What the last run said of itself; `lines` are those of the last `LOG_S`, the oldest first."""
    if not lines:
        says = f"It has not run for {duration(LOG_S)}"
        if schedule is not None and not schedule.is_enabled:
            return wrong(LAST_RUN, "poll.does_not_run", says, "Enable the schedule.")
        advice = "If it was deployed just now, wait for the first run; else look at the schedule's role."
        return wrong(LAST_RUN, "poll.does_not_run", says, advice)
    ago = f"{duration(now - lines[-1].at)} ago"
    bad = [line for line in _of_last_run(lines) if line.is_complaint]
    if not bad:
        return good(LAST_RUN, f"It ran {ago} and complained of nothing")
    said = "; ".join(dict.fromkeys(": ".join(filter(None, (line.message, line.reason))) for line in bad))
    return wrong(
        LAST_RUN, "poll.last_run_complained", f"It ran {ago} and said: {said}", "Mend what it names."
    )


def unread_log(why: str) -> Finding:
    return skipped(LAST_RUN, f"The log could not be read: {why}")


def _of_last_run(lines: Sequence[LogLine]) -> list[LogLine]:
    """The lines since the run before said that it had run."""
    ends = [place for place, line in enumerate(lines) if line.message == RAN]
    if not ends:
        return list(lines)
    is_over = ends[-1] == len(lines) - 1
    begin = (ends[-2] + 1 if len(ends) > 1 else 0) if is_over else ends[-1] + 1
    return list(lines[begin:])
