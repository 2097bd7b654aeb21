"""Door: what the slash command's address answers to a forged and to a signed request."""

from dataclasses import dataclass

from batchbell.domain.diagnosis.finding import Finding, good, skipped, wrong
from batchbell.domain.reply.regret import REGRETS

FORGED, SIGNED, APP = "slash.forged", "slash.signed", "slash.app"

PATIENCE_S = 3
"""How long Slack waits for an answer."""


@dataclass(frozen=True, slots=True)
class DoorAnswer:
    """One answer; `status` is 0 where none came, and `trouble` says why. `text` is what it says."""

    status: int
    took_s: float = 0
    text: str | None = None
    trouble: str = ""


def forged_finding(answer: DoorAnswer, url: str) -> Finding:
    if answer.status == 401:
        return good(FORGED, f"{url} refuses what Slack did not sign")
    if answer.status == 0:
        return _unreachable(FORGED, answer, url)
    if 200 <= answer.status < 300:
        advice = "Somebody else answers there, or anyone is answered: deploy the stack again."
        return wrong(FORGED, "slash.forgery_accepted", f"{url} answered a forged request", advice)
    return _broken(FORGED, answer, url)


def signed_finding(answer: DoorAnswer, url: str) -> Finding:
    """Whether a command signed with the stored secret is answered, in time and by batchbell."""
    if answer.status == 0:
        return _unreachable(SIGNED, answer, url)
    if answer.status == 401:
        advice = "If it was stored just now, ask again in a minute; else the Slack function's log says why."
        says = "A request signed with the stored signing secret is refused"
        return wrong(SIGNED, "slash.signature_refused", says, advice)
    if answer.status != 200 or not answer.text:
        return _broken(SIGNED, answer, url)
    if answer.text in [regret.text for regret in REGRETS]:
        advice = "Look at the Slack function's log."
        return wrong(SIGNED, "slash.no_answer", f"It answers: {answer.text}", advice)
    if answer.took_s > PATIENCE_S:
        says = f"It took {answer.took_s:.1f} s to answer, and Slack waits {PATIENCE_S} s"
        return wrong(SIGNED, "slash.slow", says, "Ask again: only a cold start may take longer.")
    return good(SIGNED, f"A signed command was answered in {answer.took_s:.1f} s")


def app_finding(url: str, command: str) -> Finding:
    """What can be seen in Slack only."""
    return skipped(
        APP,
        "Whether the Slack app has this URL and signing secret, only Slack can tell",
        f"Type `{command} status` in Slack. If it fails, the app's slash command must have the Request URL "
        f"{url}, and the secret stored must be the app's Signing Secret.",
    )


def _unreachable(check: str, answer: DoorAnswer, url: str) -> Finding:
    says = f"{url} does not answer ({answer.trouble})"
    return wrong(check, "slash.unreachable", says, "Check the network, and that the stack is deployed.")


def _broken(check: str, answer: DoorAnswer, url: str) -> Finding:
    says = f"{url} answered {answer.status}{' with no message' if answer.status == 200 else ' instead'}"
    return wrong(check, "slash.broken", says, "Look at the Slack function's log, and deploy again.")
