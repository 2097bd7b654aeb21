"""Takes the README's picture of the playground, 1280 by 800."""

import sys
from pathlib import Path

from local.browser import browser
from local.playground import started

PATIENCE_S = 30
"""How long the app may take to answer: the picture needs the answer, on a slow machine too."""


def main(path: Path) -> None:
    """Let a batch end, ask for failed batches, and take the picture."""
    with started(patience_s=PATIENCE_S) as url, browser() as page:
        page.goto(url)
        log = page.locator("#log")
        log.get_by_text("now watching").wait_for()
        page.get_by_label("Partly fail: Moderation backlog").click()
        log.get_by_text("Moderation backlog completed").first.wait_for()
        page.fill("#line", "/batches 3")
        page.press("#line", "Enter")
        log.locator(".ephemeral button").first.wait_for(timeout=1000 * PATIENCE_S)
        page.locator("#outbox li").first.wait_for(state="detached")
        page.fill("#line", "/batches failed")
        page.evaluate("document.querySelector('#batches').scrollTop = 0")
        page.screenshot(path=path)
    print(f"{path}: {path.stat().st_size // 1000} kB")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
