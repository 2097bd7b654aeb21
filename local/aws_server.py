"""AWS server: MiniStack, for as long as standard input is open; run by .venv/aws.

Whoever started it may die in any way it likes: the pipe then closes, and MiniStack shuts down cleanly.
"""

import os
import signal
import sys
from threading import Thread

from ministack.app import main
from ministack.services.cloudformation.provisioners import _RESOURCE_HANDLERS

# MiniStack knows no saved query, and would refuse our stack for it: here it counts as made.
_RESOURCE_HANDLERS.setdefault(
    "AWS::Logs::QueryDefinition",
    {"create": lambda logical_id, _, stack: (f"{stack}-{logical_id}", {}), "delete": lambda *_: None},
)


def _stop_at_end_of_input() -> None:
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGTERM)


Thread(target=_stop_at_end_of_input, daemon=True).start()
main()
