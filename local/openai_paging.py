"""Paging: the page of a list that a query asks for, as OpenAI and as other servers understand it."""

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from hashlib import md5
from typing import Any

from local.openai_faults import error_body
from local.openai_rows import Row


class After(StrEnum):
    """What becomes of an `after` that names no batch.

    The last three know none at all. `NEVER_KNOWN` repeats the first page for ever, `COMPARED` shows
    the newest of the batches whose hidden ids are greater, `PROMISED` an empty page before more.
    """

    REFUSED = "refused"
    EMPTY_PAGE = "empty page"
    FIRST_PAGE = "first page"
    NEVER_KNOWN = "never known"
    COMPARED = "compared"
    PROMISED = "promised"


def page(
    rows: Sequence[Row],
    query: Mapping[str, str],
    unknown_after: After,
    sent: Callable[[Row], Row],
) -> tuple[int, Any]:
    """Status and body of the answer; `rows` are newest first, `sent` rewrites each."""
    limit, after = query.get("limit", "20"), query.get("after")
    if wrong := _wrong_limit(limit):
        return 400, wrong
    if after is not None:
        found = _older(rows, after, unknown_after)
        if found is None:
            return 400, error_body(f"No batch found with id '{after}'.", None, "after")
        rows = found
    is_promised = after is not None and unknown_after is After.PROMISED
    return 200, listing([sent(row) for row in rows[: int(limit)]], is_promised or len(rows) > int(limit))


def listing(shown: Sequence[Row], has_more: bool) -> Row:
    """These rows in the frame of the API."""
    return {
        "object": "list",
        "data": list(shown),
        "first_id": shown[0].get("id") if shown else None,
        "last_id": shown[-1].get("id") if shown else None,
        "has_more": has_more,
    }


def _older(rows: Sequence[Row], after: str, unknown_after: After) -> Sequence[Row] | None:
    """The rows after that one; None where this is refused."""
    match unknown_after:
        case After.NEVER_KNOWN:
            return rows
        case After.COMPARED:
            return [row for row in rows if md5(row["id"].encode()).hexdigest() > after]
        case After.PROMISED:
            return []
    place = next((place for place, row in enumerate(rows) if row["id"] == after), None)
    if place is not None:
        return rows[place + 1 :]
    return {After.EMPTY_PAGE: [], After.FIRST_PAGE: rows}.get(unknown_after)


def _wrong_limit(limit: str) -> Row | None:
    """What the API says of a wrong limit. It takes 0, and answers an empty page."""
    try:
        number = int(limit)
    except ValueError:
        message = "Invalid type for 'limit': expected an integer, but got a string instead."
        return error_body(message, "invalid_type", "limit")
    if 0 <= number <= 100:
        return None
    bound, wanted = ("above maximum", "<= 100") if number > 100 else ("below minimum", ">= 0")
    return error_body(
        f"Invalid 'limit': integer {bound} value. Expected a value {wanted}, but got {number} instead.",
        f"integer_{bound.replace(' ', '_')}_value",
        "limit",
    )
