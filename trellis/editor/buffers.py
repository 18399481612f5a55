"""The documents of a project as the editor has them: what is open there and not saved goes before what is on the disk."""

from __future__ import annotations

import os
import posixpath

from trellis.project.loaders import FileLoader

MOST = 20_000
"""How many files of a project are looked at for names."""


class Buffers(FileLoader):
    """A loader of the files below `root`; a name in `open` is read from there. `found` are the names on the disk, once listed."""

    def __init__(self, root: str | os.PathLike[str]) -> None:
        super().__init__(root)
        self.open: dict[str, bytes] = {}
        self._found: list[str] | None = None

    def get(self, name: str) -> bytes:
        kept = self.open.get(posixpath.normpath(name))
        return super().get(name) if kept is None else kept

    def list(self, under: str = "") -> list[str]:
        if self._found is None:
            self._found = super().list()[:MOST]
        names = {*self._found, *self.open} if self.open else self._found
        return sorted(name for name in names if not under or name.startswith(f"{under}/"))

    def forget(self) -> None:
        """Files came or went: list them anew."""
        self._found = None

    def inside(self, path: str) -> str | None:
        """The name of the file at a path; None where it is outside of the project."""
        name = self.name(path)
        return None if name == ".." or name.startswith("../") or os.path.isabs(name) else name
