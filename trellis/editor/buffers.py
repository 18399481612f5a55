"""The documents of a project as the editor has them: what is open there and not saved goes before what is on the disk."""

from __future__ import annotations

import os
import posixpath
from collections.abc import AsyncIterator

from trellis.model.folders import SUFFIXES
from trellis.project.files import MARKERS, files_in
from trellis.project.loaders import FileLoader, Reload

MOST = 20_000
"""How many files of a project are looked at for names."""


class Buffers:
    """A loader of the files below `root`; a name in `open` is read from there."""

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.files = FileLoader(root)
        self.root = self.files.root
        self.open: dict[str, bytes] = {}
        self._found: list[str] | None = None

    def get(self, name: str) -> bytes:
        kept = self.open.get(posixpath.normpath(name))
        return self.files.get(name) if kept is None else kept

    def list(self, under: str = "") -> list[str]:
        """The names on the disk are those of the first time, until `forget`."""
        found = self._found
        if found is None:
            found = self._found = _listed(self.files)[:MOST]
        names = sorted({*found, *tuple(self.open)}) if self.open else found
        folder = posixpath.normpath(under) if under else "."
        return [name for name in names if folder == "." or name.startswith(f"{folder}/")]

    def watch(self) -> AsyncIterator[Reload]:
        return self.files.watch()

    def forget(self) -> None:
        """Files came or went: list them anew."""
        self._found = None

    def inside(self, path: str) -> str | None:
        """The name of the file at a path; None where it is outside of the project."""
        name = self.files.name(path)
        return None if name == ".." or name.startswith("../") or os.path.isabs(name) else name


def _listed(files: FileLoader) -> list[str]:
    """The names of a project's files. Without a project around them they are those beside each other: below may be all of a disk."""
    if any(os.path.exists(os.path.join(files.root, marker)) for marker in MARKERS):
        return files.list()
    try:
        return sorted(name for name in files_in(files.root, "") if name.endswith(SUFFIXES))
    except (OSError, ValueError):
        return []
