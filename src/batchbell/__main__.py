"""`python -m batchbell`: the operator's commands."""

import sys

from batchbell.cli.main import main

sys.exit(main())
