"""Screenshot: a picture of the playground as a person may find it, 1280 by 800."""

import json
import sys
from pathlib import Path

from local.chromium import Page, browser
from local.playground import started

PATIENCE_S = 30
"""The picture is of an answer, however slow this machine is."""


def main(path: Path) -> None:
    """Live through a few minutes of a team's day, and take the picture."""
    with started(patience_s=PATIENCE_S) as url, browser() as page:
        page.open(url)
        page.wait_for("document.querySelector('#log').innerText.includes('now watching')")
        end(page, "Moderation backlog", "partly fail")
        page.wait_for("document.querySelector('#log').innerText.includes('Moderation backlog completed')")
        page.click("#line")
        page.type("/batches 3")
        page.enter()
        page.wait_for("document.querySelector('#log .ephemeral button')", PATIENCE_S)
        page.wait_for("document.querySelectorAll('#outbox li').length === 0")
        page.type("/batches failed")
        page.value("document.querySelector('#batches').scrollTop = 0")
        page.screenshot(path)
    print(f"{path}: {path.stat().st_size // 1000} kB")


def end(page: Page, name: str, deed: str) -> None:
    """Press a button of a batch in the panel."""
    page.click(f"[aria-label={json.dumps(f'{deed.capitalize()}: {name}')}]")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
