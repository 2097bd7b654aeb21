"""Report: what was measured, as a page with tables and pictures, and against its targets."""

import os
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from bench.measured import Spread, ratio, spread
from bench.plot import bars, lines
from bench.polled import Cost
from bench.targets import (
    NAMES,
    WAYS,
    Results,
    Runs,
    budgets,
    cpu_s,
    listing_cpu_s,
    listing_s,
    targets,
    wall_s,
)

_PACKAGES = ("boto3", "botocore", "requests", "slack-sdk", "aws-lambda-powertools", "openai", "slack-bolt")


def figures(results: Results) -> dict[str, str]:
    """The pictures, by the names of their files."""
    listing = {NAMES[name]: spread(runs, listing_s) for name, runs in results.listing.items()}
    ready = {WAYS[name]: spread(runs, cpu_s) for name, runs in results.from_source.items()}
    return {
        "listing.svg": bars(f"Listing {results.rows:,} batches", "seconds, wall", listing),
        "ready.svg": bars("A fresh process until ready, from source", "seconds, CPU", ready),
        "open.svg": _requests("Cost against the number of open batches", "open batches", results.by_open),
        "history.svg": _requests(
            f"Cost against the history, {results.by_history[0].open:,} open",
            "ended batches",
            results.by_history,
        ),
    }


def _requests(title: str, across: str, costs: Sequence[Cost]) -> str:
    history_is_axis = across.startswith("ended")
    return lines(
        title,
        across,
        "requests to OpenAI, or write units, in one poll",
        [each.history if history_is_axis else each.open for each in costs],
        {
            "batchbell": [each.pages + each.retrieved for each in costs],
            "plain paging": [each.plain_pages for each in costs],
            "GET every open id": [each.every_id for each in costs],
            "batchbell, write units": [each.write_units for each in costs],
        },
    )


def page(results: Results) -> str:
    """The whole page."""
    paragraphs = [
        "# Performance",
        (
            f"`make bench` measured this and wrote this page, on {_machine()}. Every process is a fresh one, with a small "
            "environment; those compared run in turn, and a first round is not counted. Each figure is the median of "
            f"{len(results.listing['floor'])} runs, with the least and the most."
        ),
        _in_short(results),
        f"## Listing {results.rows:,} batches",
        (
            "From a server on loopback in a process of its own, 100 a page, with usage, metadata and errors as OpenAI's "
            "endpoint shows them. The clock starts when the client is made and ends with the last row; the peak is the whole "
            "process's. *http.client and json* is what any client must do; *requests and json* adds the HTTP library; "
            "*batchbell* adds retries, deadlines and values made of every row, leniently; *openai* is OpenAI's own package."
        ),
        _listing_table(results.listing),
        "![Listing](performance/listing.svg)",
        "## A fresh process until ready",
        (
            "What a function's first invocation makes before it asks anyone: imports, settings, and its clients; the poll "
            "function leaves Slack's SDK until there is something to post, which is not in here. *boto3 alone* is "
            '`import boto3; boto3.client("dynamodb")`. *The usual way* is `bench/usual_way.py`, one function '
            "of `slack_bolt`, the `openai` package and a boto3 resource. A package that `sam build` makes holds no bytecode: "
            "its modules are compiled at each cold start, as *from source* here."
        ),
        _ready_table(results),
        "![Ready](performance/ready.svg)",
        "## What a poll costs",
        (
            "A look at the outbox and a poll in which nothing ends, after all has been seen once, the mean of some. The open batches were created "
            "evenly over the last day, the ended ones over the last month. *Plain paging* reads every page from the top "
            "down to the oldest open batch; *GET every open id* reads one page and then each open batch by itself. *Told "
            "after* is how many polls it takes until the end of the oldest open batch is recorded. Units are DynamoDB's, "
            "counted from the bytes of the items."
        ),
        _cost_table(results.by_open),
        "![Against the open](performance/open.svg)",
        _cost_table([*results.by_history, results.quiet]),
        "![Against the history](performance/history.svg)",
        f"## A day with {results.day[1]['open']:,} batches",
        (
            "The poll function's own process, eight requests at a time where one need not wait for another, against a server "
            "in a process of its own that answers each after 100 ms; the table's side is in memory and keeps no records, so "
            "what DynamoDB adds is not in here. The first poll takes so long since it reads page by page: each page is asked for by the "
            "id of the last row of the one before. Later polls know rows to begin at."
        ),
        _day_table(results.day),
        "## Targets",
        (
            "What the times above should be at most, as ratios within one run, and what a day with as many batches as OpenAI "
            "takes may cost: lower is better."
        ),
        "\n".join(f"- {target.line()}" for target in (*targets(results), *budgets(results))),
    ]
    return "\n\n".join(paragraphs) + "\n"


def _in_short(results: Results) -> str:
    """What a team wants to know, before the tables."""
    listing, ready, source = results.listing, results.ready, results.from_source
    day, all_open = results.day[-1], max(results.by_open, key=lambda each: each.open)
    openai = ratio(listing["openai"], listing["batchbell"], listing_s).median
    bare = ratio(listing["batchbell"], listing["floor"], listing_s).median
    facts = [
        (
            f"Listing is {openai:.1f} times as fast as with OpenAI's own package, and takes {bare:.1f} times as long as a "
            "bare loop that reads nothing out of the rows."
        ),
        (
            f"The function that answers Slack is ready after {spread(source['slack'], cpu_s).median:.1f} s of processor time, of "
            f"which boto3 alone takes {spread(source['floor'], cpu_s).median:.1f}; with bytecode after "
            f"{spread(ready['slack'], cpu_s).median:.1f}."
        ),
        (
            f"A poll reads the pages in which batches are open, whatever lies between: {day['poll']} over a day of "
            f"{results.day[1]['open']:,} cost {day['requests']:,} requests to OpenAI, all {all_open.open:,} open "
            f"{all_open.pages:,.0f}."
        ),
    ]
    return "\n".join(f"- {fact}" for fact in facts)


def _listing_table(listing: Runs) -> str:
    rows = [
        (
            NAMES[name],
            _shown(spread(runs, listing_s)),
            _shown(spread(runs, listing_cpu_s)),
            _shown(spread(runs, lambda run: run.peak_bytes / 2**20), 1),
        )
        for name, runs in listing.items()
    ]
    return _table(("client", "wall, s", "CPU, s", "peak, MiB"), rows)


def _ready_table(results: Results) -> str:
    rows = [
        (
            WAYS[name],
            kind,
            _shown(spread(runs, wall_s)),
            _shown(spread(runs, cpu_s)),
            str(runs[0].said["modules"]),
            _shown(spread(runs, lambda run: run.peak_bytes / 2**20), 1),
        )
        for kind, ready in (("from source", results.from_source), ("with bytecode", results.ready))
        for name, runs in ready.items()
    ]
    return _table(("process", "", "wall, s", "CPU, s", "modules", "peak, MiB"), rows)


def _cost_table(costs: Sequence[Cost]) -> str:
    head = ("open", "ended", "pages", "single GETs", "plain paging", "GET every id", "table requests")
    rows = [
        (
            f"{each.open:,}",
            f"{each.history:,}",
            f"{each.pages:,.1f}",
            f"{each.retrieved:,.1f}",
            f"{each.plain_pages:,}",
            f"{each.every_id:,}",
            f"{each.table_requests:,.1f}",
            f"{each.read_units:,.0f}",
            f"{each.write_units:,.0f}",
            str(each.polls_to_tell or "-"),
        )
        for each in costs
    ]
    return _table((*head, "read units", "write units", "told after, polls"), rows)


def _day_table(day: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        (
            each["poll"],
            f"{each['requests']:,}",
            f"{each['wall_s']:.1f}",
            f"{each['cpu_s']:.1f}",
            f"{each['peak_mib']:.0f}",
        )
        for each in day
    ]
    return _table(("poll", "requests", "wall, s", "CPU, s", "peak so far, MiB"), rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _shown(values: Spread, digits: int = 3) -> str:
    return f"**{values.median:.{digits}f}** ({values.low:.{digits}f} to {values.high:.{digits}f})"


def _machine() -> str:
    """Day, processors, memory, load and versions; no name and no path."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{datetime.now(UTC):%Y-%m-%d}: {os.cpu_count()} cores of {_processor()}, {memory:.0f} GiB, {platform.system()} "
        f"with a load of {os.getloadavg()[2]:.1f} over the last quarter of an hour, Python {platform.python_version()}, "
        f"{', '.join(_versions())}"
    )


def _processor() -> str:
    try:
        described = Path("/proc/cpuinfo").read_text()
    except OSError:
        described = ""
    names = [
        line.partition(":")[2].strip() for line in described.splitlines() if line.startswith("model name")
    ]
    return names[0] if names else platform.machine()


def _versions() -> list[str]:
    found = []
    for package in _PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return found
