"""`python -m batchbell`: the operator's commands."""

import sys

from batchbell.handlers.terminal.main import main

sys.exit(main())
