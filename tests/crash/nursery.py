"""A process that has loaded everything and forks the ones that are made to die: they begin in a few milliseconds.

It reads a line of JSON for each: what to run, and at which point it dies. It answers a line: how it ended, and how
many points it had reached. Every child is a process of its own, and really killed.

Usage: python -m tests.crash.nursery
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import select
import signal
import subprocess
import sys
import time
import traceback
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple, Self

from tests.crash.points import POINTS, Reached

REPOSITORY = Path(__file__).parents[2]
PATIENCE_S = 60.0
"""How long a child may take that nobody kills."""


class Ended(NamedTuple):
    """How a child ended: `done`, `killed`, `failed` with its traceback, or `stuck` and then killed."""

    how: str
    points: int
    error: str = ""


class Nursery(AbstractContextManager["Nursery"]):
    """The nursery as a test sees it."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.nursery"],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        )
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(PATIENCE_S)
        self._process.stdout.close()

    def run(self, job: str, *, deadly: int = 0, moment_s: float | None = None, **args: Any) -> Ended:
        """Run `module:function` with these arguments in a child, and wait. It dies at the point, or at the moment."""
        return Ended(*self._ask({"job": job, "args": args, "deadly": deadly, "moment": moment_s}))

    def spawn(self, job: str, *, deadly: int = 0, **args: Any) -> int:
        """Begin a child and go on: its process id. It is the caller's to stop, wake and kill; then `reap` it."""
        pid: int = self._ask({"job": job, "args": args, "deadly": deadly, "spawn": True})[0]
        return pid

    def reap(self, pid: int, patience_s: float = PATIENCE_S) -> Ended:
        """Wait until a child that was spawned ends; it is killed where it does not."""
        return Ended(*self._ask({"reap": pid, "patience": patience_s}))

    def _ask(self, order: dict[str, Any]) -> Any:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, "the nursery itself died"
        return json.loads(answer)


class _Child(NamedTuple):
    pid: int
    errors: int
    """Where it writes its traceback."""
    handle: int
    reached: Reached


def _fork(order: dict[str, Any]) -> _Child:
    module, function = order["job"].split(":")
    job = getattr(importlib.import_module(module), function)
    POINTS.reached = Reached()
    POINTS.deadly, POINTS.inactive = order.get("deadly", 0), False
    errors, theirs = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.close(errors)
            logging.disable(logging.CRITICAL)  # what a host says of a store that fails is expected here
            os.dup2(2, 1)  # whatever it prints is not for whoever reads our answers
            job(**order["args"])
            code = 0
        except BaseException:  # noqa: BLE001 - told to the parent, whatever it is
            os.write(theirs, traceback.format_exc().encode()[-60_000:])
        finally:
            os._exit(code)
    os.close(theirs)
    return _Child(pid, errors, os.pidfd_open(pid), POINTS.reached)


def _reap(child: _Child, patience_s: float) -> Ended:
    """Wait for the end of a child, at most so long."""
    until, error, stuck = time.monotonic() + patience_s, b"", False
    watched = [child.errors, child.handle]
    while child.handle in watched:
        ready, _, _ = select.select(watched, [], [], max(until - time.monotonic(), 0.0))
        if not ready:
            stuck, until = True, time.monotonic() + PATIENCE_S
            os.kill(child.pid, signal.SIGKILL)
        if child.errors in ready:
            part = os.read(child.errors, 65536)
            error += part
            if not part:
                watched.remove(child.errors)
        elif child.handle in ready:
            watched.remove(child.handle)
    _, status = os.waitpid(child.pid, 0)
    os.close(child.errors)
    os.close(child.handle)
    if os.WIFSIGNALED(status):
        return Ended("stuck" if stuck else "killed", child.reached.number)
    return Ended("done" if status == 0 else "failed", child.reached.number, error.decode(errors="replace"))


def _serve() -> None:
    spawned: dict[int, _Child] = {}
    for line in sys.stdin:
        order = json.loads(line)
        answer: Any
        if "reap" in order:
            answer = _reap(spawned.pop(order["reap"]), order["patience"])
        elif order.get("spawn"):
            child = _fork(order)
            spawned[child.pid] = child
            answer = [child.pid]
        else:
            child = _fork(order)
            if order["moment"] is not None:
                answer = _reap(child, order["moment"])
                answer = answer._replace(how="killed") if answer.how == "stuck" else answer
            else:
                answer = _reap(child, PATIENCE_S)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    import tests.crash.program  # noqa: F401 - what children run is loaded once

    _serve()
