"""Faults: what may become of a call to the outside."""

from enum import StrEnum


class System(StrEnum):
    """Whom a call is made of; Slack's reading and posting go wrong differently."""

    OPENAI = "OpenAI"
    TABLE = "the table"
    POST = "a post to Slack"
    READ = "a look at Slack"


class Fault(StrEnum):
    REFUSED = "refused"
    THROTTLED = "throttled"
    BROKEN = "broken"
    SLOW = "slow"
    SILENT = "silent"
    CUT_BEFORE = "cut before it took effect"
    CUT_AFTER = "cut after it took effect"
    TWICE = "made twice"
    EMPTY = "answered emptily"
    UNKNOWN = "answered as unknown"
    CONFLICT = "in conflict with another write"
    UNFIT = "called faulty"
    FAILED_AFTER = "called failed after it took effect"
    LATE = "effective 20 seconds later, unanswered"
    VERY_LATE = "effective 200 seconds later, unanswered"
    KILLED_BEFORE = "killed before"
    KILLED_AFTER = "killed after"


_EVERYWHERE = (
    Fault.REFUSED,
    Fault.THROTTLED,
    Fault.SLOW,
    Fault.CUT_BEFORE,
    Fault.CUT_AFTER,
    Fault.KILLED_BEFORE,
    Fault.KILLED_AFTER,
)

KINDS = {
    System.OPENAI: (*_EVERYWHERE, Fault.BROKEN, Fault.SILENT, Fault.EMPTY, Fault.UNKNOWN),
    System.TABLE: (*_EVERYWHERE, Fault.BROKEN, Fault.TWICE, Fault.CONFLICT),
    System.POST: (
        *_EVERYWHERE,
        Fault.BROKEN,
        Fault.SILENT,
        Fault.UNFIT,
        Fault.FAILED_AFTER,
        Fault.LATE,
        Fault.VERY_LATE,
    ),
    System.READ: (*_EVERYWHERE, Fault.BROKEN, Fault.SILENT),
}
"""What is tried of each; the time that a call takes by itself varies anyway."""
