"""How the files of a folder graph are called: one word for it in loaders, projects and editors.

A folder is a name that ends with `/`; the folder where a project begins is `./`.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable

HEADS = ("graph.yaml", "graph.yml")
"""What the file is called that has all but the nodes, the better one first."""
START = "start"
"""The node where a folder starts whose head does not say."""
SUFFIXES = (".yaml", ".yml", ".md")
TESTS = (".test.yaml", ".test.yml")


def parts_of(names: Iterable[str]) -> list[str]:
    """Of the names of the files in a folder those that its graph may be made of, in order."""
    return sorted(
        name
        for name in names
        if name.endswith(SUFFIXES) and not name.startswith((".", "x-")) and not name.endswith(TESTS)
    )


def node_in(file: str) -> str:
    """The name of the node that a file of this name holds, if it holds one; empty for a head."""
    return "" if file in HEADS else file[: file.rindex(".")]


def inside(folder: str) -> str:
    """What the name of a folder puts before those of its files."""
    return "" if folder == "./" else folder


def around(name: str) -> str:
    """The folder that a file is in, or that a folder is in."""
    above = name.rstrip("/").rpartition("/")[0]
    return f"{above}/" if above else "./"


def beside(name: str, written: str) -> str:
    """The name of the document that `written`, a path in the document `name`, leads to; of a folder, where it says so.

    One that leaves the project begins with `..` or `/`, and no loader gives it.
    """
    found = posixpath.normpath(posixpath.join(posixpath.dirname(name), written))
    return f"{found}/" if written.endswith("/") else found
