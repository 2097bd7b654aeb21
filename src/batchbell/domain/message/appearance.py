"""Appearance: the emoji and the colour that go with the words of a message, never without them."""

from dataclasses import dataclass

from batchbell.domain.batch import Batch
from batchbell.domain.notification import Gone, KeyAccepted, KeyRefused, Subject, Watching
from batchbell.domain.verdict import Verdict, verdict_for

_GREEN, _AMBER, _RED, _GREY, _BLUE = "#2eb67d", "#ecb22e", "#e01e5a", "#8d8d8d", "#1d9bd1"


@dataclass(frozen=True, slots=True)
class Appearance:
    """How one kind of news looks; `label` is what it is called when it is counted."""

    emoji: str
    colour: str
    label: str


_WORST_FIRST: dict[Verdict | type[Subject] | None, Appearance] = {
    KeyRefused: Appearance(":no_entry:", _RED, "refused key"),
    Verdict.FAILED: Appearance(":x:", _RED, "failed"),
    Verdict.ALL_FAILED: Appearance(":x:", _RED, "completed without success"),
    Verdict.EXPIRED: Appearance(":alarm_clock:", _RED, "expired"),
    Verdict.PARTLY_FAILED: Appearance(":warning:", _AMBER, "partly failed"),
    Gone: Appearance(":mag:", _AMBER, "gone"),
    Verdict.UNKNOWN: Appearance(":grey_question:", _AMBER, "unclear"),
    Verdict.EMPTY: Appearance(":warning:", _AMBER, "empty"),
    Verdict.CANCELLED: Appearance(":black_square_for_stop:", _GREY, "cancelled"),
    None: Appearance(":hourglass_flowing_sand:", _BLUE, "still open"),
    Watching: Appearance(":eyes:", _BLUE, "now watched"),
    KeyAccepted: Appearance(":key:", _BLUE, "accepted key"),
    Verdict.SUCCEEDED: Appearance(":white_check_mark:", _GREEN, "succeeded"),
}


def appearance_of(subject: Subject) -> Appearance:
    return _WORST_FIRST[_kind(subject)]


def badness(subject: Subject) -> int:
    """A key that sorts the worst news first."""
    return list(_WORST_FIRST).index(_kind(subject))


def _kind(subject: Subject) -> Verdict | type[Subject] | None:
    return verdict_for(subject) if isinstance(subject, Batch) else type(subject)
