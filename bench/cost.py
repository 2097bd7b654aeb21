"""Cost: what a month of batchbell costs a typical team, measured on the real handlers.

OpenAI and Slack are the simulators, the table is moto's.
"""

import io
import os
import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import boto3

from bench.prices import Measured, Month, Team, page
from local.meter import Meter, item_of, size
from local.openai_simulator import OpenAISimulator
from local.slack_simulator import SlackSimulator
from tests.asking import SECRET, a_command, an_event, signed
from tests.environment import environ_of
from tests.tables import LocalTable

ENDED, OPEN = 100, 10
"""The batches that the steady state knows: those of a day, and what is open at a time."""

ITEM_B = 100
"""What DynamoDB adds to each item that it keeps."""

LIFE = ("in_progress", "finalizing", "completed")
CONTEXT = SimpleNamespace(get_remaining_time_in_millis=lambda: 150_000)


@dataclass(frozen=True, slots=True)
class Bench:
    """One team's handlers with all that they reach."""

    openai: OpenAISimulator
    slack: SlackSimulator
    table: LocalTable
    meter: Meter
    log: io.StringIO

    def tick(self) -> None:
        from batchbell.handlers import schedule  # noqa: PLC0415  it reads the environment

        schedule.logger.registered_handler.stream = self.log
        with redirect_stdout(self.log):
            schedule.lambda_handler({}, CONTEXT)

    def ask(self) -> None:
        from batchbell.handlers import slack  # noqa: PLC0415

        slack.logger.registered_handler.stream = self.log
        body = a_command()
        with redirect_stdout(self.log):
            assert slack.lambda_handler(an_event(body, signed(body)), CONTEXT)["statusCode"] == 200

    def measured(self, run: Callable[[], None], times: int) -> Measured:
        """The mean of some runs."""
        self.meter.clear()
        self.log.seek(0)
        self.log.truncate()
        asked, posted = len(self.openai.requests), len(self.slack.messages)
        begun_s = time.thread_time()
        for _ in range(times):
            run()
        total = Measured(
            openai=len(self.openai.requests) - asked,
            slack=len(self.slack.messages) - posted,
            table=self.meter.requests,
            reads=self.meter.read_units,
            writes=self.meter.write_units,
            cpu_s=time.thread_time() - begun_s,
            log_b=len(self.log.getvalue().encode()),
            log_lines=self.log.getvalue().count("\n"),
        )
        return total * (1 / times)


def measure(times: int) -> Month:
    """Measure each thing that a month is made of."""
    with a_bench() as bench:
        long_ago = int(time.time()) - 86_400
        for number in range(ENDED):
            at = long_ago + number
            bench.openai.add("completed", created_at=at, completed_at=at)
        for _ in range(OPEN):
            bench.openai.add()
        bench.tick()
        quiet = bench.measured(bench.tick, times)
        one = bench.measured(lambda: _end(bench, 1), times)
        ten = bench.measured(lambda: _end(bench, 10), 1)
        life = bench.measured(lambda: _live(bench), times) - quiet * (1 + len(LIFE))
        stored_b = sum(ITEM_B + size(item) for item in bench.table.items()) / len(bench.openai.batches)
        command = bench.measured(bench.ask, times)
    return Month(quiet, one, ten, life, command, stored_b)


def _end(bench: Bench, count: int) -> None:
    """A poll that finds so many batches ended that it had seen open."""
    for row in [each for each in bench.openai.batches if each["status"] == "in_progress"][:count]:
        bench.openai.move(row["id"], "completed")
        bench.openai.add()
    bench.tick()


def _live(bench: Bench) -> None:
    """The polls that see a batch come, change and end."""
    batch_id = bench.openai.add("validating")["id"]
    bench.tick()
    for status in LIFE:
        bench.openai.move(batch_id, status)
        bench.tick()


@contextmanager
def a_bench() -> Iterator[Bench]:
    with LocalTable() as table, OpenAISimulator() as openai, SlackSimulator() as slack:
        boto3.setup_default_session()
        own = boto3.Session().client("dynamodb")
        meter = Meter(boto3.DEFAULT_SESSION.events, item_of(own, table.name))
        names = {
            "openai-api-key": openai.key,
            "slack-bot-token": slack.token,
            "slack-signing-secret": SECRET,
        }
        for name, value in names.items():
            boto3.client("ssm").put_parameter(
                Name=f"/batchbell/search/{name}", Value=value, Type="SecureString"
            )
        os.environ.update(environ_of(openai, slack, table.name), POWERTOOLS_SERVICE_NAME="batchbell-search")
        yield Bench(openai, slack, table, meter, io.StringIO())


def main() -> None:
    """Measure, then print the page, and write it where it is wanted."""
    parser = ArgumentParser(prog="python -m bench.cost")
    parser.add_argument("--times", type=int, default=20, help="how often each thing is run (%(default)s)")
    parser.add_argument("--write", type=Path, help="the file to write the page to")
    chosen = parser.parse_args()
    os.environ["AWS_DEFAULT_REGION"] = "us-east-1"
    text = page(measure(chosen.times), Team())
    print(text, end="")
    if chosen.write:
        chosen.write.write_text(text)


if __name__ == "__main__":
    main()
