"""Secrets: asked for unseen, checked with their services, and stored."""

import sys
from argparse import Namespace
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import Enum
from getpass import getpass

from batchbell.domain.diagnosis.finding import Finding, Standing
from batchbell.domain.diagnosis.openai import key_finding
from batchbell.domain.diagnosis.slack import scope_findings, token_finding
from batchbell.domain.errors import BatchbellError
from batchbell.domain.refusal import Refusal
from batchbell.domain.secret import WANTED, Slot, misfit, parameter_name
from batchbell.handlers.terminal.deployment import Deployment, deployment_of
from batchbell.handlers.terminal.screen import doing

_MOST_TRIES = 3


class Outcome(Enum):
    """What is stored in the end. KEPT: a new secret was refused, and the one from before is."""

    STORED = 1
    KEPT = 2
    MISSING = 3


def run(chosen: Namespace) -> int:
    deployment = deployment_of(chosen.team, chosen.stack)
    tries = _MOST_TRIES if sys.stdin.isatty() else 1
    outcomes = {slot: _settled(deployment, slot, tries) for slot in Slot}
    missing, kept = (_with(outcome, outcomes) for outcome in (Outcome.MISSING, Outcome.KEPT))
    print()
    if kept:
        print(f"Not replaced: {kept}. What was stored before is kept.")
    if missing:
        print(f"Not stored: {missing}. Until all three are, batchbell does not work.")
    if kept or missing:
        return 1
    print(f"All three are stored. See whether all is well: batchbell doctor --team {chosen.team}")
    return 0


def _settled(deployment: Deployment, slot: Slot, tries: int) -> Outcome:
    name = parameter_name(deployment.settings.team, slot)
    stored = deployment.secrets.stored(name)
    print(f"{slot}: {WANTED[slot]}")
    if stored:
        at = datetime.fromtimestamp(stored.at, UTC).strftime("%Y-%m-%d %H:%M UTC")
        print(f"  one is stored since {at}; Enter keeps it")
    for _ in range(tries):
        secret = _read(f"  {slot} (not shown): ")
        if not secret:
            print("  kept" if stored else "  skipped")
            return Outcome.STORED if stored else Outcome.MISSING
        if is_accepted(deployment, slot, secret, lambda says: print(f"  {says}")):
            deployment.secrets.store(name, secret)
            print(f"  stored as {name}{', in the place of the one before' if stored else ''}")
            return Outcome.STORED
    return Outcome.KEPT if stored else Outcome.MISSING


def _with(outcome: Outcome, outcomes: Mapping[Slot, Outcome]) -> str:
    return ", ".join(slot for slot, came in outcomes.items() if came is outcome)


def is_accepted(deployment: Deployment, slot: Slot, secret: str, say: Callable[[str], None]) -> bool:
    """Whether the secret may be stored; `say` is told why, and never the secret."""
    if why := misfit(slot, secret, is_openai=deployment.is_openai):
        say(f"✗ {why}")
        return False
    if slot is Slot.SLACK_SIGNING_SECRET:
        say("✓ it has the form of one; only `batchbell doctor` and a command typed in Slack can prove it")
        return True
    with doing("checking it"):
        findings = _findings(deployment, slot, secret)
    for each in findings:
        say(f"{each.standing.mark} {each.says}{f'. {each.advice}' if each.advice else ''}")
    return findings[0].standing is Standing.OK


def _findings(deployment: Deployment, slot: Slot, secret: str) -> list[Finding]:
    """The first of them decides; a scope that the token lacks can be granted later."""
    if slot is Slot.OPENAI_API_KEY:
        return [key_finding(deployment.list_answer(secret), deployment.openai_base_url)]
    who = deployment.identity(secret)
    return [token_finding(who), *([] if isinstance(who, Refusal) else scope_findings(who))]


def _read(prompt: str) -> str:
    """One secret, trimmed; empty for none."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().strip()
    try:
        return getpass(prompt).strip()
    except EOFError:
        raise BatchbellError("the input ended") from None
