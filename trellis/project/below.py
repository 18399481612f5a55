"""Which documents a folder stands for: the graph that its files are nodes of, or else each graph and schema in it."""

from __future__ import annotations

import os
import posixpath
import re

from trellis.errors import Unreadable
from trellis.model.folders import HEADS, START, inside, node_in
from trellis.project.files import find_root
from trellis.project.folders import is_folder, octets, parts
from trellis.project.loaders import FileLoader
from trellis.project.workspace import Workspace

_NODES = re.compile(rb"^[\"']?nodes[\"']?\s*:", re.MULTILINE)
_HEAD = re.compile(rb"^(?:\xef\xbb\xbf)?[\"']?trellis[\"']?\s*:|^[ \t]*\{", re.MULTILINE)


def documents_below(path: str) -> list[str]:
    """The paths of the documents that `path` stands for, sorted.

    A file, and a folder that is a graph, stands for itself. Any other folder stands for every graph and state schema in it
    and below, among them folders with a head; tests, catalogues of tools, what is hidden and what is for programs is left
    out, and so are files that could be nodes: answers look like them. One that holds none stands for itself, so that it is
    told of. Raises nothing.
    """
    files = FileLoader(find_root(path))
    name = files.name(path)
    if not is_folder(files, name):
        return [path]
    if _is_graph(files, f"{name}/"):
        return [path]
    workspace = Workspace(files)
    below = files.list(name)
    # Without a head nobody knows whether the files of a folder are nodes, or something that is no document.
    graphs = {posixpath.dirname(file) for file in below if posixpath.basename(file) in HEADS and _is_head(files, file)}
    found = [
        *graphs,
        *(file for file in below if posixpath.dirname(file) not in graphs and _is_checked(workspace, file)),
    ]
    return [os.path.normpath(os.path.join(path, posixpath.relpath(each, name))) for each in sorted(found)] or [path]


def _is_graph(files: FileLoader, folder: str) -> bool:
    """Whether a folder says that it is a graph: by a head, or by the node at which one without a head starts."""
    try:
        names = parts(files, folder)
        heads = [name for name in names if name in HEADS]
        if heads:
            return any(_is_head(files, inside(folder) + name) for name in heads)
        starts = [name for name in names if node_in(name) == START]
        return any(
            not isinstance(data, bytes) or _may_be_node(name, data) for name, data in octets(files, folder, starts)
        )
    except Unreadable:
        return True


def _is_head(files: FileLoader, name: str) -> bool:
    """Whether what is called as a head is one: with `nodes` it is a graph by itself, whatever is beside it."""
    try:
        return not _NODES.search(files.get(name))
    except Unreadable:
        return True


def _may_be_node(name: str, data: bytes) -> bool:
    if name.endswith(".md"):
        return data.startswith((b"---", b"\xef\xbb\xbf---"))
    return not (b"trellis" in data and _HEAD.search(data))


def _is_checked(workspace: Workspace, name: str) -> bool:
    """Whether a file says that it is a document, and is a graph or a state schema as far as can be told."""
    try:
        data = workspace.readings.loader.get(name)
        if name.endswith(".md") or not _HEAD.search(data):
            return False
        reading = workspace.readings.reading(name)
    except Unreadable:
        return False
    document = reading.document
    is_one = document is None or (isinstance(document.data, dict) and "trellis" in document.data)
    return is_one and reading.kind in ("graph", "state schema")
