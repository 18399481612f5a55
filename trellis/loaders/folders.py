"""A folder of files becomes one document: the head has what a graph has, each other file is one node of it.

The head is `graph.yaml` and has all keys of a graph but `nodes`; one that has them is a whole graph, and no other file is of it.
A folder may do without. Of the other files those are nodes that end with `.yaml`, `.yml` or `.md`, but for documents of their
own, which have `trellis:`, and prose, which is Markdown without front matter. What is hidden, a test, or begins with `x-` is
not even read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from trellis.loaders.fast import are_sure
from trellis.loaders.judge import BROKEN
from trellis.loaders.markdown import front_of
from trellis.loaders.places import Places
from trellis.loaders.reading import Reading, Values, document_of, in_order, values_of
from trellis.loaders.rules import head_rule, node_rule
from trellis.loaders.shape import check_shape, is_sound
from trellis.loaders.syntax import shown
from trellis.loaders.text import are_clean, decode, whole_lines
from trellis.model.documents import Document, Gathered, Step
from trellis.model.folders import HEADS, START, inside, node_in
from trellis.model.problems import Place, Problem

_OWN = re.compile(r"^(?:trellis|\"trellis\"|'trellis')\s*:", re.MULTILINE)


def read_parts(files: Iterable[tuple[str, bytes]]) -> Iterator[Reading | None]:
    """Read files of a folder, each with its path: its head, or a node. None for one that is neither.

    Never raises, whatever the bytes are.
    """
    given = iter(files)
    while some := list(islice(given, _TOGETHER)):
        if are_clean(data for _, data in some):
            texts = [_Text(path, whole_lines(data.decode()), ()) for path, data in some]
        else:
            texts = [_Text(path, *decode(path, data)) for path, data in some]
        sure = are_sure([text.yaml for text in texts])
        for text in texts:
            yield _part(text, sure=sure)


_TOGETHER = 250
"""How many files are looked at in one. Where one of them is not the common case, none of them is taken to be."""


class _Text:
    """One file; `yaml` is the part of it that is YAML."""

    __slots__ = ("faults", "front", "path", "text", "yaml")

    def __init__(self, path: str, text: str, faults: tuple[Problem, ...]) -> None:
        self.path, self.text, self.faults = path, text, faults
        self.front, self.yaml = None, text
        if path.endswith(".md"):
            self.front = front = front_of(text)
            self.yaml = "" if front is None or front.yaml is None else front.yaml


def _part(file: _Text, *, sure: bool) -> Reading | None:
    path, front = file.path, file.front
    if not file.text and file.faults:
        return Reading(None, file.faults)
    if path.endswith(HEADS) and path.rpartition("/")[2] in HEADS:
        return document_of(path, values_of(path, file.text, file.faults, sure=sure), head_rule())
    if not path.endswith(".md"):
        values = values_of(path, file.text, file.faults, sure=sure)
        return None if _is_own(values, file.text) else _node(path, values)
    if front is None:
        # A file that somebody is about to write is no prose: its node must not be gone without a word.
        return None if file.text.strip() else _node(path, Values(None, Places(""), list(file.faults), broken=False))
    if front.yaml is None:
        hint = "close it with a line --- before the text"
        problem = Problem(path, 1, 1, "E119", "error", "the front matter that begins here never ends", hint)
        return Reading(None, (problem,))
    values = values_of(path, front.yaml, file.faults, sure=sure)
    if values.value is None and not values.problems:
        values.value = {}
    if front.body and isinstance(values.value, dict):
        if "say" in values.value:
            place = values.places.locate(("say",), key=True)
            message = "the text below the front matter is what this node says, and here is another"
            problem = Problem(path, place.line, place.column, "E206", "error", message, "keep one of the two")
            values.problems.append(problem)
        else:
            values.value["say"] = front.body
            values.places.body = front.place
    return _node(path, values)


def _is_own(values: Values, text: str) -> bool:
    """Whether these are the values of a document of its own, which a node is not, even if it begins as one."""
    if values.value is BROKEN:
        return _OWN.search(text) is not None
    return (
        isinstance(values.value, dict)
        and "trellis" in values.value
        and values.value.keys().isdisjoint(node_rule().needs)
    )


def _node(path: str, values: Values) -> Reading:
    value, problems = values.value, values.problems
    if value is None and not problems:
        hint = "write what the node does, or remove the file"
        problems.append(Problem(path, 1, 1, "E108", "error", "the file holds no node", hint))
    if value is None or value is BROKEN:
        return Reading(None, in_order(problems))
    document = Document(path, value, values.places.locate)
    if not problems and is_sound(value, node_rule()):
        return Reading(document)
    shape = check_shape(document, broken=values.broken, rule=node_rule())
    values.places.removed = shape.removed
    found = in_order([*problems, *shape.problems])
    return Reading(document if shape.whole else None, found, frozenset(shape.pruned))


def gather(path: str, name: str, files: Mapping[str, Reading | None]) -> Reading:
    """The one document that a folder is: `path` ends with `/`, `name` is what its graph is called where no head says.

    `files` holds what became of each file that its graph may be made of; that is not changed, so it can be kept for the next time.
    """
    return _Gathering(path, files).whole(name)


def has_nodes(head: Reading) -> bool:
    """Whether a head holds the nodes of its graph, so that no other file does."""
    data = None if head.document is None else head.document.data
    return (isinstance(data, dict) and "nodes" in data) or any(steps[:1] == ("nodes",) for steps in head.pruned)


class _Gathering:
    def __init__(self, path: str, files: Mapping[str, Reading | None]) -> None:
        self.path, self.files = path, files
        self.problems: list[Problem] = []
        self.pruned: set[tuple[Step, ...]] = set()
        self.nodes: dict[str, Any] = {}
        self.homes: dict[str, Document] = {}
        self.written: dict[str, str] = {}
        """Name of a node without regard to case -> where it stands."""

    def fault(self, file: str, code: str, message: str, hint: str) -> None:
        self.problems.append(Problem(inside(self.path) + file, 1, 1, code, "error", message, hint))

    def whole(self, name: str) -> Reading:
        found = [file for file in HEADS if self.files.get(file) is not None]
        for file in found[1:]:
            self.fault(file, "E225", f"this folder has another head, '{found[0]}'", "keep one of the two")
        reading = self.files[found[0]] if found else None
        lost = False
        data: dict[str, Any] = {"trellis": 1}
        # A folder has no lines, so what is to be said of it without a head is said of its first.
        head = Document(self.path.rstrip("/") or self.path, data, lambda _steps, _key: Place())
        if reading is not None:
            self.problems += reading.problems
            self.pruned.update(reading.pruned)
            lost = reading.document is None
            if reading.document is not None:
                head = reading.document
                data = {**head.data} if isinstance(head.data, dict) else data
            self.nodes.update(data.get("nodes") or {})
        if reading is None or not has_nodes(reading):
            for file, part in self.files.items():
                if part is not None and file not in HEADS:
                    self.take(file, part)
        data["nodes"] = self.nodes
        data.setdefault("name", name)
        if not lost:
            self.begin(data, head)
            first = data.get("start")
            if first in self.nodes:  # as people read it; elsewhere the order is that of the names
                data["nodes"] = {first: self.nodes.pop(first), **self.nodes}
        document = None if lost else Gathered(self.path, data, head, self.homes)
        return Reading(document, in_order(self.problems), frozenset(self.pruned), "graph")

    def take(self, file: str, part: Reading) -> None:
        """Take the node of one file in."""
        name = node_in(file)
        if not (name.isidentifier() and name.isascii()):
            hint = "names of nodes, and so of their files, are made of letters, digits and _, and do not begin with a digit"
            self.fault(file, "E208", f"{shown(name)} is no name for a node", hint)
        other = self.written.setdefault(name.lower(), file)
        if part.problems:
            self.problems += part.problems
            self.pruned.update(("nodes", name, *steps) for steps in part.pruned)
        if other != file:
            self.collide(file, name, other)
        elif part.document is None:
            self.pruned.add(("nodes", name))
        else:
            self.nodes[name] = part.document.data
            self.homes[name] = part.document

    def collide(self, file: str, name: str, other: str) -> None:
        """Tell of a second node of a name, or of one that some systems take for it. The first stays."""
        if node_in(other) == name:
            self.fault(file, "E225", f"node '{name}' is in '{other}' too", "keep one of the two")
            return
        message = f"'{file}' and '{other}' are one file where names of files ignore case"
        self.fault(file, "E225", message, "rename one of the two")
        self.pruned.add(("nodes", name))

    def begin(self, data: dict[str, Any], head: Document) -> None:
        """Say where the graph starts, or that nothing does."""
        lost = {str(steps[1]) for steps in self.pruned if steps[0] == "nodes" and len(steps) == 2}
        names = {*self.nodes, *lost}
        if not names:
            if ("nodes",) not in self.pruned:
                hint = f"write one, such as {START}.md or {START}.yaml"
                self.problems.append(head.problem("E203", "this folder holds no node", (), key=True, hint=hint))
            return
        if "start" in data or ("start",) in self.pruned:
            return
        if START in names or len(names) == 1:
            data["start"] = START if START in names else next(iter(names))
            return
        missing = f"nothing says where this folder starts: no node is named '{START}'"
        hint = f"name the node that comes first {START}, or say `start: NAME` in {HEADS[0]}"
        self.problems.append(head.problem("E203", missing, (), key=True, hint=hint))
