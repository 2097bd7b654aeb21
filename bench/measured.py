"""Measured: commands run in turn, each in a fresh process, with what the system counted for each."""

import json
import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Run:
    """A finished process: seconds, and its peak in bytes; `said` is what its last line says."""

    wall_s: float
    cpu_s: float
    peak_bytes: int
    said: Any


@dataclass(frozen=True, slots=True)
class Spread:
    """What several runs gave."""

    low: float
    median: float
    high: float


def environment(bytecode: Path | None) -> dict[str, str]:
    """A small environment like a function's, whatever the caller's is.

    `bytecode` is where compiled modules are kept; without it each start compiles all from source.
    """
    compiled = {"PYTHONPYCACHEPREFIX": str(bytecode or os.devnull)}
    compiled |= {} if bytecode else {"PYTHONDONTWRITEBYTECODE": "1"}
    return {
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_SECRET_ACCESS_KEY": "none",
        "PATH": os.defpath,
        "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}",
        **compiled,
    }


def run(command: Sequence[str], environ: Mapping[str, str]) -> Run:
    """Run a command whose last line is JSON. Raises: CalledProcessError."""
    begun = time.perf_counter()
    process = subprocess.Popen(command, env=environ, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    with process:
        said = process.stdout.read() if process.stdout else ""
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    wall_s = time.perf_counter() - begun
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return Run(
        wall_s, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024, json.loads(said.splitlines()[-1])
    )


def in_turn(
    commands: Mapping[str, Sequence[str]], environ: Mapping[str, str], runs: int
) -> dict[str, list[Run]]:
    """Run each command so often, in turn, so that a slow minute of the machine slows all alike.

    A round before, which is not counted, warms up; a single run needs none.
    """
    cold = 1 if runs > 1 else 0
    rounds = [{name: run(command, environ) for name, command in commands.items()} for _ in range(cold + runs)]
    return {name: [each[name] for each in rounds[cold:]] for name in commands}


def spread(runs: Sequence[Run], value: Callable[[Run], float]) -> Spread:
    values = [value(each) for each in runs]
    return Spread(min(values), median(values), max(values))


def ratio(a: Sequence[Run], b: Sequence[Run], value: Callable[[Run], float]) -> Spread:
    """How many times as much `a` took as `b`, round by round."""
    values = [value(one) / value(other) for one, other in zip(a, b, strict=True)]
    return Spread(min(values), median(values), max(values))
