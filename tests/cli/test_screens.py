"""What stays on a terminal of graphs that ship, as `golden/` has it, times left out."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

import pytest

if sys.platform == "win32":
    pytest.skip("no pseudo-terminals here", allow_module_level=True)

from tests.cli.console import ROOT, Console
from tests.cli.golden import matches
from tests.cli.window import Window


@pytest.mark.parametrize(
    ("name", "options", "code"),
    [
        ("connect", [], 0),
        ("mirrors", ["--set", "damaged=true"], 8),
        ("agents", ["--allow", "process"], 0),
    ],
)
def test_a_graph_that_ships_leaves_this_screen(tmp_path: Path, name: str, options: list[str], code: int) -> None:
    for folder in ("graphs", "schemas"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__", ".trellis"))
    (tmp_path / "trellis.toml").touch()
    person = Console("run", f"graphs/{name}.yaml", *options, cwd=tmp_path, NO_COLOR="1", COLUMNS="400")
    assert person.end()[0] == code
    shown = "\n".join(re.sub(r"  (\d+\.)?\d+s", "", row) for row in Window().write(person.screen).rows)
    matches(f"screen-{name}.txt", shown, tmp_path)
