"""Measures batchbell beside others and beside an earlier commit, in one run on one machine, and writes the page."""

import io
import json
import os
import platform
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]
SRC = ROOT / "src"
FUNCTIONS = {"Slack function": "slack", "poll function": "poll"}
MEMORY_MB = (512, 1024, 1769)
PROCESSOR_MB = 1769
"""With so much memory a Lambda function has one processor; with less, less of it."""

LIMITS = {
    "quiet poll, requests to OpenAI": 1,
    "quiet poll, requests to the table": 4,
    "quiet poll, read units": 12,
    "quiet poll, write units": 1,
    "100 open, evenly, requests to OpenAI": 102,
    "1,000 open, evenly, requests to OpenAI": 520,
    "all open, requests to OpenAI": 490,
    "all open, seconds": 90,
    "all open, peak of the process, MiB": 512,
}
NOISE = 1.05
"""Functions may be so many times as slow as before: by chance."""

Figures = Mapping[str, float]
Runs = Mapping[str, Sequence[Mapping[str, Any]]]
"""What the runs of each command reported, by its name."""


class Size(NamedTuple):
    """How many batches are listed, how often each process runs, how many batches are polled, and how slowly."""

    rows: int
    runs: int
    batches: int
    request_s: float = 0.1


SIZES = {
    "full": Size(10_000, 9, 48_000),  # OpenAI lets a project create 2,000 batches an hour
    "quick": Size(2_000, 3, 2_400),
    "smallest": Size(200, 1, 400, request_s=0.001),
}


def main(size_name: str, folder: Path, base: str) -> None:
    """Measure, say whether each limit is met, and write the page into the folder."""
    size = SIZES[size_name]
    with TemporaryDirectory(prefix="batchbell-bench-") as kept:
        before = extracted(base, Path(kept) / "base")
        bytecode = {"PYTHONPYCACHEPREFIX": f"{kept}/bytecode"}
        source = {"PYTHONPYCACHEPREFIX": os.devnull, "PYTHONDONTWRITEBYTECODE": "1"}
        listing = list_all(size, bytecode)
        ready = {
            "from source": make_ready(size.runs, before, source),
            "with bytecode": make_ready(size.runs, before, bytecode),
        }
        say(f"polling {size.batches:,} batches, with this code and with that of {base}")
        numbers = (str(size.batches), str(size.request_s))
        now, then = (
            run(python("bench.polls", str(src), *numbers), small() | bytecode) if src else {} for src in (SRC, before)
        )
    for kind, runs in ready.items():
        for name in FUNCTIONS:
            what = f"{name} {kind}, import and first request, CPU s"
            now[what] = median(map(cpu_s, runs[name]))
            if before:
                then[what] = median(map(cpu_s, runs[f"{name} before"]))
    lines = compared(now, then)
    for what, shown, was, limit, result in lines:
        if result:
            print(f"{result}: {what}: {shown}, {limit} (at {base}: {was})")
    folder.mkdir(parents=True, exist_ok=True)
    column = base if before else f"{base}: not in this clone"
    (folder / "performance.md").write_text(page(size, column, lines, ready, listing))
    say(f"written to {folder}/performance.md")


def extracted(commit: str, folder: Path) -> Path | None:
    """Return the source of a commit beside its template, None if this clone does not have it."""
    command = ["git", "archive", commit, "src", "template.yaml"]
    archive = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    if archive.returncode:
        say(f"the commit {commit} is not in this clone: nothing to compare with")
        return None
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as tar:
        tar.extractall(folder, filter="data")
    return folder / "src"


def list_all(size: Size, environ: Mapping[str, str]) -> Runs:
    say(f"listing {size.rows:,} batches, {size.runs} runs of each client")
    with served("bench.listing", "serve", str(size.rows)) as server:
        names = ("http_client", "requests", "batchbell", "openai")
        clients = {each: python("bench.listing", each, server["url"]) for each in names}
        return in_turn({name: (each, small() | environ) for name, each in clients.items()}, size.runs)


def make_ready(runs: int, before: Path | None, environ: Mapping[str, str]) -> Runs:
    """Return what fresh processes took for their first request; each version has a table of its own."""
    say(f"a fresh process and its first request, {runs} runs of each function")
    with ExitStack() as worlds:
        now = worlds.enter_context(served("bench.polls")) | environ
        ways = {"boto3 alone": ("boto3_alone", now)}
        ways |= {way: (name, now) for way, name in FUNCTIONS.items()}
        if before:
            then = worlds.enter_context(served("bench.polls")) | environ | small(before)
            ways |= {f"{way} before": (name, then) for way, name in FUNCTIONS.items()}
        if find_spec("slack_bolt"):
            ways["the usual way"] = ("usual_way", now)
        return in_turn({way: (python("bench.function", name), each) for way, (name, each) in ways.items()}, runs)


def compared(now: Figures, then: Figures) -> list[tuple[str, ...]]:
    """Return each figure as it is now and was then, the most that it may be, and whether that is met."""
    lines = []
    for what, value in now.items():
        most = LIMITS.get(what, NOISE * then[what] if "function" in what and then else None)
        result = "" if most is None else "met" if value <= most else f"MISSED by {value / most - 1:.0%}"
        limit = "" if most is None else f"at most {_shown(most)}"
        lines.append((what, _shown(value), _shown(then[what]) if then else "-", limit, result))
    return lines


def cpu_s(report: Figures) -> float:
    return report["import_cpu_s"] + report["cpu_s"]


def seconds_by_memory(ready: Mapping[str, Runs]) -> list[tuple[str, ...]]:
    """Return what a new process of each function computes, and its seconds by memory.

    Lambda initialises with a full processor, whatever the memory.
    """
    lines = []
    for name in FUNCTIONS:
        for kind, ways in ready.items():
            start_s, request_s = (median(each[key] for each in ways[name]) for key in ("import_cpu_s", "cpu_s"))
            seconds = (start_s + request_s * PROCESSOR_MB / memory for memory in MEMORY_MB)
            lines.append((f"{name}, {kind}", *map(_shown, (start_s, request_s, *seconds))))
    return lines


def page(size: Size, column: str, lines: Sequence[Sequence[str]], ready: Mapping[str, Runs], listing: Runs) -> str:
    """Return docs/performance.md."""
    listed = [
        (name, *(_spread([each[key] for each in runs]) for key in ("wall_s", "cpu_s", "peak_mib")))
        for name, runs in listing.items()
    ]
    made = [
        (
            f"{name}, {kind}",
            *(_spread([each[key] for each in runs]) for key in ("process_s", "import_cpu_s", "cpu_s", "peak_mib")),
            str(runs[0]["modules"]),
        )
        for kind, ways in ready.items()
        for name, runs in ways.items()
    ]
    memory = seconds_by_memory(ready)
    return f"""# Performance

`make bench` measured this and wrote this page, on {_machine()}.

Processes that are compared are fresh and run in turn; a first round is not counted. Each figure is the median of
{size.runs} runs, with the least and the most. *Before* is the commit that `BASE` names.

## A poll of {size.batches:,} batches

They were created evenly over a day, and a poll is measured when all are known and nothing changes: the handler of the
poll function in a process of its own, with OpenAI, Slack and AWS simulated over HTTP. *Quiet*: 20 are open among the
newest 100. Where all are open, OpenAI answers after {size.request_s * 1000:.0f} ms. Pauses that the code makes between
writes count as seconds. Units are DynamoDB's, counted from the bytes of the items, with those of the indexes.

{_table(("", "now", column, "limit", ""), lines)}

## A fresh process and its first request

The Slack function answers `/batches`; the poll function delivers and polls while nothing changes. *boto3 alone* reads
one item. *The usual way* answers a slash command with `slack_bolt`, the `openai` package and a boto3 resource. `make
build` adds bytecode if a Python of the functions' runtime is there. Without it a cold start compiles each module, as
*from source* here.

{_table(("process", "wall, s", "import, CPU s", "first request, CPU s", "peak, MiB", "modules"), made)}

## Memory

Lambda initialises a function, with its imports and clients, on a full processor; a request gets 1/{PROCESSOR_MB} of one for
each MB. From the processor times above follow the seconds from a cold start to the first answer, without the network.

{_table(("function", "import, CPU s", "first request, CPU s", *(f"{each:,} MB, s" for each in MEMORY_MB)), memory)}

Slack waits 3 seconds, with the network. The Slack function has 1,024 MB, because it runs so seldom that this costs next
to nothing, and encrypting its connections, which is not in these figures, then takes half as long as with 512. Nobody
waits for the poll function, which runs every minute: it has 512 MB.

## Listing {size.rows:,} batches

From a server in a process of its own, 100 a page. The clock starts when the client is made and ends with the last row.
*http_client* is what any client must do, with `http.client` and `json`; *requests* adds the HTTP library; *batchbell* adds
retries, deadlines and values made of every row; *openai* is OpenAI's own package.

{_table(("client", "wall, s", "CPU, s", "peak, MiB"), listed)}
"""


def in_turn(commands: Mapping[str, tuple[Sequence[str], Mapping[str, str]]], runs: int) -> Runs:
    """Run the commands so often, in turn, so that a slow minute slows all alike; a first round warms up."""
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in commands}
    cold = 1 if runs > 1 else 0
    for _ in range(cold + runs):
        for name, each in commands.items():
            started_s = time.perf_counter()
            report = run(*each)
            found[name].append({**report, "process_s": time.perf_counter() - started_s})
    return {name: reports[cold:] for name, reports in found.items()}


def run(command: Sequence[str], environ: Mapping[str, str]) -> dict[str, Any]:
    """Run a command; return what its last line reports."""
    pipes: Any = {"input": "0\n", "stdout": subprocess.PIPE, "text": True}
    done = subprocess.run(command, env=environ, cwd=ROOT, check=True, **pipes)
    return dict(json.loads(done.stdout.splitlines()[-1]))


@contextmanager
def served(*arguments: str) -> Iterator[dict[str, str]]:
    """Run a server in a process of its own; what its first line says is yielded."""
    pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(python(*arguments), cwd=ROOT, env=small(), **pipes) as process:
        yield json.loads(process.stdout.readline())


def small(src: Path = SRC) -> dict[str, str]:
    """Return a small environment, whatever the caller's is."""
    return {"PATH": os.defpath, "PYTHONPATH": f"{src}:{ROOT}"}


def python(module: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", module, *arguments]


def say(step: str) -> None:
    print(f"- {step}", flush=True)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _spread(values: Sequence[float]) -> str:
    return f"**{_shown(median(values))}** ({_shown(min(values))} to {_shown(max(values))})"


def _shown(value: float) -> str:
    digits = 0 if value == int(value) else 3 if value < 10 else 1
    return f"{value:,.{digits}f}"


def _machine() -> str:
    """Return day, processors, load and versions; no name and no path."""
    names = ("boto3", "requests", "slack-sdk", "aws-lambda-powertools", "openai")
    versions = ", ".join(f"{each} {version(each)}" for each in names)
    load = f"a load of {os.getloadavg()[2]:.1f} over the last quarter of an hour"
    python_version = f"Python {platform.python_version()}"
    return f"{datetime.now(UTC):%Y-%m-%d}: {os.cpu_count()} cores, {load}, {python_version}, {versions}"


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3])
