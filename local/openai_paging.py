"""Paging: the page of a list that a query asks for, as OpenAI and as other servers understand it."""

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any

from local.openai_faults import error_body
from local.openai_rows import Row


class After(StrEnum):
    """What becomes of an `after` that names no batch. `NEVER_KNOWN` repeats the first page for ever."""

    REFUSED = "refused"
    EMPTY_PAGE = "empty page"
    FIRST_PAGE = "first page"
    NEVER_KNOWN = "never known"


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
    if after is not None and unknown_after is not After.NEVER_KNOWN:
        place = next((place for place, row in enumerate(rows) if row["id"] == after), None)
        if place is not None:
            rows = rows[place + 1 :]
        elif unknown_after is After.REFUSED:
            return 400, error_body(f"No batch found with id '{after}'.", None, "after")
        elif unknown_after is After.EMPTY_PAGE:
            rows = []
    shown = [sent(row) for row in rows[: int(limit)]]
    return 200, {
        "object": "list",
        "data": shown,
        "first_id": shown[0].get("id") if shown else None,
        "last_id": shown[-1].get("id") if shown else None,
        "has_more": len(rows) > int(limit),
    }


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
