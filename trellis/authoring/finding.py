"""Where a name is declared and where it is used, in all documents of a project, as the compiler has resolved them."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping

import msgspec

from trellis.authoring.names import Kind, Occurrence, fields_given, occurrences
from trellis.authoring.spans import Unplaced, Written
from trellis.compiler.sites import View
from trellis.errors import Unreadable
from trellis.model.edits import Edit
from trellis.model.folders import HEADS, TESTS, around, beside
from trellis.model.problems import Problem
from trellis.project.loaders import MemoryLoader
from trellis.project.workspace import Workspace


class Found(msgspec.Struct, frozen=True):
    """A name: what kind of thing it means, by which id or name, and the document that declares it.

    `declared` and `uses` are the characters of the name there, as edits that change nothing; `uses` has the declaration
    too. A node that is a file of a folder is declared nowhere in it: None.
    """

    kind: Kind
    meaning: str
    home: str
    declared: Edit | None
    uses: tuple[Edit, ...]


class DeclaredAgain(Exception):
    """Another document declares a state of the same name, so it cannot be told which of them is meant."""


class Project:
    """All documents of a project, by name. Nothing is read or written; each is compiled once it is asked for."""

    def __init__(self, documents: Mapping[str, bytes]) -> None:
        self.documents = documents
        self.workspace = Workspace(MemoryLoader(documents), tools=None)
        self.views: dict[str, View] = {}
        self.names: dict[str, list[Occurrence]] = {}
        """Of each view, every name."""
        self._written: dict[str, Written] = {}

    def document(self, path: str) -> str:
        """The document that a file is, or is a part of."""
        return around(path) if posixpath.basename(path) in HEADS or self._is_node(path) else path

    def _is_node(self, path: str) -> bool:
        try:
            return self.workspace.readings.reading(path).kind == "node"
        except Unreadable:
            return False

    def holding(self, word: str) -> list[str]:
        """The documents in which a word stands, or that have a file of this name."""
        octets = word.encode()
        return list(
            dict.fromkeys(
                self.document(path)
                for path, data in self.documents.items()
                if not path.endswith(TESTS) and (octets in data or word == posixpath.basename(path).rpartition(".")[0])
            )
        )

    def view(self, name: str) -> View | None:
        """The view of a document; None where nothing of it can be read."""
        if name not in self.views:
            compiled = self.workspace.alone(name)
            if compiled is None:
                return None
            self.views[name] = compiled.view
            self.names[name] = occurrences(compiled.view)
        return self.views[name]

    def errors(self, name: str) -> list[Problem]:
        """What is wrong with a document, and with those that it names."""
        return [found for found in self.workspace.compile(name, "any").problems if found.severity == "error"]

    def made_of(self, name: str, path: str) -> bool:
        """Whether a document is made of a file, or names it."""
        known = {name, *self.workspace.compile(name, "any").documents}
        return path in known or around(path) in known

    def users(self, path: str) -> list[str]:
        """The documents that are made of a file, or name it, by whatever way."""
        found: dict[str, None] = {}
        waiting = [path]
        for named in waiting:
            # Whoever names a file writes the last part of its path.
            word = posixpath.basename(named.rstrip("/")).encode()
            for other, data in self.documents.items():
                if other.endswith(TESTS) or not (word in data or other == named):
                    continue
                name = self.document(other)
                if name not in found and self.workspace.alone(name) is not None and self.made_of(name, path):
                    found[name] = None
                    waiting.append(name)
        return list(found)

    def own(self, name: str, kind: Kind, meaning: str) -> list[Occurrence]:
        """Where a document, or one that it includes, names something."""
        return [each for each in self.names[name] if each.kind == kind and each.meaning == meaning]

    def declaration(self, name: str, kind: Kind, meaning: str) -> Occurrence | None:
        """Where a document itself, and none that it includes, declares something."""
        if self.view(name) is None:
            return None
        return next((each for each in self.own(name, kind, meaning) if each.defines and is_own(each, name)), None)

    def uses(self, home: str, kind: Kind, meaning: str) -> Iterator[tuple[str, Occurrence]]:
        """Every name that means what `home` declares, its declaration too, with the document that tells so; some more
        than once. Raises DeclaredAgain."""
        declared = self.declaration(home, kind, meaning)
        for each in self.own(home, kind, meaning):
            yield home, each
        for name in self.holding(meaning) if kind in ("field", "state") else ():
            view = self.view(name)
            if view is None:
                continue
            for around_it, path, given in fields_given(view) if kind == "field" else ():
                if given.meaning == meaning and self.workspace.readings.called(beside(around_it, path)) == home:
                    yield name, given
            if kind == "state" and name != home and meaning in view.states and declared is not None:
                state = view.states[meaning]
                if view.home(state.steps)[0].path == declared.path and not state.mixin:
                    for each in self.own(name, kind, meaning):
                        yield name, each
                elif any(each.path == declared.path for each in self.names[name]):
                    raise DeclaredAgain(name)

    def place(self, name: Occurrence) -> Edit:
        """The characters of a name, as an edit that changes nothing. Raises Unplaced."""
        if name.path not in self._written:
            if name.path not in self.documents:
                raise Unplaced(f"{name.path} is no document of this project")
            self._written[name.path] = Written(name.path, self.documents[name.path])
        written = self._written[name.path]
        start, end = written.span(name)
        return Edit(name.path, start, end, written.original[start:end])


def is_own(name: Occurrence, document: str) -> bool:
    """Whether a name stands in a document itself, and not in one that it includes."""
    return name.path == document or (document.endswith("/") and around(name.path) == document)


def is_file(name: Occurrence) -> bool:
    """Whether a name is that of the file itself."""
    return name.key and not name.steps


def name_at(documents: Mapping[str, bytes], path: str, offset: int) -> Found | None:
    """What the name at a character of a file means; None where there is none that means something declared."""
    project = Project(documents)
    document = project.document(path)
    if path not in documents or project.view(document) is None:
        return None
    for name in project.names[document]:
        if name.path == path and not is_file(name) and (place := _place(project, name)) is not None:
            if place.start <= offset <= place.end:
                return _found(project, document, name)
    return None


def _found(project: Project, document: str, name: Occurrence) -> Found | None:
    declared = next((each for each in project.own(document, name.kind, name.meaning) if each.defines), None)
    if declared is None:
        return None
    home = document if is_own(declared, document) else project.document(declared.path)
    if project.view(home) is None:
        return None
    uses: dict[Edit, None] = {}
    try:
        for _, each in project.uses(home, name.kind, name.meaning):
            if not is_file(each) and (place := _place(project, each)) is not None:
                uses[place] = None
    except DeclaredAgain:
        pass  # what has been found is right
    own = None if is_file(declared) else _place(project, declared)
    return Found(name.kind, name.meaning, home, own, tuple(sorted(uses)))


def _place(project: Project, name: Occurrence) -> Edit | None:
    try:
        return project.place(name)
    except Unplaced:
        return None
