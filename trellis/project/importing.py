"""The files of a foreign project are read, none outside its folder, and handed to what translates them."""

from __future__ import annotations

import os
from pathlib import Path

from trellis.errors import Unreadable, UsageError
from trellis.loaders.aretw0 import EXTENSIONS, Imported, Note, convert
from trellis.project.files import read_file


def import_aretw0(folder: str, file: str) -> Imported:
    """A project of aretw0/trellis as the text of a graph that is to be written to `file`. Raises UsageError.

    Hidden files and folders are none of it, nor is `file` itself; links are followed only inside the folder.
    """
    root = Path(os.path.abspath(folder))
    if not root.is_dir():
        raise UsageError(f"{folder} is no folder")
    out = Path(os.path.abspath(file))
    files: dict[str, bytes] = {}
    unread: list[Note] = []
    for around, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(around, name)
            if name.startswith(".") or path.suffix not in EXTENSIONS or path == out:
                continue
            inside = path.relative_to(root).as_posix()
            try:
                files[inside] = read_file(path, root)
            except Unreadable as error:
                unread.append(Note(inside, f"left out: it cannot be read: {error.reason}"))
    made = convert(files, root.name)
    if files.keys() & {"tools.yaml", "tools.yml", "tools.json"} and out.parent != root:
        unread.append(Note("tools.yaml", f"programs run in the folder of {file}, no more where the command is called"))
    return Imported(made.text, (*unread, *made.notes))
