"""Show: everything about one batch."""

import time
from argparse import Namespace

from batchbell.adapters.openai_verbatim import listed_batch
from batchbell.domain.printed.facts import facts_of
from batchbell.handlers.terminal.openai import openai_of
from batchbell.handlers.terminal.screen import complain, doing

_PATIENCE_S = 60


def run(chosen: Namespace) -> int:
    openai = openai_of(chosen)
    with doing("asking for the batch"):
        found = listed_batch(openai, chosen.id, deadline_at=time.time() + _PATIENCE_S)
    if found is None or found.batch is None:
        return complain(f"{openai.base_url} knows no batch {chosen.id}: is it of this key's project?")
    print(found.verbatim if chosen.json else "\n".join(facts_of(found.batch, time.time())))
    return 0
