"""Finding: what one check found."""

from dataclasses import dataclass
from enum import StrEnum

from batchbell.domain.errors import BatchbellError, ForbiddenError, MissingError, SignInError, TransientError


class Standing(StrEnum):
    """SKIPPED: it could not be told, and says why."""

    OK = "ok"
    WRONG = "wrong"
    SKIPPED = "skipped"

    @property
    def mark(self) -> str:
        return {Standing.OK: "✓", Standing.WRONG: "✗", Standing.SKIPPED: "\N{EN DASH}"}[self]


@dataclass(frozen=True, slots=True)
class Finding:
    """`check` names what was looked at and `code` what is wrong with it; neither ever changes.

    `says` is one line for a person, `advice` what to do.
    """

    check: str
    standing: Standing
    says: str
    code: str | None = None
    advice: str | None = None


def good(check: str, says: str) -> Finding:
    return Finding(check, Standing.OK, says)


def wrong(check: str, code: str, says: str, advice: str) -> Finding:
    return Finding(check, Standing.WRONG, says, code, advice)


def skipped(check: str, why: str, advice: str | None = None) -> Finding:
    return Finding(check, Standing.SKIPPED, why, advice=advice)


def unanswered(check: str, error: BatchbellError, advice: str | None = None) -> Finding:
    """The finding that an error is, where a check could not be made; `advice` if nothing is there."""
    match error:
        case SignInError():
            return wrong(check, "aws.not_signed_in", str(error), "Sign in to AWS, and set AWS_REGION.")
        case ForbiddenError():
            return wrong(check, f"{check}.forbidden", str(error), "Ask for that permission in AWS.")
        case MissingError():
            return wrong(check, f"{check}.missing", str(error), advice or "Deploy again: `sam deploy`.")
        case TransientError():
            return wrong(check, f"{check}.unreachable", str(error), "Check the network, and try again.")
    return wrong(check, f"{check}.failed", str(error), "Mend what it names, and try again.")
