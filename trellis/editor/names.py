"""All names of a project, as its documents are drawn at this moment; of each, where it is declared and where it is used."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from typing import Literal

from trellis.editor.roles import Occurrence, Role, occurrences
from trellis.editor.shapes import Shape, root_shape
from trellis.editor.sketch import Part, sketch, sketch_markdown
from trellis.errors import Unreadable
from trellis.model.folders import HEADS, START, SUFFIXES, TESTS, beside, node_in
from trellis.project.loaders import Loader

DocumentKind = Literal["graph", "state schema", "tool catalogue", "node", "other"]
LONG = 20_000
"""From so many octets on drawing a document takes longer than a keystroke."""


class Drawn:
    """One document: its path from the project's root, its text, what is drawn in it, and what it is."""

    __slots__ = ("_occurrences", "kind", "name", "root", "text")

    def __init__(self, name: str, text: str, kind: DocumentKind, root: Part) -> None:
        self.name, self.text, self.kind, self.root = name, text, kind, root
        self._occurrences: list[Occurrence] | None = None

    @property
    def shape(self) -> Shape:
        """What the schema says of it."""
        return root_shape(node=self.kind == "node")

    @property
    def occurrences(self) -> list[Occurrence]:
        """Every name in it; looked for once."""
        if self._occurrences is None:
            around = ("nodes",) if self.kind == "node" else ()
            found = [] if self.kind == "other" else list(occurrences(self.root, self.shape, around))
            if self.kind == "node":
                own = node_in(posixpath.basename(self.name))
                found.insert(0, Occurrence(("node",), own, 0, 0, (), ("nodes",), self.root, declares=True))
            self._occurrences = found
        return self._occurrences


def draw(name: str, text: str, *, of_folder: bool = False) -> Drawn:
    """The document at `name`. `of_folder`: it stands in the folder of a graph, so it is a node if it is nothing else."""
    markdown = name.endswith(".md")
    root = sketch_markdown(text) if markdown else sketch(text)
    front = text.removeprefix("\ufeff").startswith("---")
    return Drawn(name, text, _kind(name, root, of_folder=of_folder, front=front), root)


def _kind(name: str, root: Part, *, of_folder: bool, front: bool) -> DocumentKind:
    if name.endswith(TESTS):
        return "other"
    keys = {entry.key for entry in root.entries}
    if name.endswith(".md"):
        return "node" if of_folder and front else "other"
    from trellis.loaders.kinds import kind_of

    kind = kind_of(name, dict.fromkeys(keys))
    if "trellis" in keys:
        return "other" if kind == "test" or kind == "node" else kind
    if of_folder and (kind == "node" or not [entry for entry in root.entries if not entry.half]):
        return "node"
    return "graph" if {"nodes", "start"} <= keys else "other"


class Project:
    """The documents of a loader. Each is drawn again only when its text is another one.

    Nothing here raises for what is in a document, or for one that is not there.
    """

    def __init__(self, loader: Loader) -> None:
        self.loader = loader
        self._drawn: dict[str, tuple[bytes, bool, Drawn]] = {}
        self._folders: dict[str, list[str]] | None = None

    def forget(self) -> None:
        """Documents came or went: list them anew."""
        self._folders = None

    def document(self, name: str, *, recent: bool = False) -> Drawn | None:
        """The document of a name; None where nothing can be read. `recent`: where it is long, as it was last drawn will do."""
        try:
            data = self.loader.get(name)
        except Unreadable:
            self._drawn.pop(name, None)
            return None
        if recent and len(data) > LONG and name in self._drawn:
            return self._drawn[name][2]
        of_folder = self._is_of_folder(name)
        kept = self._drawn.get(name)
        if kept is None or kept[0] != data or kept[1] != of_folder:
            kept = data, of_folder, draw(name, data.decode("utf-8", "replace"), of_folder=of_folder)
            self._drawn[name] = kept
        return kept[2]

    def folder(self, drawn: Drawn) -> str:
        """The folder of a document on the disk; empty for documents that are kept elsewhere."""
        root = getattr(self.loader, "root", None)
        return posixpath.join(root, posixpath.dirname(drawn.name)) if isinstance(root, str) else ""

    def _is_of_folder(self, name: str) -> bool:
        folder, base = posixpath.split(name)
        if base in HEADS or not base.endswith(SUFFIXES):
            return False
        files = {posixpath.basename(other) for other in self.beside(folder)}
        heads = [self.document(posixpath.join(folder, head)) for head in HEADS if head in files]
        if heads:  # one that has `nodes` has all of them
            return not any(head is not None and head.root.kind == "map" and head.root.get("nodes") for head in heads)
        return not files.isdisjoint(f"{START}{ending}" for ending in SUFFIXES)

    def beside(self, folder: str) -> list[str]:
        """The names of those that stand in a folder."""
        folders = self._folders
        if folders is None:
            folders = {}  # whole before anybody sees it: checks run in another thread
            for name in self.loader.list():
                folders.setdefault(posixpath.dirname(name), []).append(name)
            self._folders = folders
        return folders.get(folder, [])

    def all(self) -> Iterator[Drawn]:
        """Every document of the project."""
        for name in self.loader.list():
            if name.endswith(SUFFIXES):
                drawn = self.document(name)
                if drawn is not None and drawn.kind != "other":
                    yield drawn

    def graph_of(self, drawn: Drawn) -> list[Drawn]:
        """The documents that make up the graph that this one is a part of: itself; of a folder, its head and nodes."""
        base = posixpath.basename(drawn.name)
        if drawn.kind != "node" and base not in HEADS:
            return [drawn]
        found = [self.document(name) for name in self.beside(posixpath.dirname(drawn.name)) if name.endswith(SUFFIXES)]
        others = [one for one in found if one is not None and one.name != drawn.name]
        return [drawn, *(one for one in others if one.kind == "node" or posixpath.basename(one.name) in HEADS)]

    def around(self, drawn: Drawn) -> list[Drawn]:
        """The same, and the documents that these name in `schema` and `extends`: those are where states come from."""
        found = self.graph_of(drawn)
        seen = {one.name for one in found}
        for one in found:
            for occurrence in one.occurrences:
                if "file" in occurrence.roles and occurrence.steps[0] in ("schema", "extends"):
                    name = beside(one.name, occurrence.name)
                    if name not in seen:
                        seen.add(name)
                        other = self.document(name)
                        if other is not None:
                            found.append(other)
        return found

    def declared(self, drawn: Drawn, role: Role) -> dict[str, tuple[Drawn, Occurrence]]:
        """What may be named at a place of `drawn`, by name; of nodes, those outside every body."""
        found: dict[str, tuple[Drawn, Occurrence]] = {}
        for one in self.around(drawn):
            for occurrence in one.occurrences:
                if occurrence.declares and role in occurrence.roles and len(occurrence.steps) <= 2:
                    found.setdefault(occurrence.name, (one, occurrence))
        return found

    def nodes(self, drawn: Drawn, region: tuple[str | int, ...]) -> dict[str, tuple[Drawn, Occurrence]]:
        """The nodes that may name each other in a region of `drawn`."""
        documents = self.graph_of(drawn) if region in ((), ("nodes",)) else [drawn]
        found: dict[str, tuple[Drawn, Occurrence]] = {}
        for one in documents:
            for occurrence in one.occurrences:
                if occurrence.declares and "node" in occurrence.roles and occurrence.region == (region or ("nodes",)):
                    found.setdefault(occurrence.name, (one, occurrence))
        return found
