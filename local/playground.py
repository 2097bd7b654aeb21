"""The playground: the whole stack on this machine, with a page that looks like a Slack channel, until Ctrl-C."""

import json
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from threading import Event, Thread
from typing import Any, Self

from botocore.exceptions import BotoCoreError, ClientError

from local.aws import Invocation, LocalAws, LocalAwsError
from local.openai_rows import counts
from local.openai_simulator import OpenAISimulator
from local.playground_server import Page, PageServer
from local.run import end_as_by_ctrl_c, summary_of
from local.slack_simulator import PATIENCE_S, Person, SlackSimulator
from local.team import Team, deploy

HOUR_S = 3600
TICK_EVERY_S = 5
READ_EVERY_S = 0.5
MOST_LOG_LINES = 4


def main() -> None:
    """Start everything, print where the page is, and wait."""
    end_as_by_ctrl_c()
    try:
        with started(int(os.environ.get("PORT") or 0)) as url:
            print(f"the playground is at {url} until Ctrl-C", flush=True)
            Event().wait()
    except (LocalAwsError, OSError) as error:
        sys.exit(f"make playground: {error}")
    except KeyboardInterrupt:
        print("stopped", flush=True)


@contextmanager
def started(port: int = 0, patience_s: float = PATIENCE_S) -> Iterator[str]:
    """Yield the address of a page with a team's batches; all of it ends with the `with` block."""
    with ExitStack() as stack:
        openai = stack.enter_context(OpenAISimulator())
        slack = stack.enter_context(SlackSimulator(rate_limit=True))
        print("a local AWS starts; the real template is built and deployed to it", flush=True)
        aws = stack.enter_context(LocalAws())
        team = deploy(aws, openai, slack, "search", NotifyOn="completed,failed,expired,cancelled")
        add_sample_batches(openai)
        team.store_secrets(openai.key, slack.token, slack.signing_secret)
        yield stack.enter_context(served(team, openai, slack, port, patience_s))


@contextmanager
def served(
    team: Team, openai: OpenAISimulator, slack: SlackSimulator, port: int = 0, patience_s: float = PATIENCE_S
) -> Iterator[str]:
    """Yield the address of a page; Slack waits for the app's answer for `patience_s`."""
    client = team.aws.client("dynamodb")
    with Bot(team.tick, lambda: read_outbox(client, team.table_name)) as bot:
        page = Page(openai, slack, Person(slack, team.slack_url, patience_s), bot, team.name)
        with PageServer(page, port) as server:
            bot.tick_now()
            yield server.url


def add_sample_batches(openai: OpenAISimulator) -> None:
    """Add what the team has at OpenAI when the page opens: twelve days' work, and three open batches."""
    now = int(time.time())
    for age in range(1, 25):
        at, failed = now - 12 * HOUR_S * age, int(age % 5 == 0)
        name = "Nightly embeddings" if age % 2 else "Evals of the new prompt"
        metadata = {"description": f"{name}, {time.strftime('%b %d', time.localtime(at))}"}
        fields = {"created_at": at - 900 - 60 * age, "request_counts": counts(500, 500 - failed, failed)}
        openai.add("completed", completed_at=at, metadata=metadata, **fields)
    for name, total, done, age in (
        ("Moderation backlog", 1000, 640, 2 * HOUR_S),
        ("Product tags", 800, 312, HOUR_S),
        ("Summaries of tickets", 10_000, 7412, 20 * HOUR_S),
    ):
        fields = {"created_at": now - age, "request_counts": counts(total, done, 0)}
        openai.add("in_progress", **fields, metadata={"description": name})


@dataclass(frozen=True, slots=True)
class Entry:
    """A notification in the outbox, `pending`, `unknown` or `parked`, and why."""

    id: str
    state: str
    why: str = ""


class Bot:
    """Invokes the deployed bot every few seconds, and reads its outbox; each in its own thread."""

    def __init__(self, tick: Callable[[], Invocation], read: Callable[[], Sequence[Entry]]) -> None:
        self.is_automatic = True
        self.outbox: Sequence[Entry] = ()
        self.log: deque[str] = deque(maxlen=MOST_LOG_LINES)
        self._tick, self._read = tick, read
        self._wanted, self._stopping = Event(), Event()
        loops = (self._keep_ticking, self._keep_reading)
        self._threads = [Thread(target=each, daemon=True) for each in loops]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._wanted.set()
        for thread in self._threads:
            thread.join()

    def tick_now(self) -> None:
        self._wanted.set()

    def _keep_ticking(self) -> None:
        while not self._stopping.is_set():
            is_wanted = self._wanted.wait(TICK_EVERY_S)
            self._wanted.clear()
            if (is_wanted or self.is_automatic) and not self._stopping.is_set():
                with suppress(BotoCoreError, ClientError):
                    at = time.strftime("%H:%M:%S")
                    self.log.extendleft(f"{at}  {line}" for line in summary_of(self._tick()))

    def _keep_reading(self) -> None:
        while not self._stopping.wait(READ_EVERY_S):
            with suppress(BotoCoreError, ClientError):
                self.outbox = self._read()


def read_outbox(client: Any, table_name: str) -> tuple[Entry, ...]:
    """Return the outbox as it is in the bot's table."""
    pages = client.get_paginator("query").paginate(
        TableName=table_name, KeyConditionExpression="pk = :pk", ExpressionAttributeValues={":pk": {"S": "outbox"}}
    )
    items = (item for page in pages for item in page["Items"] if "state" in item)
    return tuple(_entry(item["state"]["S"], json.loads(item["body"]["S"])) for item in items)


def _entry(state: str, notification: Mapping[str, Any]) -> Entry:
    why = notification.get("reason") or ("Slack refused it for now" if notification.get("message_id") else "")
    if state in ("leased", "unknown"):
        state, why = "unknown", "Slack's answer is not known: its history is read before it is posted again"
    return Entry(notification["id"], state, why)


if __name__ == "__main__":
    main()
