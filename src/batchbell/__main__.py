"""`python -m batchbell`: the operator's commands."""

from batchbell.handlers.terminal import main

main()
