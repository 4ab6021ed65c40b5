"""A headless chromium that is spoken to over a pipe (DevTools protocol), with the standard library only."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome")
# Nothing of the browser's own may ask the network, and a container has no sandbox.
FLAGS = """--headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run --disable-sync --no-pings
  --disable-background-networking --disable-component-update --disable-default-apps --disable-extensions
  --hide-scrollbars --remote-debugging-pipe""".split()
WAIT_S = 120


def find_chromium() -> str | None:
    """The path of an installed browser that runs, or None."""
    for path in filter(None, map(shutil.which, NAMES)):
        # Some systems have a stub that only says how to install one.
        if subprocess.run([path, "--version"], capture_output=True, stdin=subprocess.DEVNULL).returncode == 0:
            return path
    return None


def _pipe() -> tuple[int, int]:
    """A pipe whose ends are out of the way of descriptors 3 and 4."""
    ends = os.pipe()
    moved = tuple(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends)
    for end in ends:
        os.close(end)
    return moved


class Chromium:
    """One browser with one tab; a context manager that ends it.

    Arguments
    ---------
    program : str
        The browser.
    profile : Path
        A folder of its own.
    """

    def __init__(self, program: str, profile: Path) -> None:
        (child_reads, self._commands), (self._answers, child_writes) = _pipe(), _pipe()
        # The browser reads from descriptor 3 and writes to descriptor 4.
        start = ["bash", "-c", f'exec "$@" 3<&{child_reads} 4>&{child_writes}', "bash", program, *FLAGS]
        start += [f"--user-data-dir={profile}", "about:blank"]
        self._process = subprocess.Popen(
            start,
            pass_fds=(child_reads, child_writes),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.close(child_reads)
        os.close(child_writes)
        self._rest, self._number, self._session = b"", 0, ""
        self.events: list[dict[str, Any]] = []
        tab = next(one for one in self.call("Target.getTargets")["targetInfos"] if one["type"] == "page")
        self._session = self.call("Target.attachToTarget", targetId=tab["targetId"], flatten=True)["sessionId"]
        for part in ("Page", "Network", "Runtime", "Log"):
            self.call(f"{part}.enable")

    def __enter__(self) -> Chromium:
        return self

    def __exit__(self, *fault: object) -> None:
        for descriptor in (self._commands, self._answers):
            os.close(descriptor)
        # The group that was started above: the browser with its renderers.
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send one command and wait for its answer; what else arrives is kept in `events`."""
        self._number += 1
        command = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            command["sessionId"] = self._session
        os.write(self._commands, json.dumps(command).encode() + b"\0")
        while (message := self._next()).get("id") != self._number:
            self.events.append(message)
        if "error" in message:
            raise RuntimeError(f"{method}: {message['error']['message']}")
        return message["result"]

    def open(self, url: str, width: int, height: int = 900, dark: bool = False, media: str = "screen") -> None:
        """Show a page as a window of this width would, and wait until all of it is loaded."""
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.call("Emulation.setEmulatedMedia", media=media, features=scheme)
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.call("Emulation.setDeviceMetricsOverride", **size)
        self.events.clear()
        self.call("Page.navigate", url=url)
        deadline = time.monotonic() + WAIT_S
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            assert time.monotonic() < deadline, f"{url}: not loaded within {WAIT_S} s"
            self.events.append(self._next())

    def value(self, expression: str) -> Any:
        """Evaluate JavaScript in the page; a promise is waited for."""
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in found:
            raise RuntimeError(f"{expression}: {found['exceptionDetails']}")
        return found["result"].get("value")

    def press(self, key: str) -> None:
        """Press and release a key, Tab or Enter."""
        code = {"Tab": 9, "Enter": 13}[key]
        known = {"key": key, "code": key, "windowsVirtualKeyCode": code}
        text = {"text": "\r"} if key == "Enter" else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", **known, **text)
        self.call("Input.dispatchKeyEvent", type="keyUp", **known)

    def requests(self) -> list[str]:
        """The addresses that the page has asked for since it was opened, also those that were refused."""
        asked = [event["params"] for event in self.events if event.get("method") == "Network.requestWillBeSent"]
        return [one["request"]["url"] for one in asked]

    def screenshot(self, full_page: bool = False) -> bytes:
        """The page as a PNG."""
        return base64.b64decode(self.call("Page.captureScreenshot", captureBeyondViewport=full_page)["data"])

    def pdf(self) -> bytes:
        """The page as it prints on A4."""
        sheet = {"paperWidth": 8.27, "paperHeight": 11.69, "printBackground": False}
        return base64.b64decode(self.call("Page.printToPDF", **sheet)["data"])

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            if not select.select([self._answers], [], [], WAIT_S)[0]:
                raise TimeoutError(f"the browser has not answered within {WAIT_S} s")
            data = os.read(self._answers, 1 << 20)
            if not data:
                raise RuntimeError("the browser ended")
            self._rest += data
        message, self._rest = self._rest.split(b"\0", 1)
        return json.loads(message)
