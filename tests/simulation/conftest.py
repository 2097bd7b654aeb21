"""The simulation runs thousands of polls: nobody reads what they log."""

import logging
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True, scope="package")
def no_log() -> Iterator[None]:
    logger = logging.getLogger("batchbell")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    yield
    logger.setLevel(before)
