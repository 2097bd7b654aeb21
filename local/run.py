"""batchbell on this machine, with the real OpenAI and the real Slack, until Ctrl-C."""

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
WANTED = {
    "OPENAI_API_KEY": "a key that may read batches",
    "SLACK_BOT_TOKEN": "the bot's token, xoxb-…, with chat:write and channels:history",
    "SLACK_CHANNEL": "the id of a channel that the bot is a member of, C…",
}
OPTIONAL = {
    "OPENAI_BASE_URL": "OpenAIBaseUrl",
    "OPENAI_API_VERSION": "OpenAIApiVersion",
    "SLACK_BASE_URL": "SlackBaseUrl",
    "NOTIFY_ON": "NotifyOn",
    "ERROR_FILES": "ErrorFiles",
}
_IN_THE_SUMMARY = ("The poll ended early", "Slack did not take a message")


def main() -> None:
    """Deploy, then invoke the bot every minute; its state stays in `.state/`."""
    missing = [f"{name} ({what})" for name, what in WANTED.items() if not os.environ.get(name)]
    if missing:
        sys.exit(f"make run: please set {', '.join(missing)}")
    if not re.fullmatch("[CGD][A-Z0-9]{2,}", os.environ["SLACK_CHANNEL"]):
        sys.exit("make run: SLACK_CHANNEL is the channel's id, C…, at the bottom of its details, not its name")
    end_as_by_ctrl_c()
    try:
        run(os.environ, STATE)
    except LocalAwsError as error:
        sys.exit(f"make run: {error}")
    except KeyboardInterrupt:
        _print("stopped; the next run goes on from here")


def run(environ: Mapping[str, str], state: Path) -> None:
    """Deploy to an AWS kept in `state`, and invoke the bot until something ends it."""
    _print("a local AWS starts; the real template is built and deployed to it")
    state.mkdir(exist_ok=True)
    state.chmod(0o700)  # the secrets are in it
    parameters = {parameter: environ[name] for name, parameter in OPTIONAL.items() if environ.get(name)}
    parameters |= {"TeamName": "local", "PollSchedule": "rate(5 minutes)"}
    with LocalAws(state) as aws:
        outputs = aws.deploy("batchbell-local", parameters | {"SlackChannel": environ["SLACK_CHANNEL"]})
        aws.put_secret("/batchbell/local/openai-api-key", environ["OPENAI_API_KEY"])
        aws.put_secret("/batchbell/local/slack-bot-token", environ["SLACK_BOT_TOKEN"])
        _print(f"batchbell runs; it polls every {EVERY_S} s until Ctrl-C")
        while True:
            for line in summary_of(aws.invoke(outputs["PollFunctionName"])):
                _print(line)
            time.sleep(EVERY_S)


def end_as_by_ctrl_c() -> None:
    """Let a terminal that closes, or `kill`, end this process as cleanly as Ctrl-C, which a shell's `&` ignores."""
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.default_int_handler)


def summary_of(invocation: Invocation) -> Iterator[str]:
    """Yield what a person should know about a run of the poll function, from its log."""
    if invocation.has_failed:
        yield f"the function failed: {invocation.payload}"
    for line in map(_json, invocation.log.splitlines()):
        if line.get("message") in _IN_THE_SUMMARY:
            continue
        if line.get("level") in ("WARNING", "ERROR"):
            yield f"{line['message']}: {line.get('reason', line.get('exception', ''))}"
        elif line.get("message") == "Ran":
            yield from _counters(line)


def _counters(line: Mapping[str, Any]) -> Iterator[str]:
    polled, last = line.get("poll", {}), line.get("deliver_again", {})
    delivered = line.get("deliver", {}).get("delivered", 0) + last.get("delivered", 0)
    if polled.get("failure"):
        yield f"the poll ended early: {polled['failure']}"
    elif polled:
        yield f"{polled['open']} open, {polled['recorded']} changed, {delivered} announced"
    if reason := last.get("not_taken") or last.get("stopped_by"):
        yield f"{last['waiting']} waiting for Slack: {reason}"


def _json(line: str) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _print(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')}  {text}", flush=True)


if __name__ == "__main__":
    main()
