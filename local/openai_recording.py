"""Recording: a recorded answer of List Batches, set back so that its newest batches end once more."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.openai_rows import Row, counts

ENDS = ("completed", "failed", "expired", "cancelled")

_LIVE = 10
_NEWEST_AGE_S = 5
_MOST_APART_S = 60


class RecordingError(Exception):
    """The file is no recorded answer of List Batches."""


@dataclass(frozen=True, slots=True)
class Recording:
    """Recorded rows, newest first, as if recorded just now.

    `live` are the newest ten, each as it is shown at first and as it was recorded. One recorded
    open cannot end as recorded: it is shown as it was, and stays so.
    """

    history: tuple[Row, ...]
    live: tuple[tuple[Row, Row], ...]

    @property
    def ending(self) -> tuple[Row, ...]:
        """The recorded rows of those that are shown open and have an end to come."""
        return tuple(recorded for _, recorded in self.live if recorded["status"] in ENDS)

    @property
    def staying_open(self) -> tuple[Row, ...]:
        """Those that were recorded open, for which no end is known."""
        rows = (*(open_row for open_row, _ in self.live), *self.history)
        ending = {recorded["id"] for recorded in self.ending}
        return tuple(row for row in rows if row["status"] not in ENDS and row["id"] not in ending)


def load(path: Path, now: float) -> Recording:
    """The recording in this file, with its times shifted to before `now`.

    History is shifted as one, so that order, ties and durations stay. The live ones are brought
    close together, in their order: days lie between some, and each is to look newly created.

    Raises: RecordingError, in one line.
    """
    rows = sorted(_rows(path), key=lambda row: -row["created_at"])
    live = []
    created_at = int(now) - _NEWEST_AGE_S
    for place, row in enumerate(rows[:_LIVE]):
        if place:
            created_at -= min(rows[place - 1]["created_at"] - row["created_at"], _MOST_APART_S)
        live.append(_live(_shifted(row, created_at - row["created_at"]), int(now)))
    past = rows[_LIVE:]
    last_at = max((time for row in past for time in _times(row).values()), default=0)
    return Recording(tuple(_shifted(row, created_at - 1 - last_at) for row in past), tuple(live))


def as_ended(recorded: Row, now: float) -> Row:
    """The recorded row as it is when its batch ends now: only the times of its end are other ones."""
    start_at = recorded.get("in_progress_at") or recorded["created_at"]
    times = {name: time for name, time in _times(recorded).items() if time > start_at}
    by = int(now) - max(times.values(), default=start_at)
    ended = {name: max(time + by, start_at) for name, time in times.items()}
    return recorded | ended | {f"{recorded['status']}_at": int(now)}


def _live(recorded: Row, now: int) -> tuple[Row, Row]:
    """As it is shown at first, and as it was recorded; it has not started after `now`."""
    if recorded["status"] not in ENDS:
        shown = recorded | {name: min(time, now) for name, time in _times(recorded).items()}
        return shown, shown
    started_at = min(recorded.get("in_progress_at") or recorded["created_at"], now)
    if recorded.get("in_progress_at"):
        recorded = recorded | {"in_progress_at": started_at}
    unset = {name: None for name in _times(recorded) if name != "created_at"}
    unset |= {
        name: None for name in ("errors", "output_file_id", "error_file_id", "usage") if name in recorded
    }
    total = (recorded.get("request_counts") or {}).get("total") or 0
    open_row = recorded | unset | {"status": "in_progress", "in_progress_at": started_at}
    return open_row | {"request_counts": counts(total, 0, 0)}, recorded


def _times(row: Row) -> dict[str, int]:
    """The times at which something happened to the batch."""
    return {
        name: value
        for name, value in row.items()
        if name.endswith("_at") and name != "expires_at" and isinstance(value, int)
    }


def _shifted(row: Row, by: int) -> Row:
    expires = {"expires_at": row["expires_at"] + by} if isinstance(row.get("expires_at"), int) else {}
    return row | expires | {name: time + by for name, time in _times(row).items()}


def _rows(path: Path) -> list[Row]:
    try:
        content: Any = json.loads(path.read_bytes())
    except OSError as error:
        raise RecordingError(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise RecordingError(f"{path}: not JSON") from error
    rows = content.get("data") if isinstance(content, dict) else content
    if not isinstance(rows, list) or not rows:
        raise RecordingError(f"{path}: no list of batches")
    for place, row in enumerate(rows, start=1):
        if not isinstance(row, dict) or not isinstance(row.get("created_at"), int):
            raise RecordingError(f"{path}: row {place} is not a batch")
        if not isinstance(row.get("id"), str) or not isinstance(row.get("status"), str):
            raise RecordingError(f"{path}: row {place} is not a batch")
    return rows
