"""What a month of batchbell costs a typical team, measured on the real handlers; writes docs/cost.md."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from bench.meter import size
from bench.world import Figures, World

PRICED_AT = "us-east-1, on demand, as price lists of 2025 and 2026 had them; AWS's own pages decide"
BATCHES_A_DAY, COMMANDS_A_MONTH, RETENTION_DAYS = 100, 200, 30
ENDED, OPEN = 100, 10
"""Batches on the list: those of a day, and how many are open at a time."""

MONTH_S, CACHED_S = 30 * 86_400, 300
"""A function keeps a secret, and DynamoDB a key, for `CACHED_S`."""

POLL_GB, SLACK_GB, VCPU_GB = 0.5, 1.0, 1769 / 1024
"""Memory of the functions, and the memory that brings a whole processor."""

HTTP_S, TABLE_S, COLD_START_S = 0.3, 0.01, 1.5
LAMBDA_LOG_B, ACCESS_LOG_B, LINE_OVERHEAD_B = 900, 300, 26
"""Lambda's own lines about each run, the API's line, and what CloudWatch adds to each line."""

ITEM_B = 100
"""What DynamoDB adds to each item that it stores."""

SENT_B, PACKAGES_GB = 4000, 0.3
"""What a request to OpenAI or Slack sends, its TLS handshake included, and the packages of about ten versions."""

APART_S = 1200
"""Between two changes of a batch. For some minutes a poll reads the newest rows again."""

STATUSES = ("in_progress", "finalizing", "completed")
QUIET, LIFE = "a quiet poll", "a batch, from its creation to its end, besides quiet polls"
COMMAND = "a slash command"

Runs = dict[str, Figures]
"""What each of these took."""


class Item(NamedTuple):
    """`quantity` units at a list price of `price` USD each."""

    name: str
    quantity: float
    unit: str
    price: float
    per: str

    @property
    def usd(self) -> float:
        return self.quantity * self.price


def measure(times: int) -> tuple[Runs, float]:
    """Return what each thing took, the mean of so many runs, and the bytes of one stored record."""
    with World() as world, world.function("poll") as poll, world.function("slack") as slack:
        openai = world.openai
        for number in range(ENDED):
            at = int(world.at) - 86_400 + number
            openai.add("completed", created_at=at, completed_at=at)
        for _ in range(OPEN):
            openai.add()

        def end(count: int) -> Figures:
            for row in [each for each in openai.batches if each["status"] == "in_progress"][-count:]:
                openai.move(row["id"], "completed")
                openai.add()
            return poll()

        def live() -> Figures:
            batch_id, took = openai.add("validating")["id"], poll(APART_S)
            for status in STATUSES:
                openai.move(batch_id, status)
                took = _sum(took, poll(APART_S))
            return took

        poll(), slack()
        quiet = _mean(poll, times)
        runs = {
            QUIET: quiet,
            "a poll with 1 end and 1 new batch": _mean(lambda: end(1), times),
            "a poll with 10 ends and 10 new ones": end(10),
            LIFE: _sum(_mean(live, times), quiet, -1 - len(STATUSES)),
            COMMAND: _mean(slack, times),
        }
        stored_b = sum(ITEM_B + size(item) for item in world.table.items.values())
        return runs, stored_b / len(openai.batches)


def _mean(run: Callable[[], Figures], times: int) -> Figures:
    total = run()
    for _ in range(times - 1):
        total = _sum(total, run())
    return {name: value / times for name, value in total.items()}


def _sum(one: Figures, other: Figures, times: float = 1) -> Figures:
    return {name: value + times * other[name] for name, value in one.items()}


def bill(runs: Runs, record_b: float, poll_every_s: int = 60) -> list[Item]:
    polls, batches, commands = MONTH_S / poll_every_s, 30 * BATCHES_A_DAY, COMMANDS_A_MONTH
    quiet, life, command = (runs[name] for name in (QUIET, LIFE, COMMAND))
    total = {name: polls * quiet[name] + batches * life[name] + commands * command[name] for name in quiet}
    poll_s = polls * duration_s(quiet, POLL_GB) + batches * duration_s(life, POLL_GB)
    command_s = commands * (duration_s(command, SLACK_GB) + COLD_START_S)
    log_b = total["log_b"] + LINE_OVERHEAD_B * total["log_lines"]
    log_gb = (log_b + LAMBDA_LOG_B * (polls + commands) + ACCESS_LOG_B * commands) / 1e9
    decryptions = 2 * min(polls, MONTH_S / CACHED_S) + 2 * commands + 2 * MONTH_S / CACHED_S
    stored_gb = record_b * BATCHES_A_DAY * RETENTION_DAYS / 1e9
    gb_s = poll_s * POLL_GB + command_s * SLACK_GB
    sent_gb = SENT_B * (total["openai"] + total["slack"] + commands) / 1e9
    return [
        Item("CloudWatch, custom metrics", 3, "metrics", 0.30, "0.30 each"),
        Item("CloudWatch, alarms", 5, "alarms", 0.10, "0.10 each"),
        Item("CloudWatch, log written", log_gb, "GB", 0.50, "0.50 a GB"),
        Item("CloudWatch, log kept", log_gb * 0.15, "GB", 0.03, "0.03 a GB, packed to 15 %"),
        Item("Lambda, time", gb_s, "GB-s", 13.3334e-6, "13.33 a million (arm64)"),
        Item("Lambda, requests", polls + commands, "", 0.20e-6, "0.20 a million"),
        Item("DynamoDB, writes", total["writes"], "units", 0.625e-6, "0.625 a million"),
        Item("DynamoDB, reads", total["reads"], "units", 0.125e-6, "0.125 a million"),
        Item("DynamoDB, table and its backup", stored_gb, "GB", 0.25 + 0.20, "0.25 + 0.20 a GB"),
        Item("EventBridge Scheduler", polls, "runs", 1e-6, "1.00 a million"),
        Item("KMS, secrets and table", decryptions, "requests", 3e-6, "3.00 a million"),
        Item("API Gateway, HTTP API", commands, "requests", 1e-6, "1.00 a million"),
        Item("Data sent to the internet", sent_gb, "GB", 0.09, "0.09 a GB"),
        Item("S3, packages of the functions", PACKAGES_GB, "GB", 0.023, "0.023 a GB"),
        Item("SSM, three standard parameters", 3, "", 0, "0"),
        Item("SNS, alarms mailed", 10, "mails", 20e-6, "20.00 a million"),
    ]


def duration_s(took: Figures, memory_gb: float) -> float:
    """Return what Lambda would bill: processor time, at the memory's share of a processor, and waiting."""
    waits_s = HTTP_S * (took["openai"] + took["slack"]) + TABLE_S * took["table"]
    return took["cpu_s"] * VCPU_GB / memory_gb + waits_s


def page(runs: Runs, record_b: float) -> str:
    """Return docs/cost.md."""
    measured = "\n".join(
        f"| {name} | {run['openai']:.1f} | {run['slack']:.1f} | {run['reads']:.1f} | {run['writes']:.1f} "
        f"| {run['cpu_s'] * 1000:.0f} ms | {run['log_b']:,.0f} B |"
        for name, run in runs.items()
    )
    items = bill(runs, record_b)
    counted = "\n".join(
        f"| {item.name} | {f'{item.quantity:,.{0 if item.quantity >= 1 else 3}f} {item.unit}'.rstrip()} "
        f"| {item.per} | {item.usd:.2f} |"
        for item in items
    )
    schedules = "\n".join(
        f"| {minutes} min | {_usd(bill(runs, record_b, 60 * minutes)):.2f} |" for minutes in (1, 2, 5)
    )
    return f"""# What a month costs

Written by `make cost`, which measures the real handlers against a simulated OpenAI and Slack. The team: {BATCHES_A_DAY} batches a
day, {COMMANDS_A_MONTH} slash commands a month, a poll a minute. Prices in USD: {PRICED_AT}.

| | quantity | price | USD |
| --- | --- | --- | --- |
{counted}
| **in all** | | | **{_usd(items):.2f}** |

This is everything that is on by default, at list price. What AWS gives to an account free of charge (ten metrics, ten
alarms, most of Lambda and of the log) makes it less. A dashboard (`Dashboard=true`) costs 3.00 more.

| a poll every | USD |
| --- | --- |
{schedules}

## Measured

| | OpenAI | Slack | reads | writes | processor | log |
| --- | --- | --- | --- | --- | --- | --- |
{measured}

Requests, units of DynamoDB, processor time of the function's process, and bytes of log, metrics included; means of repeated
runs with {OPEN} batches open and {ENDED} ended on the list.

## Not measured

Lambda's own duration: there is no Lambda here. It is taken to be the processor time above, at the share of a processor that the
memory brings ({POLL_GB} and {SLACK_GB} GB of {VCPU_GB:.2f}), plus {HTTP_S} s for each request to OpenAI or Slack, {TABLE_S * 1000:.0f} ms for each to the table, and
{COLD_START_S} s for each slash command's cold start: {duration_s(runs[QUIET], POLL_GB):.2f} s for a quiet poll. Lambda's metric `Duration` shows the real one.
Lambda's own log lines are taken to be {LAMBDA_LOG_B} bytes a run, the API's {ACCESS_LOG_B}; a request to OpenAI or Slack to send {SENT_B:,}
bytes; the packages of ten versions to be {PACKAGES_GB} GB. Not counted: tax.
"""


def _usd(items: list[Item]) -> float:
    return sum(item.usd for item in items)


if __name__ == "__main__":
    text = page(*measure(times=int(sys.argv[1])))
    print(text, end="")
    for path in sys.argv[2:]:
        Path(path).write_text(text)
