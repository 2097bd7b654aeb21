"""Redeliver: what is parked is tried now."""

import json
from argparse import Namespace
from dataclasses import asdict

from batchbell.adapters.outbox_table import OutboxTable
from batchbell.domain.message.wording import counted
from batchbell.flows.redeliver import RedeliverResult, redeliver
from batchbell.handlers.terminal.deployment import deployment_of
from batchbell.handlers.terminal.screen import complain, doing


def run(chosen: Namespace) -> int:
    deployment = deployment_of(chosen.team, chosen.stack)

    def ring() -> str | None:
        with doing("the poll function delivers; it may take two minutes"):
            return deployment.run()

    result = redeliver(OutboxTable(deployment.table), ring, deployment.channel)
    if chosen.json:
        print(json.dumps(asdict(result or RedeliverResult())))
    elif result is None:
        print("Nothing is parked.")
    else:
        _tell(result)
    if result and result.failure:
        return complain(f"the poll function failed ({result.failure}): see its log, or `batchbell doctor`")
    return int(bool(result and result.left))


def _tell(result: RedeliverResult) -> None:
    print(f"{counted(len(result.delivered), 'notification')} delivered.")
    for each in result.left:
        print(f"{'still parked' if each.is_parked else 'still waiting'}: {each.id}: {each.reason}")
