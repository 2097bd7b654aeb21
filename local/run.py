"""Run: batchbell on this machine, with the real OpenAI and the real Slack, until Ctrl-C."""

import json
import os
import re
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from local.aws import ROOT, Invocation, LocalAws, LocalAwsError

STATE = ROOT / ".state"
EVERY_S = 60
wait = time.sleep
SAID_BY_THE_SUMMARY = ("The poll ended early", "Slack did not take a message")
WANTED = {
    "OPENAI_API_KEY": "a key that may read batches",
    "SLACK_BOT_TOKEN": "the bot's token, xoxb-…, with chat:write and channels:history",
    "SLACK_CHANNEL": "the id of a channel that the bot is a member of, C…",
}


def main() -> None:
    """Deploy, then wake the bot every minute; what it knows is kept in `.state/`."""
    missing = [f"{name} ({what})" for name, what in WANTED.items() if not os.environ.get(name)]
    if missing:
        sys.exit(f"make run: please set {', '.join(missing)}")
    if not re.fullmatch("[CGD][A-Z0-9]{2,}", os.environ["SLACK_CHANNEL"]):
        sys.exit(
            "make run: SLACK_CHANNEL wants the channel's id, C…, at the bottom of its details, not its name"
        )
    # A terminal that closes, or `kill`, is to end it as cleanly as Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.default_int_handler)
    try:
        run(os.environ, STATE)
    except LocalAwsError as error:
        sys.exit(f"make run: {error}")
    except KeyboardInterrupt:
        _say("stopped; the next run goes on from here")


def run(environ: Mapping[str, str], state: Path) -> None:
    """Deploy to an AWS kept in `state`, and tick until something ends it."""
    _say("a local AWS starts; the real template is built and deployed to it")
    state.mkdir(exist_ok=True)
    state.chmod(0o700)  # the secrets are in it
    with LocalAws(state) as aws:
        outputs = aws.deploy("batchbell-local", _parameters(environ))
        aws.put_secret("/batchbell/local/openai-api-key", environ["OPENAI_API_KEY"])
        aws.put_secret("/batchbell/local/slack-bot-token", environ["SLACK_BOT_TOKEN"])
        _say(f"batchbell runs; it polls every {EVERY_S} s until Ctrl-C")
        while True:
            for line in told(aws.invoke(outputs["PollFunctionName"])):
                _say(line)
            wait(EVERY_S)


def told(invocation: Invocation) -> Iterator[str]:
    """What a tick did, from its log: a line for each thing worth a person's while."""
    if invocation.has_failed:
        yield f"the function failed: {invocation.payload}"
    for line in map(_json, invocation.log.splitlines()):
        if line.get("message") in SAID_BY_THE_SUMMARY:
            continue
        if line.get("level") in ("WARNING", "ERROR"):
            yield f"{line['message']}: {line.get('reason', line.get('exception', ''))}"
        elif line.get("message") == "Ran":
            yield from _summary(line)


def _summary(line: Mapping[str, Any]) -> Iterator[str]:
    polled, last = line.get("poll", {}), line.get("deliver_again", {})
    delivered = line.get("deliver", {}).get("delivered", 0) + last.get("delivered", 0)
    if polled.get("failure"):
        yield f"the poll ended early: {polled['failure']}"
    elif polled:
        yield f"{polled['open']} open, {polled['recorded']} changed, {delivered} announced"
    if reason := last.get("not_taken") or last.get("stopped_by"):
        yield f"{last['waiting']} waiting for Slack: {reason}"


def _parameters(environ: Mapping[str, str]) -> dict[str, str]:
    parameters = {
        "TeamName": "local",
        "SlackChannel": environ["SLACK_CHANNEL"],
        "PollSchedule": "rate(5 minutes)",
        "OpenAIBaseUrl": environ.get("OPENAI_BASE_URL", ""),
        "OpenAIApiVersion": environ.get("OPENAI_API_VERSION", ""),
        "SlackBaseUrl": environ.get("SLACK_BASE_URL", ""),
        "NotifyOn": environ.get("NOTIFY_ON", ""),
    }
    return {name: value for name, value in parameters.items() if value}


def _json(line: str) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')}  {text}", flush=True)


if __name__ == "__main__":
    main()
