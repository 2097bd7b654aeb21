"""Runs MiniStack in .venv/aws until standard input ends: also when whoever started it dies."""

import os
import signal
import sys
from threading import Thread

from ministack.app import main
from ministack.services.cloudformation.provisioners import _RESOURCE_HANDLERS

# MiniStack knows no saved query, and would reject our stack for it: here it does nothing.
_RESOURCE_HANDLERS.setdefault(
    "AWS::Logs::QueryDefinition",
    {"create": lambda logical_id, _, stack: (f"{stack}-{logical_id}", {}), "delete": lambda *_: None},
)


def stop_at_end_of_input() -> None:
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGTERM)


Thread(target=stop_at_end_of_input, daemon=True).start()
main()
