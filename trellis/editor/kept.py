"""The schema that a project keeps for its editors: `.trellis/schema.json`, with the names of the project in it."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from trellis.editor.buffers import Buffers
from trellis.editor.enriched import Schema, enriched
from trellis.editor.names import Project
from trellis.editor.schemas import schema_of
from trellis.project.writing import make_own, replace_file

MODELINE = "# yaml-language-server: $schema={}"
"""The line of a document that tells an editor of its schema, by the path from that document."""


def schema_text(name: str, root: str | os.PathLike[str] | None = None) -> str:
    """The schema of one of `schemas.WRITTEN` as JSON; with `root`, with the names of the project there in it."""
    if root is None:
        schema: Schema = schema_of(name)
    else:
        buffers = Buffers(root)
        schema = enriched(Project(buffers), buffers.root, name)
    return msgspec.json.format(msgspec.json.encode(schema), indent=2).decode() + "\n"


def schema_file(root: str | os.PathLike[str]) -> Path:
    """Where the schema of the project at `root` is kept."""
    return Path(root, ".trellis", "schema.json")


def modeline(root: str | os.PathLike[str], document: str | os.PathLike[str]) -> str:
    """The line that a document of the project begins with, so that editors find its schema."""
    path = os.path.relpath(schema_file(root), os.path.dirname(os.path.abspath(document))).replace(os.sep, "/")
    return MODELINE.format(path)


def write_schema(root: str | os.PathLike[str]) -> bool:
    """Write the schema of a project, in one step. Whether it is another one than before. Raises OSError."""
    return write_text(schema_file(root), schema_text("graph", root))


def write_text(file: Path, text: str) -> bool:
    """Write a file in one step: all of it or nothing. Whether it is another text than before. Raises OSError."""
    data = text.encode()
    if file.is_file() and file.read_bytes() == data:
        return False
    make_own(file.parent)
    replace_file(str(file), data)
    return True


def refresh_schema(root: str | os.PathLike[str]) -> bool:
    """The same where the project keeps one already; what cannot be written stays as it is."""
    try:
        return schema_file(root).is_file() and write_schema(root)
    except OSError:
        return False
