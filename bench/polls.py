"""What polls ask for and take, by how many batches are open."""

import json
import sys
from collections import Counter
from pathlib import Path

from bench.world import Figures, World

COUNTED = {
    "openai": "requests to OpenAI",
    "table": "requests to the table",
    "reads": "read units",
    "writes": "write units",
}
TIMED = {"seconds": "seconds", "peak_mib": "peak of the process, MiB"}


def main(src: Path, many: int, request_s: float) -> None:
    """Print what a poll took in each scenario, and the baseline in which all are open.

    There a request to OpenAI takes `request_s`. It comes first, as a new process's peak cannot be
    less than what its parent holds.
    """
    baseline, busiest = _measured(src, many, many, many, request_s)
    figures = {}
    scenarios = {
        "quiet poll": (20, 100),
        "20 open among the newest 400": (20, 400),
        "100 open, evenly": (100, many),
        "1,000 open, evenly": (min(1000, many), many),
    }
    for scenario, (open_count, among) in scenarios.items():
        _, poll = _measured(src, many, open_count, among)
        figures |= {f"{scenario}, {what}": poll[name] for name, what in COUNTED.items()}
    figures |= {f"all open, {what}": busiest[name] for name, what in (COUNTED | TIMED).items()}
    for name, what in {"polls": "polls", **COUNTED, "seconds": "seconds"}.items():
        figures[f"baseline, all open, {what}"] = baseline[name]
    print(json.dumps(figures))


def _measured(src: Path, many: int, open_count: int, among: int, request_s: float = 0) -> tuple[Figures, Figures]:
    """Poll until all is known, then once more; return the figures of both."""
    with World() as world, world.function("poll", src) as run:
        world.fill(many, open_count, among)
        world.request_s = request_s
        baseline = Counter[str]()
        while not world.slack.messages:  # the first one says that the baseline is done
            baseline.update(run(), polls=1)
            if baseline["polls"] > 100:
                raise RuntimeError("the baseline does not end")
        world.request_s = 0
        run(3600)
        run()
        world.request_s = request_s
        return baseline, run()


def serve() -> None:
    """Serve some batches until standard input ends; print the environment of a function."""
    with World() as world:
        world.fill(100, 20, 100)
        print(json.dumps(world.environ(Path("src").resolve())), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    if sys.argv[1:]:
        main(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
    else:
        serve()
