"""Which name means what: where it is declared, and everywhere that it is used."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from trellis.editor.names import Drawn, Project
from trellis.editor.roles import Occurrence, Role, Steps
from trellis.editor.signatures import signature_of
from trellis.editor.sketch import Entry, Part, value_of
from trellis.model.documents import Step
from trellis.model.folders import beside


class Meaning(NamedTuple):
    """What a name means: its role, and where it is declared; None for what is declared nowhere."""

    role: Role
    name: str
    region: Steps
    home: Drawn | None
    declaration: Occurrence | None


class Link(NamedTuple):
    """A place that a name leads to: characters of a document, or a line, from 1, of another file by its path."""

    name: str
    start: int
    end: int
    line: int = 0


def occurrence_at(drawn: Drawn, offset: int) -> Occurrence | None:
    """The name that the cursor is in, or at the end of."""
    return next(
        (each for each in drawn.occurrences if each.start <= offset <= each.end and each.end > each.start), None
    )


def entry_at(root: Part, offset: int) -> tuple[tuple[Step, ...], Entry] | None:
    """The key that the cursor is in, with the steps to its value."""
    steps: tuple[Step, ...] = ()
    part = root
    while True:
        below: tuple[Step, Part] | None = None
        for entry in part.entries:
            if entry.start <= offset <= entry.end and entry.end > entry.start:
                return (*steps, entry.key), entry
        for step, inside in part.parts():
            if inside.kind in ("map", "list") and inside.start <= offset <= inside.end:
                below = step, inside
        if below is None:
            return None
        steps, part = (*steps, below[0]), below[1]


def meaning(project: Project, drawn: Drawn, occurrence: Occurrence) -> Meaning | None:
    """What a name means; None where it may mean several things and is none of them."""
    for role in occurrence.roles:
        if role == "file":
            continue
        if role == "node":
            found = project.nodes(drawn, occurrence.region).get(occurrence.name)
        else:
            found = project.declared(drawn, role).get(occurrence.name)
        if found is not None:
            return Meaning(role, occurrence.name, occurrence.region, *found)
    if len(occurrence.roles) == 1 and occurrence.roles[0] != "file":
        return Meaning(occurrence.roles[0], occurrence.name, occurrence.region, None, None)
    return None


def uses(project: Project, drawn: Drawn, meant: Meaning) -> Iterator[tuple[Drawn, Occurrence]]:
    """Everywhere that the same is named, where it is declared too; document by document."""
    known: dict[tuple[str, tuple[Role, ...]], bool] = {}

    def rival(document: Drawn, roles: tuple[Role, ...]) -> bool:
        """Whether the name means something of a role that goes first, there."""
        key = document.name, roles
        if key not in known:
            before = [role for role in roles[: roles.index(meant.role)] if role != "file"]
            tables = [
                project.nodes(document, ()) if role == "node" else project.declared(document, role) for role in before
            ]
            known[key] = any(meant.name in table for table in tables)
        return known[key]

    for document in _documents(project, drawn, meant):
        for occurrence in document.occurrences:
            if not occurrence.means(meant.role, meant.name) or occurrence.end <= occurrence.start:
                continue
            if meant.role == "node" and (occurrence.region or ("nodes",)) != (meant.region or ("nodes",)):
                continue
            if len(occurrence.roles) > 1 and not occurrence.declares and rival(document, occurrence.roles):
                continue
            yield document, occurrence


def _documents(project: Project, drawn: Drawn, meant: Meaning) -> list[Drawn]:
    """The documents in which the name means the same."""
    if meant.role == "node" and meant.region not in ((), ("nodes",)):
        return [drawn]
    home = meant.home or drawn
    found = project.graph_of(home)
    if meant.role in ("state", "group"):
        around = [one for one in project.all() if home in project.around(one)]
        found += [one for one in around if one not in found]
    return found


def definitions(project: Project, drawn: Drawn, offset: int) -> list[Link]:
    """Where what the cursor is at is declared; of a path the document, of a Python action its source."""
    occurrence = occurrence_at(drawn, offset)
    if occurrence is None:
        return _source(project, drawn, offset)
    if "file" in occurrence.roles:
        name = beside(drawn.name, occurrence.name)
        return [Link(name, 0, 0)] if project.document(name) is not None else []
    meant = meaning(project, drawn, occurrence)
    if meant is None or meant.home is None or meant.declaration is None:
        return []
    return [Link(meant.home.name, meant.declaration.start, meant.declaration.end)]


def _source(project: Project, drawn: Drawn, offset: int) -> list[Link]:
    for tool in _tools(drawn):
        target = tool.get("python") if tool.kind == "map" else None
        if target is not None and target.start <= offset <= target.end:
            found = signature_of(str(value_of(target)), project.folder(drawn))
            return [Link(found.file, 0, 0, found.line)] if found is not None else []
    return []


def _tools(drawn: Drawn) -> list[Part]:
    tools = drawn.root.get("tools") if drawn.root.kind == "map" else None
    return [entry.value for entry in tools.entries] if tools is not None else []


def references(project: Project, drawn: Drawn, offset: int, *, declaration: bool = True) -> list[Link]:
    """Everywhere that what the cursor is at is named, in the order of documents and places."""
    occurrence = occurrence_at(drawn, offset)
    meant = meaning(project, drawn, occurrence) if occurrence is not None else None
    if meant is None:
        return []
    return sorted(
        Link(document.name, found.start, found.end)
        for document, found in uses(project, drawn, meant)
        if declaration or not found.declares
    )
