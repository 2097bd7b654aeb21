"""Doctor: every check, told as it is made."""

import json
import time
from argparse import Namespace
from contextlib import nullcontext
from dataclasses import asdict

from batchbell.adapters.aws import session_of
from batchbell.adapters.slash_door import knock
from batchbell.adapters.stack import StackReader
from batchbell.domain.diagnosis.finding import Finding, Standing
from batchbell.flows.diagnose import diagnose
from batchbell.handlers.terminal.deployment import connected
from batchbell.handlers.terminal.screen import doing

_CHECK_WIDTH = 28


def run(chosen: Namespace) -> int:
    session = session_of()
    findings = diagnose(
        StackReader(session),
        lambda stack, function: connected(session, stack, function),
        lambda url, secret: knock(chosen.address_of(url), secret),
        chosen.team,
        chosen.stack,
        time.time,
    )
    count = dict.fromkeys(Standing, 0)
    while True:
        # The first check signs in, which may ask for an MFA code on the line where progress is shown.
        with doing("checking") if any(count.values()) else nullcontext():
            finding = next(findings, None)
        if finding is None:
            break
        count[finding.standing] += 1
        print(json.dumps(asdict(finding)) if chosen.json else _lines(finding), flush=True)
    if not chosen.json:
        print("\n" + "  ".join(f"{number} {standing.mark}" for standing, number in count.items()))
    return int(count[Standing.WRONG] > 0)


def _lines(finding: Finding) -> str:
    line = f"{finding.standing.mark} {finding.check:<{_CHECK_WIDTH}}  {finding.says}"
    return f"{line}\n{'':{_CHECK_WIDTH + 4}}→ {finding.advice}" if finding.advice else line
