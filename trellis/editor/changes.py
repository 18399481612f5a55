"""What an editor changes for its author: the house style, and a name everywhere that it stands. Texts in, edits out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from trellis.authoring.formatting import formatted
from trellis.errors import Unreadable
from trellis.model.edits import Edit

if TYPE_CHECKING:
    from trellis.authoring.finding import Found
    from trellis.authoring.renaming import Renaming
    from trellis.editor.links import Meaning
    from trellis.editor.names import Drawn
    from trellis.editor.roles import Occurrence
    from trellis.editor.session import Session


def formatting(name: str, text: str) -> Edit | None:
    """What lays a document out in the house style, from the first line that changes to the last; None where nothing does.

    A document that cannot be read stays as it is. Raises Altered.
    """
    laid_out = formatted(name, text.encode("utf-8", "replace")).text
    if laid_out is None or laid_out == text:
        return None
    return changed(name, text, laid_out)


def changed(name: str, before: str, after: str) -> Edit:
    """The one edit that makes `after` of `before`, in whole lines."""
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    same = 0
    while same < min(len(old), len(new)) and old[same] == new[same]:
        same += 1
    last = 0
    while last < min(len(old), len(new)) - same and old[-1 - last] == new[-1 - last]:
        last += 1
    start = sum(map(len, old[:same]))
    end = len(before) - sum(map(len, old[len(old) - last :]))
    return Edit(name, start, end, "".join(new[same : len(new) - last]))


def nameable(meant: Meaning | None) -> bool:
    """Whether a name can be another one: that of a node, field, state, signal or tool which a document declares."""
    return (
        meant is not None
        and meant.declaration is not None
        and meant.role in ("node", "field", "state", "signal", "tool")
    )


def renaming(session: Session, drawn: Drawn, occurrence: Occurrence, meant: Meaning, new: str) -> Renaming:
    """What it takes to call a thing `new` in all documents of its project, as they are in the editor.

    The compiler says where the name stands, so documents with errors are refused. Raises NotRenamed.
    """
    from trellis.authoring.renaming import NotRenamed, rename

    home = session.unit(meant.home) if meant.home is not None else None
    if home is None or not nameable(meant):
        raise NotRenamed(f"'{occurrence.name}' is declared in no graph or state schema")
    documents = _documents(session)
    old = meant.name
    if meant.role == "node":
        old = _id(documents, session.unit(drawn) or drawn.name, drawn.name, occurrence) or old
    return rename(documents, meant.role, old, new, within=(home,))  # type: ignore[arg-type]


def resolved_at(session: Session, drawn: Drawn, offset: int) -> tuple[Edit, Found] | None:
    """What only the compiler knows to be a name, such as a branch, with its characters; None where it knows none."""
    from trellis.authoring.finding import name_at

    found = name_at(_documents(session), drawn.name, offset)
    places = found.uses if found is not None else ()
    place = next((each for each in places if each.path == drawn.name and each.start <= offset <= each.end), None)
    return (place, found) if place is not None and found is not None else None


def renaming_resolved(session: Session, found: Found, new: str) -> Renaming:
    """What it takes to call such a thing `new`. Raises NotRenamed."""
    from trellis.authoring.renaming import rename

    return rename(_documents(session), found.kind, found.meaning, new, within=(found.home,))


def _documents(session: Session) -> dict[str, bytes]:
    """All documents of a project that can be read, as they are in the editor."""
    documents: dict[str, bytes] = {}
    for name in session.buffers.list():
        with suppress(Unreadable):
            documents[name] = session.buffers.get(name)
    return documents


def _id(documents: Mapping[str, bytes], unit: str, name: str, occurrence: Occurrence) -> str:
    """The id of the node that is named there, with its path; empty where the compiler does not know."""
    from trellis.authoring.names import occurrences
    from trellis.project.loaders import MemoryLoader
    from trellis.project.workspace import Workspace

    # A workspace of its own: that of the session may be compiling in another thread.
    compiled = Workspace(MemoryLoader(documents), tools=None).alone(unit)
    for each in occurrences(compiled.view) if compiled is not None else ():
        if each.kind == "node" and each.path == name and each.steps == occurrence.steps:
            return each.meaning
    return ""


def texts_before(session: Session, paths: Iterable[str]) -> dict[str, str]:
    """The texts of documents as they are in the editor."""
    return {path: session.buffers.get(path).decode("utf-8", "replace") for path in paths}
