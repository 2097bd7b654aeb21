"""Show: everything about one batch."""

import time
from argparse import Namespace

from batchbell.adapters.openai_verbatim import listed_batch
from batchbell.domain.printed.facts import facts_of
from batchbell.handlers.terminal.openai import PATIENCE_S, openai_of
from batchbell.handlers.terminal.screen import complain, doing


def run(chosen: Namespace) -> int:
    openai = openai_of(chosen)
    with doing("asking for the batch"):
        found = listed_batch(openai, chosen.id, deadline_at=time.time() + PATIENCE_S)
    if found is None or found.batch is None:
        return complain(f"{openai.base_url} knows no batch {chosen.id}: is it of this key's project?")
    print(found.verbatim if chosen.json else "\n".join(facts_of(found.batch, time.time())))
    return 0
