"""The servers that the tests of this folder run on do as they say."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.temporal_server import NotServing, TemporalServer


def test_a_server_that_ends_by_itself_shows_its_log(tmp_path: Path) -> None:
    program = tmp_path / "server"
    program.write_text("#!/bin/sh\necho no such plugin >&2\nexit 1\n", "utf-8")
    program.chmod(0o755)
    with pytest.raises(NotServing, match="\nno such plugin$"):
        TemporalServer(program, tmp_path).start()
