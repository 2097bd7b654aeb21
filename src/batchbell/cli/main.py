"""`batchbell …` -> one of the operator's commands, and its exit code."""

import argparse
import io
import os
import re
import sys
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import NoReturn

from batchbell import __version__
from batchbell.cli.output import print_error
from batchbell.errors import BatchbellError
from batchbell.models import Status, normalised

_KEY_FROM = """\
The key and the address are those of --team, or else OPENAI_API_KEY, OPENAI_BASE_URL and, for Azure's
classic API, OPENAI_API_VERSION of the environment. --json gives each batch on a line of its own, with
all that the API said."""
_SECRETS = """\
Asks for the three without showing them, checks key and token with their services and the form of
the signing secret, and stores them as SSM SecureStrings. Enter keeps what is stored. When
standard input is not a terminal, the three are read from it, one on each line, in the order
openai-api-key, slack-bot-token, slack-signing-secret; an empty or missing line keeps what is
stored."""
_DOCTOR = """\
Exits with 1 if anything is wrong. --json gives each check on a line of its own; its "code" names
what is wrong, and stays the same from version to version."""

_COMMANDS = {
    "list": ("commands.list_batches", "list the batches, newest first, as OpenAI lists them", _KEY_FROM),
    "show": ("commands.show_batch", "show everything about one batch", _KEY_FROM),
    "manifest": ("manifest.run", "print the Slack app's manifest, and a link that creates the app", ""),
    "secrets": ("commands.secrets", "store the team's three secrets, after checking them", _SECRETS),
    "doctor": ("doctor.run", "check everything from the AWS account to the Slack channel", _DOCTOR),
    "redeliver": ("commands.redeliver", "try parked notifications now, and say what came of it", ""),
    "test-message": ("commands.test_message", "post a test message into the team's channel", ""),
}
"""The function of each command, what it does, and more about it."""


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
    chosen = _parser().parse_args(arguments, argparse.Namespace(address_of=address_of, sleep=sleep))
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
    parser = _Parser(prog="batchbell", description="What a team's operator needs.")
    parser.add_argument("--version", action="version", version=f"batchbell {__version__}")
    commands = parser.add_subparsers(dest="name", required=True, metavar="command")

    for name, (function, says, more) in _COMMANDS.items():
        about, form = f"{says[0].upper()}{says[1:]}.\n\n{more}".rstrip(), argparse.RawDescriptionHelpFormatter
        command = commands.add_parser(name, help=says, description=about, formatter_class=form, allow_abbrev=False)
        command.set_defaults(function=function, usage=command.error)
    listing = commands.choices["list"].add_argument
    listing("--after", metavar="ID", type=_batch_id, help="only batches older than this one")
    listing("--limit", metavar="N", type=_count, default=20, help="at most so many (default: %(default)s)")
    status_help = """only batches with this status, which may be a word of your server's own; also open;
        failed includes those that failed in part"""
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
        known = ", ".join(("all", "open", *Status))
        raise argparse.ArgumentTypeError(f"{text!r} is no status; there are {known}, and your server's own")
    return status


def _count(text: str) -> int:
    if not re.fullmatch("[0-9]{1,9}", text) or not int(text):
        raise argparse.ArgumentTypeError(f"a whole number from 1, not {text!r}")
    return int(text)
