"""Where a project ends, and how its files are read: nothing outside its root, nothing that is no plain file."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from trellis.model.problems import Problem

MARKERS = ("pyproject.toml", "trellis.toml", ".git")
"""What the root of a project holds."""
LARGEST = 32 * 1024 * 1024
"""Octets of the largest file that is read at all. Loaders have their own, lower limit, and tell of it."""


class Unreadable(Exception):
    """A file that cannot be read, as the problem it is; `reason` is that in a few words."""

    def __init__(self, problem: Problem, reason: str) -> None:
        self.problem, self.reason = problem, reason
        super().__init__(str(problem))


def find_root(path: str | os.PathLike[str]) -> Path:
    """The nearest folder around `path` that holds pyproject.toml, trellis.toml or .git; else the folder it is in."""
    folder = Path(os.path.abspath(path)).parent  # not resolved: links stay as they are
    for around in (folder, *folder.parents):
        if any((around / marker).exists() for marker in MARKERS):
            return around
    return folder


def read_file(path: str | os.PathLike[str], root: str | os.PathLike[str] | None = None) -> bytes:
    """The octets of a plain file inside its project, or inside the one at `root`. Raises Unreadable, with the problem."""
    name = os.fspath(path)
    place = Path(os.path.abspath(name))
    try:
        real, around = place.resolve(), (find_root(place) if root is None else Path(root)).resolve()
        if not real.is_relative_to(around):
            raise _unreadable(name, f"it leads outside the project's root {around}", "no path leaves the project")
        kind = real.stat().st_mode
        if stat.S_ISDIR(kind):
            raise _unreadable(name, "it is a folder", "name a file in it")
        if not stat.S_ISREG(kind):
            raise _unreadable(name, "it is no plain file", "write the graph to a file first")
        with real.open("rb") as file:
            return file.read(LARGEST)
    except OSError as error:
        hint = "check the path" if isinstance(error, FileNotFoundError) else ""
        raise _unreadable(name, _reason(error), hint) from error
    except (ValueError, RuntimeError) as error:  # a NUL in the path; links that lead round in a circle
        raise _unreadable(name, str(error), "check the path") from error


def _unreadable(path: str, reason: str, hint: str) -> Unreadable:
    return Unreadable(Problem(path, 1, 1, "E100", "error", f"cannot read this file: {reason}", hint), reason)


def _reason(error: OSError) -> str:
    text = error.strerror or type(error).__name__
    return text[:1].lower() + text[1:]
