"""The process of one function: imports its handler, then runs it for each line of standard input."""

import hmac
import io
import json
import os
import re
import resource
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

Handler = Callable[[Any, Any], Any]

CONTEXT = SimpleNamespace(
    function_name="bench", invoked_function_arn="arn:bench", get_remaining_time_in_millis=lambda: 150_000
)
"""With the poll function's timeout, as in template.yaml."""


def poll() -> Handler:
    return _handler(0)


def slack() -> Handler:
    return _handler(1)


def _handler(place: int) -> Handler:
    """Import the handler that stands at this place in the template beside the source."""
    template = Path(os.environ["PYTHONPATH"].partition(":")[0], "../template.yaml").read_text()
    names = re.findall(r"Handler: (batchbell\.handlers\.\w+)\.lambda_handler", template)
    return import_module(names[place]).lambda_handler


def boto3_alone() -> Handler:
    import boto3  # noqa: PLC0415

    key = {"pk": {"S": "none"}, "sk": {"S": "none"}}
    client = boto3.client("dynamodb")
    return lambda *_: client.get_item(TableName="none", Key=key) and None


def usual_way() -> Handler:
    """Return the handler of the same bot made with Slack's framework and OpenAI's package."""
    import boto3  # noqa: PLC0415
    from openai import OpenAI  # noqa: PLC0415
    from slack_bolt import App  # noqa: PLC0415
    from slack_bolt.adapter.aws_lambda import SlackRequestHandler  # noqa: PLC0415
    from slack_sdk import WebClient  # noqa: PLC0415

    client = WebClient("xoxb-test", base_url=os.environ["SLACK_BASE_URL"])
    app = App(client=client, signing_secret=os.environ["SIGNING_SECRET"], process_before_response=True)
    table = boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])
    boto3.client("ssm"), OpenAI(api_key="none", base_url=os.environ["OPENAI_BASE_URL"])

    @app.command("/batches")
    def answer(ack: Any, command: Any) -> None:
        ack(str(table.get_item(Key={"pk": "batch", "sk": command["text"] or "none"}).get("Item")))

    return SlackRequestHandler(app).handle


HANDLERS = {each.__name__: each for each in (poll, slack, boto3_alone, usual_way)}


class Clock:
    """The real time and what was slept: sleeping takes none."""

    def __init__(self) -> None:
        self._time, self._slept_s = time.time, 0.0

    def __call__(self) -> float:
        return self._time() + self._slept_s

    def sleep(self, seconds: float) -> None:
        self._slept_s += seconds


def command_at(now: float) -> dict[str, Any]:
    """Return the event of a signed `/batches`, as an HTTP API sends it."""
    names = {"team_id": "T0ACME", "channel_id": "C0SEARCH", "user_id": "U0ADA", "command": "/batches"}
    body, timestamp = urlencode({"token": "none", "text": "", **names}), str(int(now))
    secret, signed = os.environ["SIGNING_SECRET"].encode(), f"v0:{timestamp}:{body}".encode()
    headers = {
        "content-type": "application/x-www-form-urlencoded",
        "x-slack-request-timestamp": timestamp,
        "x-slack-signature": f"v0={hmac.digest(secret, signed, 'sha256').hex()}",
    }
    about = {"version": "2.0", "requestContext": {"http": {"method": "POST", "path": "/slack/commands"}}}
    return {**about, "rawQueryString": "", "headers": headers, "body": body, "isBase64Encoded": False}


def main(name: str) -> None:
    """Import the handler; run it for each line, which says after how many seconds, and report."""
    clock = Clock()
    time.time, time.sleep = clock, clock.sleep
    reports, sys.stdout = sys.stdout, io.StringIO()
    handler = HANDLERS[name]()
    import_cpu_s = time.process_time()
    for line in sys.stdin:
        clock.sleep(float(line))
        sys.stdout.seek(0)
        sys.stdout.truncate()
        started_at, started_cpu_s = clock(), time.process_time()
        reply = handler(command_at(started_at), CONTEXT)
        if reply and reply["statusCode"] != 200:
            raise RuntimeError(f"{name} answered {reply}")
        log = sys.stdout.getvalue()
        report = {
            "at": clock(),
            "seconds": clock() - started_at,
            "cpu_s": time.process_time() - started_cpu_s,
            "import_cpu_s": import_cpu_s,
            "modules": len(sys.modules),
            "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            "log_b": len(log.encode()),
            "log_lines": log.count("\n"),
        }
        print(json.dumps(report), file=reports, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
