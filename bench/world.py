"""OpenAI, Slack and AWS on loopback, for handlers that run in processes of their own."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from botocore.exceptions import ClientError
from botocore.hooks import HierarchicalEmitter

from bench.meter import Meter, size
from local.memory_table import Item, MemoryTable
from local.openai_simulator import OpenAISimulator
from local.server import Reply, Request, Server
from local.slack_simulator import CHANNEL, SlackSimulator

ROOT = Path(__file__).parents[1]

PAGE_B = 2**20
"""DynamoDB answers a query with no more at once."""

Figures = dict[str, float]
"""What a function took (function.py) and asked for: requests by their server, read and write units."""


class World(ExitStack):
    """What one team's functions reach, until it is closed; `at` is the time of the function that ran last.

    OpenAI answers after `request_s`, or as soon as it can.
    """

    def __init__(self) -> None:
        super().__init__()
        self.at = time.time()
        self.openai = self.enter_context(OpenAISimulator(clock=lambda: self.at))
        self.request_s = 0.0
        self._answer, self.openai.answer = self.openai.answer, self._in_time
        self.slack = self.enter_context(SlackSimulator())
        self.table = MemoryTable()
        self._aws = self.enter_context(Server(self._reply))
        self._events = HierarchicalEmitter()
        self._meter = Meter(self._events, self.table.item_at)
        self._rest: dict[str, list[Item]] = {}
        self._secrets = {
            "openai-api-key": self.openai.key,
            "slack-bot-token": self.slack.token,
            "slack-signing-secret": self.slack.signing_secret,
        }

    def fill(self, many: int, open_count: int, among: int) -> None:
        """Add a day's batches, of which so many are open, evenly among the newest `among`."""
        now = int(self.at)
        for place in reversed(range(many)):
            is_open = place < among and place % (among // open_count) == 0
            created_at = now - 900 - 86_400 * place // many
            status = "in_progress" if is_open else "cancelled"
            self.openai.add(status, created_at=created_at, expires_at=now + 86_400)

    def environ(self, src: Path) -> dict[str, str]:
        """Return a small environment, like that of a function, with the code in `src`."""
        # The code of November 2026 finds the names of its secrets here.
        names = {f"{each.replace('-', '_').upper()}_PARAMETER": f"/{each}" for each in self._secrets}
        return {
            **names,
            "AWS_ACCESS_KEY_ID": "none",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": self._aws.url,
            "AWS_LAMBDA_FUNCTION_NAME": "bench",
            "AWS_SECRET_ACCESS_KEY": "none",
            "NOTIFY_ON": "completed,failed,expired",
            "OPENAI_BASE_URL": self.openai.base_url,
            "PATH": os.defpath,
            "POWERTOOLS_SERVICE_NAME": "batchbell-search",
            "PYTHONPATH": f"{src}:{ROOT}",
            "RETENTION_DAYS": "30",
            "SIGNING_SECRET": self.slack.signing_secret,
            "SLACK_BASE_URL": self.slack.base_url,
            "SLACK_CHANNEL": CHANNEL,
            "SLASH_COMMAND": "/batches",
            "TABLE_NAME": "bench",
            "TEAM_NAME": "search",
        }

    @contextmanager
    def function(self, name: str, src: Path = ROOT / "src") -> Iterator[Callable[..., Figures]]:
        """Start a function's process; what is yielded runs its handler once, so many seconds later."""
        command = [sys.executable, "-m", "bench.function", name]
        pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        with subprocess.Popen(command, env=self.environ(src), cwd=ROOT, **pipes) as process:

            def run(after_s: float = 60) -> Figures:
                before = self._counts()
                print(after_s, file=process.stdin, flush=True)
                report: Figures = json.loads(process.stdout.readline())
                self.at = report["at"]
                return report | {name: count - before[name] for name, count in self._counts().items()}

            yield run

    def _counts(self) -> Figures:
        return {
            "openai": len(self.openai.requests),
            "slack": len(self.slack.messages),
            "table": self._meter.requests,
            "reads": self._meter.read_units,
            "writes": self._meter.write_units,
        }

    def _in_time(self, request: Request) -> Reply:
        started_s = time.perf_counter()
        reply = self._answer(request)
        return replace(reply, delay_s=max(0.0, self.request_s - (time.perf_counter() - started_s)))

    def _reply(self, request: Request) -> Reply:
        """Answer as DynamoDB and SSM do."""
        service, _, operation = request.headers["x-amz-target"].partition(".")
        asked, status = json.loads(request.body), 200
        try:
            content = self._secret(asked["Name"]) if service == "AmazonSSM" else self._metered(operation, asked)
        except ClientError as error:
            content, status = {**error.response, "__type": error.response["Error"]["Code"]}, 400
        return Reply(status, json.dumps(content).encode(), {"content-type": "application/x-amz-json-1.0"})

    def _secret(self, name: str) -> Item:
        return {"Parameter": {"Name": name, "Value": self._secrets[name.rpartition("/")[2]]}}

    def _metered(self, operation: str, asked: Item) -> Item:
        """Answer from the table; the meter learns of it as it does of boto3's requests."""
        about: Any = {"model": SimpleNamespace(name=operation), "context": {}}
        self._events.emit("before-call.dynamodb", params={"body": json.dumps(asked)}, **about)
        content: Item = {}
        try:
            content = self._page(asked) if operation == "Query" else self.table(operation, asked)
        finally:
            self._events.emit("after-call.dynamodb", parsed=content, **about)
        return content

    def _page(self, asked: Item) -> Item:
        """Answer a query in pages of 1 MB."""
        token = asked.get("ExclusiveStartKey", {}).get("page", {}).get("S")
        found = {"Items": self._rest.pop(token)} if token else self.table("Query", asked)
        items, count, size_b = found["Items"], 0, 0
        while count < len(items) and size_b < PAGE_B:
            size_b += size(items[count])
            count += 1
        if count < len(items):
            token = str(len(items))
            self._rest[token] = items[count:]
            found = {"LastEvaluatedKey": {"page": {"S": token}}}
        return {**found, "Items": items[:count]}
