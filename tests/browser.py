"""A browser that tests drive: Chromium without a window, over the WebDriver protocol of chromedriver, by the standard library.

`.ci/run` installs both where they are missing. Where they are, tests that need them are left out, and the end of the run
says so.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import ProxyHandler, Request, build_opener

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
KEYS = {"Enter": "\ue007", "Escape": "\ue00c", "Tab": "\ue004", "ArrowLeft": "\ue012", "ArrowUp": "\ue013"}
"""Keys that write nothing, as the protocol names them."""


class Browser:
    """One window. What a command answers is plain data."""

    def __init__(self, place: str) -> None:
        self._place = place
        self._open = build_opener(ProxyHandler({})).open  # it is on this machine, whatever proxy there is

    def begin(self, program: str, folder: str) -> None:
        """Open the window, 1000 by 800 pixels, with a profile of its own."""
        arguments = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--window-size=1000,800",
        ]
        options = {"binary": program, "args": [*arguments, f"--user-data-dir={folder}"]}
        wanted = {"browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        session = self._call("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
        self._place += f"/session/{session['sessionId']}"

    def end(self) -> None:
        self._call("DELETE", "")

    def open(self, path: Path) -> None:
        self._call("POST", "/url", {"url": path.as_uri()})

    def run(self, script: str, *arguments: object) -> Any:
        """What the body of a function gives in the page; it has `arguments`."""
        return self._call("POST", "/execute/sync", {"script": script, "args": arguments})

    def awaited(self, script: str) -> Any:
        """What the body of a function gives to its first argument, once it does."""
        return self._call("POST", "/execute/async", {"script": script, "args": []})

    def messages(self) -> list[str]:
        """What the console was told since this was last asked."""
        return [entry["message"] for entry in self._call("POST", "/se/log", {"type": "browser"})]

    def keys(self, *keys: str) -> None:
        """Press and release keys, one after the other, wherever the focus is."""
        marks = [KEYS.get(key, key) for key in keys]
        strokes = [{"type": kind, "value": mark} for mark in marks for kind in ("keyDown", "keyUp")]
        self._act({"type": "key", "id": "keyboard", "actions": strokes})

    def click(self, x: float, y: float) -> None:
        self.drag(x, y, x, y)

    def drag(self, x: float, y: float, x2: float, y2: float) -> None:
        """Press the button at one place, and release it at another."""
        places = [{"type": "pointerMove", "duration": 0, "x": round(a), "y": round(b)} for a, b in ((x, y), (x2, y2))]
        down, up = {"type": "pointerDown", "button": 0}, {"type": "pointerUp", "button": 0}
        self._act({"type": "pointer", "id": "mouse", "actions": [places[0], down, places[1], up]})

    def wheel(self, x: float, y: float, by: int) -> None:
        turn = {"type": "scroll", "x": round(x), "y": round(y), "deltaX": 0, "deltaY": by, "duration": 0}
        self._act({"type": "wheel", "id": "wheel", "actions": [turn]})

    def dark(self, on: bool = True) -> None:
        """Say that the reader's screen is dark, or that it is light."""
        feature = {"name": "prefers-color-scheme", "value": "dark" if on else "light"}
        command = {"cmd": "Emulation.setEmulatedMedia", "params": {"features": [feature]}}
        self._call("POST", "/goog/cdp/execute", command)

    def _act(self, device: dict[str, Any]) -> None:
        self._call("POST", "/actions", {"actions": [device]})

    def _call(self, method: str, path: str, data: object = None) -> Any:
        body = None if data is None else json.dumps(data).encode()
        request = Request(self._place + path, body, {"Content-Type": "application/json"}, method=method)
        with self._open(request, timeout=60) as answer:
            return json.load(answer)["value"]


@contextmanager
def browser() -> Iterator[Browser]:
    """A browser of this test alone. Skips where there is none."""
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    driver = shutil.which("chromedriver")
    if program is None or driver is None:
        pytest.skip("no browser: chromium and chromedriver, which .ci/run installs")
    folder = tempfile.mkdtemp(prefix="trellis-browser-")
    process = subprocess.Popen([driver, "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        found = Browser(f"http://127.0.0.1:{_port(process)}")
        found.begin(program, folder)
        try:
            yield found
        finally:
            found.end()
    finally:
        process.terminate()
        process.communicate(timeout=10)
        shutil.rmtree(folder, ignore_errors=True)


def _port(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        if "started successfully on port" in line:
            return line.rstrip(".\n").rpartition(" ")[2]
    raise RuntimeError("chromedriver has ended without a port")
