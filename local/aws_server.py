"""AWS server: MiniStack, for as long as standard input is open; run by .venv/aws.

Whoever started it may die in any way it likes: the pipe then closes, and MiniStack shuts down cleanly.
"""

import os
import signal
import sys
from threading import Thread

from ministack.app import main


def _stop_at_end_of_input() -> None:
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGTERM)


Thread(target=_stop_at_end_of_input, daemon=True).start()
main()
