"""Terminal: `batchbell …` -> one of the operator's commands, and its exit code."""

import argparse
import os
import re
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import NoReturn

from batchbell import __version__
from batchbell.domain.errors import BatchbellError
from batchbell.domain.listed import wanted_status
from batchbell.handlers.terminal.screen import complain

OK, WRONG, USAGE, INTERRUPTED, PIPE_CLOSED = 0, 1, 2, 130, 141

_SECRETS = """\
Asks for the three without showing them, checks key and token with their services and the form of
the signing secret, and stores them as SSM SecureStrings. Enter keeps what is stored. When
standard input is not a terminal, the three are read from it, one on each line, in the order
openai-api-key, slack-bot-token, slack-signing-secret; an empty or missing line keeps what is
stored."""


def main(arguments: Sequence[str] | None = None, *, address_of: Callable[[str], str] = str) -> int:
    """Run one command: 0 where all is well, 1 where something is wrong, 2 for a wrong usage.

    `address_of` gives the address at which a URL of the stack is reached: a local AWS has its own.
    """
    chosen = _parser().parse_args(arguments, argparse.Namespace(address_of=address_of))
    try:
        # Each command imports what it needs: the manifest needs no library, and help nothing.
        run: Callable[[argparse.Namespace], int] = import_module(f"{__package__}.{chosen.module}").run
        code = run(chosen)
        sys.stdout.flush()
    except BatchbellError as error:
        return complain(str(error))
    except ModuleNotFoundError as error:
        return complain(f"{error.name} is not installed here: run `make setup`, then ./batchbell")
    except KeyboardInterrupt:
        print(file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # What is still to be flushed at exit has nobody to read it either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    return code


class _Parser(argparse.ArgumentParser):
    """Answers a wrong usage in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(USAGE, f"{self.prog}: {message}; see {self.prog} --help\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="batchbell", description="What a team's operator needs.")
    parser.add_argument("--version", action="version", version=f"batchbell {__version__}")
    commands = parser.add_subparsers(dest="name", required=True, metavar="command")

    def add(name: str, module: str, says: str, more: str = "") -> argparse.ArgumentParser:
        command = commands.add_parser(
            name,
            help=says,
            description=f"{says[0].upper()}{says[1:]}.\n\n{more}".rstrip(),
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        command.set_defaults(module=module, usage=command.error)
        return command

    listing = add("list", "list_batches", "list the batches, newest first, as OpenAI lists them", _FROM)
    listing.add_argument("--after", metavar="ID", help="only batches older than this one")
    listing.add_argument(
        "--limit", metavar="N", type=_count, default=20, help="at most so many (default: %(default)s)"
    )
    listing.add_argument(
        "--status",
        metavar="S",
        type=_status,
        default="all",
        help="only batches with this status, which may be a word of your server's own; also open; "
        "failed includes those that failed in part",
    )
    show = add("show", "show_batch", "show everything about one batch", _FROM)
    show.add_argument("id", metavar="ID", help="the batch's id, batch_…")
    manifest = add("manifest", "manifest", "print the Slack app's manifest, and a link that creates the app")
    manifest.add_argument("--url", help="the SlackRequestUrl of the stack (default: looked up in AWS)")
    manifest.add_argument(
        "--command",
        type=_slash_command,
        help="the SlashCommand of the stack (default: looked up in AWS; /batches with --url)",
    )
    add("secrets", "secrets", "store the team's three secrets, after checking them", _SECRETS)
    add("doctor", "doctor", "check everything from the AWS account to the Slack channel", _DOCTOR)
    add("redeliver", "redeliver", "try parked notifications now, and say what came of it")
    add("test-message", "test_message", "post a test message into the team's channel")
    for name, command in commands.choices.items():
        from_environment = name in ("list", "show")
        command.add_argument("--team", required=not from_environment, help="the TeamName of the stack")
        command.add_argument("--stack", metavar="NAME", help="the stack, if two have this TeamName")
        if name != "secrets":
            command.add_argument("--json", action="store_true", help="print JSON, for a program to read")
    return parser


_FROM = """\
The key and the address are those of --team, or else OPENAI_API_KEY, OPENAI_BASE_URL and, for Azure's
classic API, OPENAI_API_VERSION of the environment. --json gives each batch on a line of its own, with
all that the API said."""

_DOCTOR = """\
Exits with 1 if anything is wrong. --json gives each check on a line of its own; its "code" names
what is wrong, and stays the same from version to version."""


def _slash_command(text: str) -> str:
    if not re.fullmatch("/[a-z0-9_-]{1,31}", text):
        raise argparse.ArgumentTypeError("a slash, then at most 31 lower-case letters, digits, '_' and '-'")
    return text


def _status(text: str) -> str:
    try:
        return wanted_status(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _count(text: str) -> int:
    if not re.fullmatch("[0-9]{1,9}", text) or not int(text):
        raise argparse.ArgumentTypeError(f"a whole number from 1, not {text!r}")
    return int(text)
