"""Where a graph is: in which project here, and where in that project, as every machine that has the project may know it."""

from __future__ import annotations

import os
from pathlib import Path

from trellis.model.graph import Graph
from trellis.project.files import find_root


def project_of(graph: Graph) -> tuple[str, str]:
    """The root of the project that a graph was read from, and where it is in it; a folder's ends with `/`.

    A graph that is in no file has no root, and is where its loader says.
    """
    source = graph.source
    if not source or not os.path.exists(source):
        return "", source
    root = str(find_root(source))
    return root, Path(os.path.relpath(source, root)).as_posix() + ("/" if os.path.isdir(source) else "")
