"""Hostile error files, and what reading each costs: PYTHONPATH=src python -m bench.error_files"""

import gzip
import json
import time
import tracemalloc
import zlib
from collections.abc import Callable
from random import Random
from typing import Any

from batchbell.config import Server
from batchbell.models import ErrorSummary
from batchbell.openai.client import OpenAIClient
from local import openai_faults as faults
from local.openai_faults import Cut, Fault
from local.openai_simulator import OpenAISimulator

MIB = 2**20
GZIP = {"content-encoding": "gzip"}
Read = Callable[[], ErrorSummary | None]
PROMPT = "Dear <!channel>, write to ann@example.com & say *hush*\n"


def line(code: object = "rate_limit_exceeded", *, custom_id: object = "request-1", **answered: object) -> bytes:
    """Return a line of an error file: that of a request that was answered, if `answered` says how."""
    body = {"status_code": 400, "body": {"error": {"code": code, "message": PROMPT} | answered}}
    row = {"response": body, "error": None} if answered else {"response": None, "error": {"code": code}}
    return json.dumps({"custom_id": custom_id} | row).encode() + b"\n"


def bomb(content: bytes, times: int) -> bytes:
    """Return the gzip of this content so many times."""
    squeeze = zlib.compressobj(1, wbits=31)
    return b"".join(squeeze.compress(content) for _ in range(times)) + squeeze.flush()


def seen(*reasons: tuple[str, int], lines: int = 1, is_whole: bool = True, not_run: int = 0) -> ErrorSummary:
    return ErrorSummary(reasons, not_run, lines, is_whole)


LINE = line()
IN_LIMIT = 4 * MIB // len(LINE)
SEEN = seen(("rate_limit_exceeded", 1))
DIFFERENT = [line(f"code_{n}") for n in range(50_000)]
NESTED_LISTS = b'{"custom_id": 1, "error": [' + b"[]," * 80_000 + b"[]]}\n"

QUICK: dict[str, tuple[Fault, ErrorSummary | None]] = {
    "a good one": (
        faults.raw(line(type="requests") + line("batch_expired") * 2),
        seen(("rate_limit_exceeded", 1), lines=3, not_run=2),
    ),
    "empty": (faults.raw(b""), None),
    "404": (faults.error(404), None),
    "403": (faults.error(403), None),
    "500": (faults.error(500), None),
    "a redirect": (faults.redirect("http://127.0.0.1:1/"), None),
    "a web page": (faults.html(200), None),
    "an error with status 200": (faults.error(200, "not_found"), None),
    "gzip": (faults.raw(gzip.compress(LINE), headers=GZIP), SEEN),
    "gzip that is none": (faults.raw(LINE, headers=GZIP), None),
    "gzip of 256 MiB of zeros": (faults.raw(bomb(bytes(MIB), 256), headers=GZIP), None),
    "gzip of 64 MiB of lines": (
        faults.raw(bomb(LINE * 1000, 64 * MIB // len(LINE) // 1000), headers=GZIP),
        seen(("rate_limit_exceeded", IN_LIMIT), lines=IN_LIMIT, is_whole=False),
    ),
    "64 MiB of lines": (
        faults.raw(LINE * (64 * MIB // len(LINE))),
        seen(("rate_limit_exceeded", IN_LIMIT), lines=IN_LIMIT, is_whole=False),
    ),
    "8 MiB without a line end": (faults.raw(b"x" * 8 * MIB), None),
    "one good line, then 3 MiB without a line end": (
        faults.raw(LINE + b"x" * 3 * MIB),
        seen(("rate_limit_exceeded", 1)),
    ),
    "8 MiB of noise": (faults.raw(Random(0).randbytes(8 * MIB)), None),
    "brackets, opened a million times": (faults.raw(b"[" * 10**6), None),
    "lists in lists, 240 KB a line": (faults.raw(NESTED_LISTS * 16), None),
    "a number of a million digits": (faults.raw(line(7)[:-3] + b"7" * 10**6 + b"}}\n"), None),
    "every code another one": (
        faults.raw(b"".join(DIFFERENT)),
        seen(("other", 49_980), *((f"code_{n}", 1) for n in range(20)), lines=50_000),
    ),
    "cut in the middle": (
        lambda reply: faults.cut(Cut.WITHIN_BODY)(faults.raw(LINE * 9)(reply)),
        seen(("rate_limit_exceeded", 4), lines=4, is_whole=False),
    ),
}
"""A server sends these at once."""

SLOW: dict[str, Fault] = {
    "8 MiB of line ends": faults.raw(b"\n" * 8 * MIB),
    "8 MiB of {}": faults.raw(b"{}\n" * (8 * MIB // 3)),
    "no answer": faults.slow(60),
    "one byte every 50 ms": lambda reply: faults.trickle(0.05)(faults.raw(b" " * 100 + LINE)(reply)),
    "one good line, then one byte every 50 ms": lambda reply: faults.trickle(0.004)(faults.raw(LINE * 99)(reply)),
}


def reading(openai: OpenAISimulator, fault: Fault, clock: Callable[[], float] = time.time) -> Read:
    """Return what reads a file that the server sends so; all that it needs is loaded."""
    client = OpenAIClient(Server(openai.base_url), lambda _: openai.key, clock=clock)
    openai.files["file-1"] = fault
    client.error_summary("file-0", deadline_at=clock() + 60)
    return lambda: client.error_summary("file-1", deadline_at=clock() + 60)


def peak_of(read: Read) -> tuple[ErrorSummary | None, float]:
    """Return what is read, and the most memory that this takes, in MiB."""
    tracemalloc.start()
    summary = read()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return summary, peak / MIB


def shown(summary: ErrorSummary | None) -> str:
    if summary is None:
        return "nothing"
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in summary.reasons[:2])
    more = f", {len(summary.reasons) - 2} more reasons" if len(summary.reasons) > 2 else ""
    not_run = f", {summary.not_run:,} not run" if summary.not_run else ""
    return f"{reasons}{more}{not_run}{'' if summary.is_whole else ' (not all)'}"


def main() -> None:
    print("| error file | what is read | peak memory, MiB | seconds |\n| --- | --- | --- | --- |")
    all_faults: dict[str, Any] = {name: fault for name, (fault, _) in QUICK.items()} | SLOW
    with OpenAISimulator() as openai:
        for name, fault in all_faults.items():
            read = reading(openai, fault)
            started_at = time.monotonic()
            summary = read()
            seconds = time.monotonic() - started_at
            _, peak_mib = peak_of(read)
            print(f"| {name} | {shown(summary)} | {peak_mib:.1f} | {seconds:.2f} |", flush=True)


if __name__ == "__main__":
    main()
