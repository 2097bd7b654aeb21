"""Prices: a month's quantities, what AWS asks for them, and the page that says so."""

from dataclasses import dataclass

PRICED_AT = "us-east-1, on demand, as price lists of 2025 and 2026 had them; AWS's own pages decide"
MONTH_S = 30 * 86_400
CACHED_S = 300
"""For how long a function keeps a secret, and DynamoDB a key."""

POLL_GB, SLACK_GB, VCPU_GB = 0.5, 1.0, 1769 / 1024
"""Memory of the functions, and how much of it brings a whole processor."""

WAIT_S = {"openai": 0.3, "slack": 0.3, "table": 0.01}
COLD_START_S = 1.5
LAMBDA_LOG_B, ACCESS_LOG_B, LINE_OVERHEAD_B = 900, 300, 26
"""Lambda's own lines about each run, the door's line, and what CloudWatch adds to each line."""


@dataclass(frozen=True, slots=True)
class Team:
    batches_a_day: int = 100
    commands_a_month: int = 200
    poll_every_s: int = 60
    retention_days: int = 30


@dataclass(frozen=True, slots=True)
class Measured:
    """What one run took: requests, units of the table, processor time of the handler, bytes of log."""

    openai: float
    slack: float
    table: float
    reads: float
    writes: float
    cpu_s: float
    log_b: float
    log_lines: float

    def __sub__(self, other: "Measured") -> "Measured":
        return Measured(*(getattr(self, name) - getattr(other, name) for name in self.__slots__))

    def __mul__(self, times: float) -> "Measured":
        return Measured(*(getattr(self, name) * times for name in self.__slots__))


@dataclass(frozen=True, slots=True)
class Month:
    """What was measured: `life` is what a batch adds to quiet polls, `stored_b` the bytes of one record."""

    quiet: Measured
    one: Measured
    ten: Measured
    life: Measured
    command: Measured
    stored_b: float


@dataclass(frozen=True, slots=True)
class Item:
    """`quantity` units at `price` USD each, of which AWS gives `free` to every account for ever."""

    name: str
    quantity: float
    unit: str
    price: float
    per: str
    free: float = 0

    @property
    def shown(self) -> str:
        digits = 0 if self.quantity >= 1 else 3
        return f"{self.quantity:,.{digits}f} {self.unit}".rstrip()

    @property
    def usd(self) -> float:
        return self.quantity * self.price

    @property
    def usd_beyond_free(self) -> float:
        return max(0.0, self.quantity - self.free) * self.price


def bill(month: Month, team: Team) -> list[Item]:
    """A month, item by item."""
    polls, batches = MONTH_S / team.poll_every_s, 30 * team.batches_a_day
    commands = team.commands_a_month

    def total(name: str) -> float:
        per_poll, per_batch, per_command = (
            getattr(each, name) for each in (month.quiet, month.life, month.command)
        )
        return float(polls * per_poll + batches * per_batch + commands * per_command)

    poll_s = polls * duration_s(month.quiet, POLL_GB) + batches * duration_s(month.life, POLL_GB)
    command_s = commands * (duration_s(month.command, SLACK_GB) + COLD_START_S)
    log_b = total("log_b") + LINE_OVERHEAD_B * total("log_lines")
    log_b += LAMBDA_LOG_B * (polls + commands) + ACCESS_LOG_B * commands
    decryptions = 2 * min(polls, MONTH_S / CACHED_S) + 2 * commands + 2 * MONTH_S / CACHED_S
    stored_gb = month.stored_b * team.batches_a_day * team.retention_days / 1e9
    million, gb = 1e-6, 1e-9
    return [
        Item("CloudWatch, custom metrics", 5, "metrics", 0.30, "0.30 each", 10),
        Item("CloudWatch, alarms", 5, "alarms", 0.10, "0.10 each", 10),
        Item("CloudWatch, dashboard", 1, "dashboard", 3.00, "3.00 each", 3),
        Item("CloudWatch, log written", log_b * gb, "GB", 0.50, "0.50 a GB", 5),
        Item("CloudWatch, log kept", log_b * gb * 0.15, "GB", 0.03, "0.03 a GB, packed to 15 %"),
        Item(
            "Lambda, time",
            poll_s * POLL_GB + command_s * SLACK_GB,
            "GB-s",
            0.0000133334,
            "13.33 a million (arm64)",
            400_000,
        ),
        Item("Lambda, requests", polls + commands, "", 0.20 * million, "0.20 a million", 1e6),
        Item("DynamoDB, writes", total("writes"), "units", 0.625 * million, "0.625 a million"),
        Item("DynamoDB, reads", total("reads"), "units", 0.125 * million, "0.125 a million"),
        Item("DynamoDB, table and its backup", stored_gb, "GB", 0.25 + 0.20, "0.25 + 0.20 a GB", 0),
        Item("EventBridge Scheduler", polls, "runs", 1.00 * million, "1.00 a million", 14e6),
        Item("KMS, secrets and table", decryptions, "requests", 3 * million, "3.00 a million", 20_000),
        Item("API Gateway, HTTP API", commands, "requests", 1.00 * million, "1.00 a million"),
        Item("SSM, three standard parameters", 3, "", 0, "0"),
        Item("SNS, alarms mailed", 10, "mails", 20 * million, "20.00 a million", 1000),
    ]


def duration_s(run: Measured, memory_gb: float) -> float:
    """What Lambda would bill: the time measured here, on as much of a processor as the memory brings, and the waiting."""
    waits_s = sum(getattr(run, name) * each_s for name, each_s in WAIT_S.items())
    return run.cpu_s * VCPU_GB / memory_gb + waits_s


def page(month: Month, team: Team) -> str:
    """docs/cost.md."""
    items = bill(month, team)
    runs = {
        "a quiet poll": month.quiet,
        "a poll with 1 end and 1 new batch": month.one,
        "a poll with 10 ends and 10 new ones": month.ten,
        "a batch, from its creation to its end, besides quiet polls": month.life,
        "a slash command": month.command,
    }
    measured = "\n".join(
        f"| {name} | {run.openai:.1f} | {run.slack:.1f} | {run.reads:.1f} | {run.writes:.1f} "
        f"| {run.cpu_s * 1000:.0f} ms | {run.log_b:,.0f} B |"
        for name, run in runs.items()
    )
    counted = "\n".join(
        f"| {item.name} | {item.shown} | {item.per} | {item.usd:.2f} | {item.usd_beyond_free:.2f} |"
        for item in items
    )
    schedules = "\n".join(
        f"| {minutes} min | {_sum(month, minutes, free=False):.2f} | {_sum(month, minutes, free=True):.2f} |"
        for minutes in (1, 2, 5)
    )
    usd, beyond = sum(item.usd for item in items), sum(item.usd_beyond_free for item in items)
    return f"""# What a month costs

Written by `make cost`, which measures the real handlers against a simulated OpenAI and Slack. The team: {team.batches_a_day} batches a
day, {team.commands_a_month} slash commands a month, a poll a minute. Prices in USD: {PRICED_AT}.

| | quantity | price | USD | beyond what is always free |
| --- | --- | --- | --- | --- |
{counted}
| **in all** | | | **{usd:.2f}** | **{beyond:.2f}** |

The last column is for an account with nothing else in it: the free metrics, alarms, dashboards and requests are counted
once per account. Without the dashboard (`Dashboard=false`) it is 3.00 less in the column before.

| a poll every | USD | beyond what is always free |
| --- | --- | --- |
{schedules}

## Measured

| | OpenAI | Slack | reads | writes | processor | log |
| --- | --- | --- | --- | --- | --- | --- |
{measured}

Requests, units of DynamoDB, processor time of the handler (with the simulated DynamoDB's share, so rather too much), and
bytes of log, metrics included; means of repeated runs with 10 batches open and 100 ended on the list.

## Not measured

Lambda's own duration: there is no Lambda here. It is taken to be the processor time above, at the share of a processor that the
memory brings ({POLL_GB:.1f} and {SLACK_GB:.1f} GB of {VCPU_GB:.2f}), plus {WAIT_S["openai"]:.1f} s for each request to OpenAI or Slack, {WAIT_S["table"] * 1000:.0f} ms for each to the table, and
{COLD_START_S:.1f} s for each slash command's cold start: {duration_s(month.quiet, POLL_GB):.2f} s for a quiet poll. The stack's dashboard shows the real one. Lambda's own log lines are
taken to be {LAMBDA_LOG_B} bytes a run, the door's {ACCESS_LOG_B}. Not counted: data sent out, a few kilobytes a poll, and tax.
"""


def _sum(month: Month, minutes: int, *, free: bool) -> float:
    items = bill(month, Team(poll_every_s=60 * minutes))
    return sum(item.usd_beyond_free if free else item.usd for item in items)
