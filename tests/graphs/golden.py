"""What the example graphs are held against: how a run went and how its graph is drawn, as files that people read.

`TRELLIS_GOLDEN=write` writes them anew; look at the difference before you commit it.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from tests.cli.console import command, environment

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = Path(__file__).parent / "golden"

LIMIT_S = 600
"""A release builds and installs."""

Line = dict[str, Any]


def trellis(*words: str, cwd: Path, code: int = 0) -> str:
    """What the command prints; it must end with this exit code."""
    done = command(*words, cwd=cwd, data=None, env=environment(), limit_s=LIMIT_S)
    assert done.code == code, f"exit {done.code}\n{done.out[-2000:]}\n{done.err}"
    return done.out


def run(graph: str, *words: str, cwd: Path, code: int = 0) -> list[Line]:
    """The event lines of a run of one of the example graphs, with a store of its own in `cwd`."""
    store = f"sqlite:///{cwd}/runs.db"
    out = trellis("run", str(ROOT / "graphs" / graph), "--store", store, "--output", "json", *words, cwd=cwd, code=code)
    return [json.loads(line) for line in out.splitlines()]


def trace(lines: list[Line]) -> str:
    """What happened, a line each, without what differs from run to run."""
    return "".join(f"{_told(line)}\n" for line in lines)


def _told(line: Line) -> str:
    words = [line["type"], *(str(line[key]) for key in ("node", "tool", "field", "name") if key in line)]
    if "attempt" in line and line["attempt"] > 1:
        words.append(f"attempt {line['attempt']}")
    if "error" in line and line["type"] != "run.finished":
        words.append(f"error {line['error']['code']}")
    if line["type"] == "fields.changed":
        words.append(", ".join(line["fields"]))
    if line["type"] == "states.changed":
        words += [f"+{state}" for state in line["added"]] + [f"-{state}" for state in line["removed"]]
    if line["type"] == "run.finished":
        words.append(line["status"])
        words += [f"error {line['error']['code']} at {line['error']['node']}"] if "error" in line else []
    return " ".join(words)


def matches(name: str, text: str) -> None:
    """Hold `text` against the golden file `name`."""
    file = GOLDEN / name
    if os.environ.get("TRELLIS_GOLDEN") == "write":
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")
