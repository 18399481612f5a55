"""A name is changed wherever the compiler finds it, and nowhere else; what it would then mean is proved to be the same.

Documents in, edits out: all of a project's, by name. Nothing is read or written here.
"""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Mapping

import msgspec

from trellis.authoring.finding import DeclaredAgain, Project, is_file, is_own
from trellis.authoring.names import KINDS, Kind, Occurrence
from trellis.authoring.spans import Unplaced
from trellis.errors import UsageError
from trellis.model.edits import Edit, applied, by_path
from trellis.model.problems import suggestion


class Renaming(msgspec.Struct, frozen=True):
    """What a new name takes: edits, sorted, and files that are called otherwise afterwards: old path -> new path.

    `texts` is what each edited file holds then; `home` is the document that declares the name.
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
        self.project, self.kind, self.old = Project(documents), kind, old
        self.before, self.own = _split(kind, old)
        head, self.new = _split(kind, new)
        if head and head != self.before:
            raise NotRenamed(f"a {kind} stays where it is: '{old}' can become '{self.before}{self.new}'")
        if self.new == self.own:
            raise NotRenamed(f"this {kind} is called '{new}' already")

    def made(self, within: Collection[str]) -> Renaming:
        home = self.home({self.project.document(path) for path in within})
        names = self.uses(home)
        self.free(home, names)
        files = {name.path: self.moved(name.path) for name in names if is_file(name)}
        try:
            places = {self.project.place(name) for name in names if not is_file(name)}
        except Unplaced as error:
            raise NotRenamed(str(error)) from None
        edits = tuple(sorted(msgspec.structs.replace(place, text=self.new) for place in places))
        documents = self.project.documents
        texts = {path: applied(documents[path].decode(), each) for path, each in by_path(edits).items()}
        self.prove(names, texts, files)
        return Renaming(edits, files, texts, home, self.old, self.before + self.new)

    def home(self, wanted: Collection[str]) -> str:
        """The one document that declares the name."""
        names = [*wanted] or self.project.holding(self.own)
        homes = [name for name in names if self.project.declaration(name, self.kind, self.old) is not None]
        if not homes:
            raise NotRenamed(f"no {self.kind} '{self.old}'{self.instead(wanted)}")
        if len(homes) > 1:
            raise NotRenamed(f"there is a {self.kind} '{self.old}' in {', '.join(sorted(homes))}: name one of them")
        return homes[0]

    def instead(self, wanted: Collection[str]) -> str:
        """What may have been meant by a name that is none."""
        known: dict[str, Kind] = {}
        for name in [*wanted] or [*self.project.documents]:
            view = self.project.view(name)
            if view is not None:
                known.update({each.meaning: each.kind for each in self.project.names[name] if each.defines})
                if self.kind == "state" and self.old in view.states and view.states[self.old].mixin:
                    return f" to rename: it is one of '{view.states[self.old].mixin}', which is built in"
        if self.old in known:
            return f", but a {known[self.old]}: write {known[self.old]}:{self.old}"
        for name in self.project.holding(self.own):
            if (not wanted or name in wanted) and (errors := self.project.errors(name)):
                return f"; {name} has errors, mend them first: {errors[0]}"
        if self.kind == "tool":
            return ": no document declares it; the actions of a host are named in its code"
        return suggestion(self.old, [name for name, kind in known.items() if kind == self.kind])

    def uses(self, home: str) -> list[Occurrence]:
        """Where the name stands; refused where a document has errors, since not all names in it mean something then."""
        names: dict[Occurrence, None] = {}
        whole = set()
        try:
            for name, each in self.project.uses(home, self.kind, self.old):
                names[each] = None
                if name not in whole and (errors := self.project.errors(name)):
                    message = f"{name} has errors, so names in it may be missed; mend them first"
                    raise NotRenamed(f"{message}: {errors[0]}")
                whole.add(name)
        except DeclaredAgain as error:
            raise NotRenamed(f"{error} declares state '{self.old}' again: rename it there first") from None
        return list(names)

    def free(self, home: str, names: Collection[Occurrence]) -> None:
        """Refuse a name that something else has, and one that others need as it is."""
        view, wanted = self.project.views[home], self.before + self.new
        known = [
            (each.meaning, each.kind) for each in self.project.names[home] if each.defines and each.kind == self.kind
        ]
        if self.kind in ("node", "state") and not self.before:
            known += [(name, "node") for name in view.regions[""].names]
            known += [(name, "state") for name in view.states]
        if wanted in dict(known):
            raise NotRenamed(f"there is a {dict(known)[wanted]} '{wanted}' already")
        for each in names if self.kind == "node" else ():
            others = [] if is_own(each, home) else self.project.users(each.path)
            for name in others:
                if name not in (home, each.path):
                    message = f"{each.path} requires node '{self.old}', and {name} has its states too"
                    raise NotRenamed(f"{message}: a node of another name would be missing there")

    def moved(self, path: str) -> str:
        """What the file of a node is called by its new name."""
        folder, _, file = path.rpartition("/")
        found = posixpath.join(folder, self.new + file[file.rindex(".") :])
        if found in self.project.documents:
            raise NotRenamed(f"there is a file '{found}' already")
        return found

    def prove(self, names: Collection[Occurrence], texts: Mapping[str, str], files: Mapping[str, str]) -> None:
        """See that each name means then what it means now. Raises NotRenamed."""
        project, documents = self.project, self.project.documents
        after = Project(
            {files.get(path, path): texts[path].encode() if path in texts else data for path, data in documents.items()}
        )
        users = [name for path in (*texts, *files) for name in project.users(path)]
        for name in dict.fromkeys(users):
            before = project.view(name)
            errors = after.errors(name)
            if errors and not project.errors(name):
                raise NotRenamed(f"with this name it would be wrong: {errors[0]}")
            view = after.view(name)
            if errors or before is None or view is None:
                continue
            if self.kind == "state" and self.old in before.states and self.old in view.states:
                source = view.states[self.old].mixin or "a document that it names"
                raise NotRenamed(f"state '{self.old}' replaces that of '{source}' in {name}, which would come back")
            if len(view.states) != len(before.states):
                raise NotRenamed(f"there is a state '{self.new}' in {name} already")
            # A file of another name comes elsewhere among those of its folder, and so do the names in it.
            was = sorted(project.names[name], key=lambda each: files.get(each.path, each.path))
            now = sorted(after.names[name], key=lambda each: each.path)
            other = _first_other(was, now, set(names))
            if other is not None:
                what = f"'{other.meaning}' at {other.path}: {'.'.join(map(str, other.steps))}"
                raise NotRenamed(f"with this name {what} would mean another thing")


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
