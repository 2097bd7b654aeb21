"""`batchbell …` -> one of the operator's commands, and its exit code."""

import argparse
import io
import os
import re
import sys
import time
import tomllib
from collections.abc import Callable, Sequence
from importlib import import_module
from itertools import groupby
from pathlib import Path
from typing import NoReturn

from batchbell import __version__
from batchbell.cli.output import STATUSES, print_error
from batchbell.errors import BatchbellError
from batchbell.models import normalised


def main(
    arguments: Sequence[str] | None = None,
    *,
    address_of: Callable[[str], str] = str,
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """Run one command: 0 if all is well, 1 if something is wrong, 2 for a wrong usage.

    `address_of` gives the address at which a URL of the stack is reached: a local AWS has its own.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # what the terminal cannot show is no reason to stop
    words = (sys.argv[1:] if arguments is None else arguments) or ["--help"]
    chosen = _parser().parse_args(words, argparse.Namespace(address_of=address_of, sleep=sleep))
    module, _, function = chosen.function.partition(".")
    try:
        # Each command imports what it needs: the manifest needs no library, and help nothing.
        code: int = getattr(import_module(f"{__package__}.{module}"), function)(chosen)
        sys.stdout.flush()
    except BatchbellError as error:
        return print_error(str(error))
    except ModuleNotFoundError as error:
        return print_error(f"{error.name} is not installed here: run `make setup`, then ./batchbell")
    except EOFError:
        return print_error("the input ended")
    except KeyboardInterrupt:
        print(file=sys.stderr)
        return 130  # as shells say SIGINT
    except BrokenPipeError:
        # Nobody reads what is still to be flushed at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141  # SIGPIPE
    return code


class _Parser(argparse.ArgumentParser):
    """Answers a wrong usage in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help\n")


def _parser() -> argparse.ArgumentParser:
    form = argparse.RawDescriptionHelpFormatter
    about = "Says in Slack when an OpenAI batch ends, and whether it worked."
    known = tomllib.loads(Path(__file__).with_name("commands.toml").read_text("utf-8"))
    for group, names in groupby(known, lambda name: known[name]["group"]):
        about += f"\n\n{group}:\n" + "\n".join(f"  {name:<14}{known[name]['says']}" for name in names)
    more = "`batchbell command --help` says more about a command."
    parser = _Parser(prog="batchbell", usage="%(prog)s command …", description=about, epilog=more, formatter_class=form)
    parser.add_argument("--version", action="version", version=f"batchbell {__version__}")
    commands = parser.add_subparsers(prog="batchbell", required=True, help=argparse.SUPPRESS, metavar="command")

    for name, texts in known.items():
        about = f"{texts['says'][0].upper()}{texts['says'][1:]}.\n\n{texts['more']}".rstrip()
        command = commands.add_parser(name, description=about, formatter_class=form, allow_abbrev=False)
        command.set_defaults(function=texts["function"], usage=command.error)
    listing = commands.choices["list"].add_argument
    listing("--after", metavar="ID", type=_batch_id, help="only batches older than this one")
    listing("--limit", metavar="N", type=_count, default=20, help="at most so many (default: %(default)s)")
    status_help = """only batches with this status, which may be a word of your server's own; also open;
        failed includes those that failed in part, problems also the expired"""
    listing("--status", metavar="S", type=_status, default="all", help=status_help)
    commands.choices["show"].add_argument("id", metavar="ID", type=_batch_id, help="the batch's id")
    manifest = commands.choices["manifest"].add_argument
    manifest("--url", help="the SlackRequestUrl of the stack (default: looked up in AWS)")
    command_help = "the SlashCommand of the stack (default: looked up in AWS; /batches with --url)"
    manifest("--command", type=_slash_command, help=command_help)
    for name, command in commands.choices.items():
        command.add_argument("--team", required=name not in ("list", "show"), help="the TeamName of the stack")
        command.add_argument("--stack", metavar="NAME", help="the stack (default: batchbell-<TeamName>)")
        if name != "secrets":
            command.add_argument("--json", action="store_true", help="print JSON, for a program to read")
    return parser


def _slash_command(text: str) -> str:
    if not re.fullmatch("/[a-z0-9_-]{1,31}", text):
        raise argparse.ArgumentTypeError("a slash, then at most 31 lower-case letters, digits, '_' and '-'")
    return text


def _batch_id(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise argparse.ArgumentTypeError("a batch's id, such as batch_… or another server's")
    return text


def _status(text: str) -> str:
    """Return the status in the API's spelling, `open` or `all`; other servers have others."""
    status = normalised(text)
    if not re.fullmatch(r"[a-z][a-z0-9_]{,59}", status):
        raise argparse.ArgumentTypeError(f"{text!r} is no status; there are {', '.join(STATUSES)}, and a server's own")
    return status


def _count(text: str) -> int:
    if not re.fullmatch("[0-9]{1,9}", text) or not int(text):
        raise argparse.ArgumentTypeError(f"a whole number from 1, not {text!r}")
    return int(text)
