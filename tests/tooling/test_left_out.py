"""A test run names what it left out, on one process and on several."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TESTS = """\
import pytest

@pytest.mark.soak
def test_for_minutes(): ...

@pytest.mark.soak
def test_for_hours(): ...

@pytest.mark.skipif(True, reason="no redis here")
def test_redis(): ...

@pytest.mark.xfail(reason="not built")
def test_later(): assert False

def test_now(): ...
"""
LEFT_OUT = [
    "left out: 1 (expected to fail: not built)",
    "left out: 1 (skipped: no redis here)",
    "left out: 2 (soak, run by `make soak`)",
]


def left_out(folder: Path, *arguments: str) -> list[str]:
    shutil.copy(ROOT / "tests/conftest.py", folder / "conftest.py")
    shutil.copy(ROOT / "pyproject.toml", folder / "pyproject.toml")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments, "test_x.py"],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return [line for line in done.stdout.splitlines() if line.startswith("left out")]


@pytest.mark.slow
@pytest.mark.parametrize("processes", ["0", "2"])
def test_what_was_left_out_is_told_with_its_reason(tmp_path: Path, processes: str) -> None:
    (tmp_path / "test_x.py").write_text(TESTS, "utf-8")
    assert left_out(tmp_path, "-n", processes) == LEFT_OUT


@pytest.mark.slow
def test_a_full_run_says_so(tmp_path: Path) -> None:
    (tmp_path / "test_x.py").write_text("def test_now(): ...\n", "utf-8")
    assert left_out(tmp_path) == ["left out: nothing"]
