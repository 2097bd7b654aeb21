"""A headless browser with one page, for tests of the playground and its picture: an installed Chromium."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Page, sync_playwright

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "/usr/bin/chromium"))), None
)
HOW_TO_INSTALL = "Chromium is not installed: apt-get install chromium fonts-lato fonts-noto-color-emoji"
PATIENCE_MS = 20_000

# Beside playwright's own, which keep a browser from calling home.
_FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-proxy-server")


@contextmanager
def browser() -> Iterator[Page]:
    """Yield a page of 1280 by 800 in a browser that ends with the `with` block."""
    if CHROMIUM is None:
        raise FileNotFoundError(HOW_TO_INSTALL)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=_FLAGS, env={"TZ": "UTC"})
        with chromium:
            viewport = {"width": 1280, "height": 800}
            page = chromium.new_page(viewport=viewport, locale="en-GB", timezone_id="UTC")
            page.set_default_timeout(PATIENCE_MS)
            yield page
