"""The servers that the tests of this folder run on do as they say."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.temporal_server import NotServing, TemporalServer, watched


def test_a_server_that_ends_by_itself_shows_its_log(tmp_path: Path) -> None:
    program = tmp_path / "server"
    program.write_text("#!/bin/sh\necho no such plugin >&2\nexit 1\n", "utf-8")
    program.chmod(0o755)
    with pytest.raises(NotServing, match="\nno such plugin$"):
        TemporalServer(program, tmp_path).start()


class Logging:
    """A server that logs a line each time that it is looked at, and then ends."""

    def __init__(self, log: Path, *lines: str) -> None:
        self._log, self._lines, self.did = log, list(lines), list[str]()
        log.touch()

    def wait(self, limit_s: float) -> int:
        if not self._lines:
            return 0
        with open(self._log, "a", encoding="utf-8") as file:
            file.write(self._lines.pop(0) + "\n")
        raise subprocess.TimeoutExpired("server", limit_s)

    def kill(self) -> None:
        self.did.append("kill")

    def start(self) -> None:
        self.did.append("start")


def test_a_server_that_reads_its_database_no_more_is_started_again(tmp_path: Path) -> None:
    lost = "ListNamespaces operation failed. Error: interrupted (9)"
    once: Any = Logging(tmp_path / "once", lost, "context canceled", lost)
    assert (watched(once, tmp_path / "once"), once.did) == (0, [])
    stays: Any = Logging(tmp_path / "stays", "started", lost, lost, lost)
    assert (watched(stays, tmp_path / "stays"), stays.did) == (0, ["kill", "start"])
