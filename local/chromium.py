"""Chromium: a headless browser driven over its DevTools pipe, which needs no driver and no library."""

import base64
import fcntl
import json
import os
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
HOW_TO_INSTALL = "Chromium is not installed: apt-get install chromium"
PATIENCE_S = 20

_FLAGS = (
    "--headless=new",
    "--remote-debugging-pipe",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-proxy-server",
    "--hide-scrollbars",
    "--lang=en-GB",
)
_PLACE = "(() => {{ const e = document.querySelector({0}); e.scrollIntoView({{block: 'center'}}); const r = \
e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2] }})()"


class BrowserError(Exception):
    """The browser did not do what it was told."""


class Page:
    """One page; `complaints` are the errors and warnings in its console."""

    def __init__(self, commands: int, events: int) -> None:
        self.complaints: list[str] = []
        self._commands = commands
        self._events = events
        self._unread = b""
        self._count = 0
        self._session: dict[str, str] = {}
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self._session = {"sessionId": session}
        for domain in ("Page", "Runtime", "Log"):
            self.ask(f"{domain}.enable")

    def ask(self, method: str, **parameters: Any) -> Any:
        """Send one DevTools command and return what it answers."""
        self._count += 1
        command = {"id": self._count, "method": method, "params": parameters, **self._session}
        os.write(self._commands, json.dumps(command).encode() + b"\0")
        while True:
            said = self._next()
            if said.get("id") == self._count:
                if "error" in said:
                    raise BrowserError(f"{method}: {said['error']['message']}")
                return said["result"]
            self._note(said)

    def open(self, url: str, width: int = 1280, height: int = 800, *, scheme: str = "light") -> None:
        """Show an address in a window of this size, and wait until it has loaded."""
        self.resize(width, height)
        scheme_feature = {"name": "prefers-color-scheme", "value": scheme}
        self.ask("Emulation.setEmulatedMedia", features=[scheme_feature])
        self.ask("Page.navigate", url=url)
        self.wait_for(f"location.href.startsWith({json.dumps(url)}) && document.readyState === 'complete'")

    def resize(self, width: int, height: int) -> None:
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.ask("Emulation.setDeviceMetricsOverride", **size)

    def value(self, script: str) -> Any:
        """What an expression comes to in the page."""
        answer = self.ask("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            raise BrowserError(f"{script}: {answer['exceptionDetails']['exception'].get('description')}")
        return answer["result"].get("value")

    def wait_for(self, script: str, patience_s: float = PATIENCE_S) -> None:
        """Wait until an expression is true, or an element."""
        give_up_at = time.monotonic() + patience_s
        while not self.value(f"Boolean({script})"):
            if time.monotonic() > give_up_at:
                raise BrowserError(f"not within {patience_s} s: {script}")
            time.sleep(0.05)

    def click(self, selector: str) -> None:
        """Press and release the mouse on an element."""
        x, y = self.value(_PLACE.format(json.dumps(selector)))
        for kind in ("mousePressed", "mouseReleased"):
            self.ask("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def type(self, text: str) -> None:
        self.ask("Input.insertText", text=text)

    def key(self, name: str, code: int, text: str = "") -> None:
        key = {"key": name, "code": name, "windowsVirtualKeyCode": code}
        self.ask("Input.dispatchKeyEvent", type="keyDown", text=text, **key)
        self.ask("Input.dispatchKeyEvent", type="keyUp", **key)

    def enter(self) -> None:
        self.key("Enter", 13, "\r")

    def screenshot(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self.ask("Page.captureScreenshot", format="png")["data"]))

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._unread:
            if not select.select([self._events], [], [], PATIENCE_S)[0]:
                raise BrowserError("the browser says nothing")
            read = os.read(self._events, 1 << 16)
            if not read:
                raise BrowserError("the browser has ended")
            self._unread += read
        said, self._unread = self._unread.split(b"\0", 1)
        return dict(json.loads(said))

    def _note(self, event: dict[str, Any]) -> None:
        about = event.get("params", {})
        if event.get("method") == "Runtime.exceptionThrown":
            self.complaints.append(str(about["exceptionDetails"]))
        elif event.get("method") == "Log.entryAdded" and about["entry"]["level"] in ("error", "warning"):
            self.complaints.append(str(about["entry"]))
        elif event.get("method") == "Runtime.consoleAPICalled" and about["type"] in ("error", "warning"):
            self.complaints.append(str(about["args"]))


@contextmanager
def browser() -> Iterator[Page]:
    """A browser with an empty profile and one page; nothing is left of it when the `with` block ends."""
    if PROGRAM is None:
        raise BrowserError(HOW_TO_INSTALL)
    with TemporaryDirectory(prefix="batchbell-chromium-", ignore_cleanup_errors=True) as folder:
        (to_read, commands), (events, to_write) = map(_high, os.pipe()), map(_high, os.pipe())
        # Chromium reads descriptor 3 and writes descriptor 4.
        pipes = f'exec "$0" "$@" 3<&{to_read} 4>&{to_write}'
        process = subprocess.Popen(
            ["bash", "-c", pipes, PROGRAM, *_FLAGS, f"--user-data-dir={folder}"],
            env={**os.environ, "HOME": folder, "TZ": "UTC"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(to_read, to_write),
            start_new_session=True,
        )
        os.close(to_read)
        os.close(to_write)
        try:
            yield Page(commands, events)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            os.close(commands)
            os.close(events)


def _high(descriptor: int) -> int:
    """The same pipe under a number that is not 3 or 4."""
    high = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 10)
    os.close(descriptor)
    return high
