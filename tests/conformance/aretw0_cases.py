"""Recorded cases of aretw0/trellis, and how one is run here: imported, then run, by commands that are processes."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

from tests.cli.console import LIMIT_S, environment, trellis

CASES = Path(__file__).with_name("aretw0")
RUN = ("run", "graph/imported.yaml", "--allow", "process", "--store", "memory://", "--output", "json")


class Case(NamedTuple):
    """A project, how it was run, and what came of it over there."""

    name: str
    given: dict[str, Any]
    typed: str
    expected: dict[str, Any]


class Came(NamedTuple):
    """What a person sees of a run, here or there. `fields` without those that are null."""

    code: int | None
    said: list[str]
    visited: list[str]
    fields: dict[str, Any]
    logs: dict[str, list[str] | None]


def read(folder: Path) -> Case:
    given, expected = (json.loads((folder / name).read_text("utf-8")) for name in ("case.json", "expected.json"))
    return Case(folder.name, given, (folder / "input.txt").read_text("utf-8"), expected)


ALL = [read(folder) for folder in sorted(CASES.iterdir()) if (folder / "case.json").exists()]


def came_there(case: Case) -> Came:
    """What was recorded. A node without a text said "" there."""
    expected = case.expected
    said = [text for text in expected.get("rendered", []) if text]
    context = expected.get("final", {}).get("context", {})
    return Came(expected["exit_code"], said, expected["visited"], context, expected.get("logs", {}))


def came_here(case: Case, folder: Path, *more: str) -> Came:
    """Import the project in `folder`, and run it; each is a command of its own."""
    shutil.copytree(CASES / case.name / "graph", folder / "graph")
    (folder / "trellis.toml").touch()
    code = trellis("import", "aretw0", "graph", "-o", "graph/imported.yaml", cwd=folder).code
    settings = [
        word for key, value in case.given.get("context", {}).items() for word in ("--set", f"{key}={json.dumps(value)}")
    ]
    lines: list[dict[str, Any]] = []
    if code == 0 and (events := case.given.get("events")):
        code, lines = _signalled(events, folder, [*RUN, *settings])
    elif code == 0:
        done = trellis(*RUN, *settings, *more, cwd=folder, typed=case.typed)
        code, lines = done.code, [json.loads(line) for line in done.out.splitlines()]
    return Came(code, *_seen(lines), {name: _log(folder / "graph" / name) for name in case.given.get("logs", [])})


def _seen(lines: list[dict[str, Any]]) -> tuple[list[str], list[str], dict[str, Any]]:
    said = [line["text"] for line in lines if line["type"] == "say"]
    last = lines[-1] if lines and lines[-1]["type"] == "run.finished" else None
    if last is not None:
        return said, last["visited"], {key: value for key, value in last["fields"].items() if value is not None}
    return said, [line["node"] for line in lines if line["type"] == "node.entered"], {}


def _log(path: Path) -> list[str] | None:
    return path.read_text("utf-8").splitlines() if path.exists() else None


def _signalled(events: list[dict[str, Any]], folder: Path, words: list[str]) -> tuple[int, list[dict[str, Any]]]:
    """A process whose input and signals come one by one, each as soon as the run waits for something."""
    process = subprocess.Popen(
        [sys.executable, "-m", "trellis", *words], cwd=folder, env=environment(),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert process.stdin is not None and process.stdout is not None
    lines, left = [], list(events)
    for text in process.stdout:
        lines.append(json.loads(text))
        if lines[-1]["type"] not in ("ask", "tool.called") or not left:
            continue
        event = left.pop(0)
        if "signal" in event:
            process.send_signal(getattr(signal, f"SIG{event['signal']}"))
        else:
            process.stdin.write(f"{event['line']}\n")
            process.stdin.flush()
    process.stdin.close()
    process.stdout.close()
    return process.wait(LIMIT_S), lines
