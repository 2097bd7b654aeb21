"""List: the batches as OpenAI lists them, as a table or as they came."""

import sys
import time
from argparse import Namespace

from batchbell.adapters.openai_verbatim import listed_page
from batchbell.domain.batch import Status
from batchbell.domain.listed import STATUSES, Listed, ListedPage
from batchbell.domain.printed.table import table_of
from batchbell.flows.browse import browse
from batchbell.handlers.terminal.openai import PATIENCE_S, openai_of
from batchbell.handlers.terminal.screen import doing


def run(chosen: Namespace) -> int:
    openai = openai_of(chosen)
    read = 0

    def page(after: str | None, limit: int) -> ListedPage:
        nonlocal read
        with doing(f"listing batches, {read:,} read" if read else "listing batches"):
            answer = listed_page(openai, after, limit, deadline_at=time.time() + PATIENCE_S)
        read += len(answer.rows)
        return answer

    found: list[Listed] = []
    for row in browse(page, chosen.status, chosen.after, chosen.limit):
        found.append(row)
        if chosen.json:
            print(row.verbatim)
    if not chosen.json and found:
        print("\n".join(table_of(found, time.time())))
    _say_what_follows(chosen, found)
    return 0


def _say_what_follows(chosen: Namespace, found: list[Listed]) -> None:
    """How to go on, for a person only."""
    if not found and not chosen.json:
        kind = "" if chosen.status == "all" else f" that is {chosen.status}"
        known = "" if chosen.status in STATUSES else f" The documented statuses are {', '.join(Status)}."
        print(f"There is no batch{kind}.{known}", file=sys.stderr)
    last = found[-1].batch if found else None
    if len(found) == chosen.limit and last and sys.stdout.isatty():
        print(f"Older ones: --after {last.id}", file=sys.stderr)
