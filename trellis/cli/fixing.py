"""`trellis validate --fix`: what is certain is mended in the files, each of them whole or not at all, and told."""

from __future__ import annotations

import os
from collections.abc import Sequence

from trellis.authoring.mending import mend
from trellis.cli import counted, tell
from trellis.cli.writing import replace_files
from trellis.errors import UsageError
from trellis.model.problems import Problem
from trellis.project import FileLoader, Loader, Workspace, find_root
from trellis.project.folders import is_folder


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

        texts, fixes = mend(files, check)
        if not fixes:
            continue
        before = {name: files.get(name) for name in texts}
        written = {os.path.relpath(files.place(name)): text.encode() for name, text in texts.items()}
        if any(files.get(name) != data for name, data in before.items()):
            raise UsageError(f"{path} was changed by somebody else meanwhile; nothing was written, try again")
        replace_files(written)
        count += len(fixes)
        for fix in fixes:
            problem = fix.problem
            tell(
                f"{os.path.relpath(files.place(problem.path))}:{problem.line}:{problem.column}: {problem.code} fixed: {fix.title}"
            )
    tell(f"{counted(count, 'problem')} fixed")
    return count
