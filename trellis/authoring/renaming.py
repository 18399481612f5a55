"""A name is changed wherever the compiler finds it, and nowhere else; what it would then mean is proved to be the same.

Documents in, edits out: all of a project's, by name. Nothing is read or written here.
"""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterator, Mapping

import msgspec

from trellis.authoring.names import KINDS, Kind, Occurrence, fields_given, occurrences
from trellis.authoring.spans import Unplaced, Written
from trellis.compiler.sites import View
from trellis.errors import Unreadable, UsageError
from trellis.model.edits import Edit, applied, by_path
from trellis.model.folders import HEADS, TESTS, around, beside
from trellis.model.problems import Problem, suggestion
from trellis.project.loaders import MemoryLoader
from trellis.project.workspace import Workspace


class Renaming(msgspec.Struct, frozen=True):
    """What a new name takes: edits, sorted, and files that are called otherwise afterwards: old path -> new path.

    `texts` is what each edited file holds then. `home` is the document in which the name is declared, and `graph` whether
    that is a graph, whose open runs know the old name.
    """

    edits: tuple[Edit, ...]
    files: dict[str, str]
    texts: dict[str, str]
    home: str
    old: str
    new: str


class NotRenamed(UsageError):
    """A name that stays as it is, and why."""


def rename(documents: Mapping[str, bytes], kind: Kind, old: str, new: str, *, within: Collection[str] = ()) -> Renaming:
    """Rename what is called `old` to `new`, in all of a project's documents, by name.

    `old` is the id of a node, `checks.http`, or the name of anything else; `new` is its last part, or has the same parts
    before it. `within` are the documents in one of which it is declared; none: any. Raises NotRenamed.
    """
    return _Renaming(documents, kind, old, new).made(within)


class _Renaming:
    def __init__(self, documents: Mapping[str, bytes], kind: Kind, old: str, new: str) -> None:
        self.documents, self.kind, self.old = documents, kind, old
        self.before, self.own = _split(kind, old)
        head, self.new = _split(kind, new)
        if head and head != self.before:
            raise NotRenamed(f"a {kind} stays where it is: '{old}' can become '{self.before}{self.new}'")
        if self.new == self.own:
            raise NotRenamed(f"this {kind} is called '{new}' already")
        self.workspace = Workspace(MemoryLoader(documents), tools=None)
        self.views: dict[str, View] = {}
        self.found: dict[str, list[Occurrence]] = {}

    def made(self, within: Collection[str]) -> Renaming:
        home = self.home(within)
        self.whole(home)
        names = list(dict.fromkeys(self.uses(home)))
        self.free(home)
        files = {name.path: self.moved(name.path) for name in names if name.key and not name.steps}
        try:
            edits = self.edits([name for name in names if not (name.key and not name.steps)])
        except Unplaced as error:
            raise NotRenamed(str(error)) from None
        texts = {path: applied(self.documents[path].decode(), each) for path, each in by_path(edits).items()}
        self.prove(names, texts, files)
        return Renaming(tuple(sorted(edits)), files, texts, home, self.old, self.before + self.new)

    # What there is

    def candidates(self) -> list[str]:
        """The documents, and folders that are one, in which the old name stands."""
        octets, found = self.own.encode(), dict[str, None]()
        for name, data in self.documents.items():
            file = posixpath.basename(name)
            if octets not in data and self.own != file.rpartition(".")[0]:
                continue
            if name.endswith(TESTS):
                continue
            if file in HEADS or self.is_node(name):
                name = around(name)
            found[name] = None
        return list(found)

    def is_node(self, name: str) -> bool:
        """Whether a file is a node of the folder that it is in."""
        try:
            return self.workspace.readings.reading(name).kind == "node"
        except Unreadable:
            return False

    def view(self, name: str) -> View | None:
        """The view of a document; None where nothing of it can be read."""
        if name not in self.views:
            compiled = self.workspace.alone(name)
            if compiled is None:
                return None
            self.views[name] = compiled.view
            self.found[name] = occurrences(compiled.view)
        return self.views[name]

    def home(self, within: Collection[str]) -> str:
        """The one document that declares the name."""
        wanted = {around(name) if posixpath.basename(name) in HEADS or self.is_node(name) else name for name in within}
        homes = [name for name in dict.fromkeys([*wanted, *self.candidates()]) if self.declares(name, wanted)]
        if not homes:
            raise NotRenamed(f"no {self.kind} '{self.old}'{self.instead(wanted)}")
        if len(homes) > 1:
            raise NotRenamed(f"there is a {self.kind} '{self.old}' in {', '.join(sorted(homes))}: name one of them")
        return homes[0]

    def declares(self, name: str, wanted: Collection[str]) -> bool:
        """Whether a document, one of those that are wanted, declares the name itself."""
        if self.view(name) is None or (wanted and name not in wanted):
            return False
        return any(each.defines and self.is_own(each, name) for each in self.mine(name))

    def instead(self, wanted: Collection[str]) -> str:
        """What may have been meant by a name that is none."""
        known: dict[str, Kind] = {}
        for name in dict.fromkeys([*wanted, *self.candidates(), *([] if wanted else self.documents)]):
            view = self.view(name)
            if view is not None:
                known.update({each.meaning: each.kind for each in self.found[name] if each.defines})
                if self.kind == "state" and self.old in view.states and view.states[self.old].mixin:
                    return f" to rename: it is one of '{view.states[self.old].mixin}', which is built in"
        if self.old in known:
            return f", but a {known[self.old]}: write {known[self.old]}:{self.old}"
        if self.kind == "tool":
            return ": no document declares it; the actions of a host are named in its code"
        return suggestion(self.old, [name for name, kind in known.items() if kind == self.kind])

    def is_own(self, name: Occurrence, document: str) -> bool:
        """Whether a name stands in a document itself, and not in one that it includes."""
        return name.path == document or (document.endswith("/") and around(name.path) == document)

    def whole(self, name: str) -> None:
        """Refuse to look for names in a document that has errors: not all of them mean something."""
        errors = self.errors(self.workspace, name)
        if errors:
            raise NotRenamed(f"{name} has errors, so names in it may be missed; mend them first: {errors[0]}")

    def errors(self, workspace: Workspace, name: str) -> list[Problem]:
        return [problem for problem in workspace.compile(name, "any").problems if problem.severity == "error"]

    # Where the name stands

    def uses(self, home: str) -> Iterator[Occurrence]:
        yield from self.mine(home)
        if self.kind == "field":
            for name in self.candidates():
                view = self.view(name)
                for around_it, path, given in fields_given(view) if view is not None else ():
                    if given.meaning == self.old and self.workspace.readings.called(beside(around_it, path)) == home:
                        self.whole(name)
                        yield given
        if self.kind == "state":
            declared = next(each for each in self.found[home] if each.defines and each.meaning == self.old)
            for name in self.candidates():
                view = self.view(name)
                if name == home or view is None or self.old not in view.states:
                    continue
                state = view.states[self.old]
                if view.home(state.steps)[0].path == declared.path and not state.mixin:
                    self.whole(name)
                    yield from self.mine(name)
                elif any(each.path == declared.path for each in self.found[name]):
                    raise NotRenamed(f"{name} declares state '{self.old}' again: rename it there first")

    def mine(self, name: str) -> list[Occurrence]:
        return [each for each in self.found[name] if each.kind == self.kind and each.meaning == self.old]

    def free(self, home: str) -> None:
        """Refuse a name that something else has."""
        view = self.views[home]
        wanted = self.before + self.new
        taken = {each.meaning: each.kind for each in self.found[home] if each.defines and each.kind == self.kind}
        if self.kind in ("node", "state"):
            shared = dict.fromkeys(view.regions[""].names, "node") | dict.fromkeys(view.states, "state")
            taken.update({name: kind for name, kind in shared.items() if not self.before})  # type: ignore[misc]
        if wanted in taken:
            raise NotRenamed(f"there is a {taken[wanted]} '{wanted}' already")
        declared = {each.path for each in self.mine(home) if each.defines}
        for each in self.found[home]:
            if each.kind == self.kind == "node" and each.meaning == self.old and each.path not in declared:
                if not self.is_own(each, home):
                    others = [name for name in self.users(each.path) if name not in (home, each.path)]
                    if others:
                        message = f"{each.path} requires node '{self.old}', and {others[0]} has its states too"
                        raise NotRenamed(f"{message}: a node of another name would be missing there")

    def users(self, path: str) -> list[str]:
        """The documents that include, or use, the one at `path`."""
        found = []
        for name in self.documents:
            name = around(name) if posixpath.basename(name) in HEADS else name
            if not name.endswith(TESTS) and self.workspace.alone(name) is not None:
                if path in self.workspace.compile(name, "any").documents:
                    found.append(name)
        return found

    # What changes

    def edits(self, names: list[Occurrence]) -> set[Edit]:
        written: dict[str, Written] = {}
        edits = set()
        for name in names:
            if name.path not in self.documents:
                raise NotRenamed(f"{name.path} names '{self.old}' and is no document of this project")
            if name.path not in written:
                written[name.path] = Written(name.path, self.documents[name.path])
            start, end = written[name.path].span(name)
            edits.add(Edit(name.path, start, end, self.new))
        return edits

    def moved(self, path: str) -> str:
        """What the file of a node is called by its new name."""
        folder, _, file = path.rpartition("/")
        found = posixpath.join(folder, self.new + file[file.rindex(".") :])
        if found in self.documents:
            raise NotRenamed(f"there is a file '{found}' already")
        return found

    def prove(self, names: list[Occurrence], texts: Mapping[str, str], files: Mapping[str, str]) -> None:
        """See that each name means then what it means now. Raises NotRenamed."""
        after = {files.get(path, path): texts.get(path, data) for path, data in self.documents.items()}
        workspace = Workspace(MemoryLoader(after), tools=None)
        for name in dict.fromkeys([*self.views, *(user for path in (*texts, *files) for user in self.users(path))]):
            if self.view(name) is None or not self.touched(name, {*texts, *files}):
                continue
            errors = self.errors(workspace, name)
            if errors and not self.errors(self.workspace, name):
                raise NotRenamed(f"with this name it would be wrong: {errors[0]}")
            compiled = workspace.alone(name)
            if errors or compiled is None:
                continue
            if self.kind == "state" and self.old in self.views[name].states and self.old in compiled.view.states:
                source = compiled.view.states[self.old].mixin or "a document that it names"
                raise NotRenamed(f"state '{self.old}' replaces that of '{source}' in {name}, which would come back")
            if len(compiled.view.states) != len(self.views[name].states):
                raise NotRenamed(f"there is a state '{self.new}' in {name} already")
            other = _first_other(self.found[name], occurrences(compiled.view), set(names))
            if other is not None:
                what = f"'{other.meaning}' at {other.path}: {'.'.join(map(str, other.steps))}"
                raise NotRenamed(f"with this name {what} would mean another thing")

    def touched(self, name: str, paths: Collection[str]) -> bool:
        """Whether a document is made of one of these files, or names one."""
        known = {name, *self.workspace.compile(name, "any").documents}
        return any(path in known or around(path) in known for path in paths)


def _first_other(
    before: list[Occurrence], after: list[Occurrence], renamed: Collection[Occurrence]
) -> Occurrence | None:
    """The first name that does not mean what it did: of nodes, the one declared at the same place; else the same name."""
    then: dict[tuple[Kind, str], str] = {}
    once: dict[tuple[Kind, str], str] = {}
    for was, now in zip(before, after, strict=False):
        key, to = (was.kind, was.meaning), (now.kind, now.meaning)
        alike = was.kind == now.kind and was.defines == now.defines
        if was.kind != "node" and was not in renamed:  # ids of nodes hold the names of others
            alike = alike and was.meaning == now.meaning
        if (
            not alike
            or then.setdefault(key, now.meaning) != now.meaning
            or once.setdefault(to, was.meaning) != was.meaning
        ):
            return was
    longest = max(before, after, key=len)
    return longest[min(len(before), len(after))] if len(before) != len(after) else None


def _split(kind: Kind, name: str) -> tuple[str, str]:
    """What is before the last part of a node's id, and that part. Of anything else the name is one part."""
    if kind != "node":
        return "", name
    before, dot, own = name.rpartition(".")
    return before + dot, own


def named(text: str) -> tuple[Kind, str]:
    """What `node`, `checks.http`, `field:tries` or `state:Ready` names. Raises UsageError."""
    word, colon, name = text.partition(":")
    if not colon:
        return "node", text
    for kind in KINDS:
        if kind == word and name:
            return kind, name
    raise UsageError(f"'{word}' is no kind of name; known: {', '.join(KINDS)}")
