"""`trellis validate --fix`: what is certain is mended in the files, each of them whole or not at all, and told."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterable, Sequence

from trellis.authoring.mending import mend
from trellis.cli import counted, tell
from trellis.model.problems import Problem
from trellis.project import FileLoader, Loader, Workspace, find_root
from trellis.project.folders import is_folder
from trellis.project.loaders import Reload
from trellis.project.writing import replace_files


class AsRead:
    """A loader that gives each file as it was when it was first asked for, in `read`: what is mended stays one text."""

    def __init__(self, files: FileLoader) -> None:
        self.files = files
        self.read: dict[str, bytes] = {}

    def get(self, name: str) -> bytes:
        if name not in self.read:
            self.read[name] = self.files.get(name)
        return self.read[name]

    def list(self, under: str = "") -> Iterable[str]:
        return self.files.list(under)

    def watch(self) -> AsyncIterator[Reload]:
        return self.files.watch()


def fix_files(paths: Sequence[str]) -> int:
    """Mend the documents at these paths and in what they name; says each fix on stderr. Returns how many there were.

    A file that changed meanwhile is left as it is. Raises UsageError, OSError where one cannot be written.
    """
    count = 0
    for path in paths:
        files = FileLoader(find_root(path))
        name = files.name(path)
        if is_folder(files, name):
            name += "/"

        def check(loader: Loader, name: str = name) -> Sequence[Problem]:
            return Workspace(loader).compile(name, "any").problems

        before = AsRead(files)
        texts, fixes = mend(before, check)
        if not fixes:
            continue
        shown = {name: os.path.relpath(files.place(name)) for name in texts}
        written = {shown[name]: text.encode() for name, text in texts.items()}
        replace_files(written, were={shown[name]: before.read[name] for name in texts})
        count += len(fixes)
        for fix in fixes:
            problem = fix.problem
            tell(
                f"{os.path.relpath(files.place(problem.path))}:{problem.line}:{problem.column}: {problem.code} fixed: {fix.title}"
            )
    tell(f"{counted(count, 'problem')} fixed")
    return count
