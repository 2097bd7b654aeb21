"""For tests that still say so."""

from tests.bot import *  # noqa: F403
