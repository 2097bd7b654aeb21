"""For tests that still say so."""

from tests.builders import *  # noqa: F403
