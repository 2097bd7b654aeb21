"""Playground: the whole stack on this machine, with a page that looks like a Slack channel, until Ctrl-C."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from threading import Event

from local.aws import LocalAws, LocalAwsError
from local.openai_rows import counts
from local.openai_simulator import OpenAISimulator
from local.playground_desk import Desk
from local.playground_outbox import read
from local.playground_pulse import Pulse
from local.playground_server import Server
from local.slack_person import PATIENCE_S, Person
from local.slack_simulator import SlackSimulator
from local.team import Team, deploy

HOUR_S = 3600


def main() -> None:
    """Start everything, say where the page is, and wait."""
    # A terminal that closes, or `kill`, is to end it as cleanly as Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.default_int_handler)
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
    """The address of a page with a team's batches, all of it gone when the `with` block ends."""
    with ExitStack() as stack:
        openai = stack.enter_context(OpenAISimulator())
        slack = stack.enter_context(SlackSimulator(rate_limit=True))
        print("a local AWS starts; the real template is built and deployed to it", flush=True)
        aws = stack.enter_context(LocalAws())
        team = deploy(aws, openai, slack, "search", NotifyOn="completed,failed,expired,cancelled")
        furnish(openai)
        team.store_secrets(openai.key, slack.token, slack.signing_secret)
        yield stack.enter_context(served(team, openai, slack, port, patience_s))


@contextmanager
def served(
    team: Team,
    openai: OpenAISimulator,
    slack: SlackSimulator,
    port: int = 0,
    patience_s: float = PATIENCE_S,
) -> Iterator[str]:
    """The address of a page for what is there; Slack waits for `patience_s` for an answer."""
    client = team.aws.client("dynamodb")
    with Pulse(team.tick, lambda: read(client, team.table_name)) as pulse:
        desk = Desk(openai, slack, Person(slack, team.slack_url, patience_s), pulse, team.name)
        server = Server(desk.state, desk.do, port)
        server.start()
        try:
            pulse.now()
            yield server.url
        finally:
            server.stop()


def furnish(openai: OpenAISimulator) -> None:
    """What the team has at OpenAI when it opens the page: some nights' work, and a few open batches."""
    now = int(time.time())
    for age in range(1, 25):
        at = now - 12 * HOUR_S * age
        name = "Nightly embeddings" if age % 2 else "Evals of the new prompt"
        openai.add(
            "completed",
            created_at=at - 900 - 60 * age,
            completed_at=at,
            request_counts=counts(500, 500 - (age % 5 == 0), int(age % 5 == 0)),
            metadata={"description": f"{name}, {time.strftime('%b %d', time.localtime(at))}"},
        )
    for name, total, done, age in (
        ("Moderation backlog", 1000, 640, 2 * HOUR_S),
        ("Product tags", 800, 312, HOUR_S),
        ("Summaries of tickets", 10_000, 7412, 20 * HOUR_S),
    ):
        openai.add(
            "in_progress",
            created_at=now - age,
            request_counts=counts(total, done, 0),
            metadata={"description": name},
        )


if __name__ == "__main__":
    main()
