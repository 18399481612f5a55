"""What became of a save, as a line for programs; its words are those of every line."""

from __future__ import annotations

import os
from typing import Any

from trellis.hosts.clock import SystemClock
from trellis.hosts.lines import VERSION, Line, timestamp
from trellis.hosts.reloading import Reloaded
from trellis.project.loaders import FileLoader


def facts(reloaded: Reloaded, files: FileLoader) -> dict[str, Any]:
    """The facts of a `reload` line; documents are called by their path from here."""
    graph, before = reloaded.graph, reloaded.before
    told: dict[str, Any] = {
        "document": shown(files, reloaded.name),
        "live": not reloaded.broken,
        "graph": graph.hash if graph is not None else None,
        "before": before.hash if before is not None else None,
        "changes": list(reloaded.changes),
        "problems": [
            {
                "path": shown(files, found.path), "line": found.line, "column": found.column, "code": found.code,
                "severity": found.severity, "message": found.message, "hint": found.hint,
            }
            for found in reloaded.problems
        ],
        "runs": [
            {
                "run": moved.run, "verdict": moved.verdict.status, "adopted": moved.adopted,
                "reasons": list(moved.reasons),
            }
            for moved in reloaded.runs
        ],
    }  # fmt: skip
    return told | ({"staying": reloaded.staying} if reloaded.staying else {})


def line(reloaded: Reloaded, files: FileLoader, run: str) -> Line:
    """The line of a save for those who stay with `run`, or with none: it has no `seq`, as no journal keeps it."""
    about: Line = {"v": VERSION, "at": timestamp(SystemClock().now()), "type": "reload"}
    return about | ({"run": run} if run else {}) | facts(reloaded, files)


def shown(files: FileLoader, name: str) -> str:
    """The path of a document from here."""
    path = os.path.relpath(files.place(name))
    return path + "/" if name.endswith("/") else path
