"""Performance: measurements side by side, in one run on one machine, written down as a page."""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.measured import ROOT, environment, in_turn, run
from bench.polled import Cost
from bench.report import figures, page
from bench.targets import Results, budgets, targets


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured, and how often."""

    rows: int
    runs: int
    open: tuple[int, ...]
    history: tuple[int, ...]
    day: tuple[int, int]
    beside: int = 100
    polls: int = 3


SIZES = {
    "full": Size(
        10_000, 9, (0, 1, 100, 1_000, 10_000, 48_000), (0, 100, 1_000, 10_000, 48_000), (48_000, 100)
    ),
    "quick": Size(2_000, 3, (0, 1, 100, 1_000), (0, 100, 1_000), (2_000, 20)),
    "smallest": Size(200, 1, (0, 3), (0, 3), (300, 3), beside=3, polls=1),
}


def main(size_name: str, folder: Path) -> None:
    """Measure, write page and pictures into the folder, and say whether each target holds."""
    size = SIZES[size_name]
    with TemporaryDirectory(prefix="batchbell-bench-") as kept:
        bytecode = environment(Path(kept))
        say(f"listing {size.rows:,} batches, {size.runs} runs of each client")
        with listing_server(size.rows) as url:
            listing = in_turn(
                {
                    name: python("bench.listing", name, url)
                    for name in ("floor", "requests", "batchbell", "openai")
                },
                bytecode,
                size.runs,
            )
        ways = {name: python("bench.ready", name) for name in ready_ways()}
        say(f"getting ready with bytecode, {size.runs} runs of each way")
        ready = in_turn(ways, bytecode, size.runs)
        say(f"getting ready from source, {size.runs} runs of each way")
        from_source = in_turn(ways, environment(None), size.runs)
        say(f"polling a day with {size.day[0]:,} batches, at 100 ms a request")
        day = run(python("bench.many_batches", *map(str, size.day)), bytecode).said
        by_open = costs([(count, 0) for count in size.open], size.polls, bytecode)
        worlds = [*((size.beside, count) for count in size.history), (0, size.history[-1])]
        *by_history, quiet = costs(worlds, size.polls, bytecode)
    results = Results(size.rows, listing, ready, from_source, by_open, by_history, quiet, day)
    for target in (*targets(results), *budgets(results)):
        print(target.line())
    write(results, folder)


def ready_ways() -> Sequence[str]:
    """The usual way is compared where its framework is installed."""
    if find_spec("slack_bolt"):
        return "floor", "slack", "poll", "usual"
    say("slack_bolt is not installed here: without the usual way")
    return "floor", "slack", "poll"


def costs(worlds: Sequence[tuple[int, int]], polls: int, environ: dict[str, str]) -> list[Cost]:
    """What a poll costs in each world; two at once, as nothing is timed."""

    def counted(world: tuple[int, int]) -> Cost:
        open_count, history = world
        say(f"counting what a poll asks: {open_count:,} open, {history:,} ended")
        return Cost(**run(python("bench.poll_cost", *map(str, (*world, polls))), environ).said)

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(counted, worlds))


@contextmanager
def listing_server(rows: int) -> Iterator[str]:
    """The address of a server of so many rows, in a process of its own."""
    process = subprocess.Popen(
        python("bench.listing_server", str(rows)),
        cwd=ROOT,
        env=environment(None),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        if process.stdout is None or process.stdin is None:
            raise OSError("no pipes")
        yield json.loads(process.stdout.readline())["url"]
        process.stdin.close()


def write(results: Results, folder: Path) -> None:
    """Write the page and its pictures."""
    (folder / "performance").mkdir(parents=True, exist_ok=True)
    for name, svg in figures(results).items():
        (folder / "performance" / name).write_text(svg)
    (folder / "performance.md").write_text(page(results))
    say(f"written to {folder}/performance.md")


def python(module: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", module, *arguments]


def say(step: str) -> None:
    print(f"- {step}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
