"""Screen: what a person sees besides a command's own output."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

_CLEAR = "\r\x1b[K"


@contextmanager
def doing(what: str) -> Iterator[None]:
    """Say on the terminal what takes its time, until it is done; elsewhere say nothing."""
    if not sys.stderr.isatty():
        yield
        return
    print(f"{_CLEAR}{what} …", end="", file=sys.stderr, flush=True)
    try:
        yield
    finally:
        print(_CLEAR, end="", file=sys.stderr, flush=True)


def complain(why: str) -> int:
    """One line of what went wrong; the exit code for it."""
    print(f"batchbell: {' '.join(why.split())}", file=sys.stderr)
    return 1
