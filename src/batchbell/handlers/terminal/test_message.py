"""Test message: posted as every other, with the stored token."""

import json
import time
from argparse import Namespace

from batchbell.domain.diagnosis.slack import ANY_BOT, Identity, advice_for, refusal_in
from batchbell.domain.message.trial import trial_for
from batchbell.domain.notification import Accepted, Answer, Form, Unclear
from batchbell.domain.secret import Slot
from batchbell.handlers.terminal.deployment import Deployment, deployment_of
from batchbell.handlers.terminal.screen import complain, doing


def run(chosen: Namespace) -> int:
    deployment = deployment_of(chosen.team, chosen.stack)
    token = deployment.wanted_secret(Slot.SLACK_BOT_TOKEN)
    message = trial_for(deployment.settings.team, int(time.time()))
    with doing("posting"):
        answer = deployment.messages(token).post(deployment.channel, message, Form.BLOCKS)
    if not isinstance(answer, Accepted):
        return complain(_why_not(answer, deployment, token))
    link = _link(deployment, token, answer)
    if chosen.json:
        print(json.dumps({"channel": answer.channel, "ts": answer.ts, "link": link or None}))
    else:
        print(f"Posted to {answer.channel}: {link or f'message {answer.ts}'}")
    return 0


def _why_not(answer: Answer, deployment: Deployment, token: str) -> str:
    channel = deployment.channel
    reason = "" if isinstance(answer, Accepted) else answer.reason
    if isinstance(answer, Unclear):
        return f"{reason}: it may or may not have been posted; look into the channel {channel}"
    refusal = refusal_in(reason)
    who = deployment.identity(token) if refusal else None
    name = who.name if isinstance(who, Identity) else ANY_BOT
    return f"not posted to {channel}: {reason}. {advice_for(refusal, channel, name) if refusal else ''}"


def _link(deployment: Deployment, token: str, posted: Accepted) -> str:
    who = deployment.identity(token)
    if not isinstance(who, Identity) or not who.url.startswith("https://"):
        return ""
    return f"{who.url}archives/{posted.channel}/p{posted.ts.replace('.', '')}"
