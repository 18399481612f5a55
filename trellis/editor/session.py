"""A project that is open in an editor: its buffers, what is named in it, and the problems of every document that a change concerns."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable
from threading import Lock

from trellis.editor.buffers import Buffers
from trellis.editor.links import entry_at, occurrence_at
from trellis.editor.names import Drawn, Project
from trellis.editor.sketch import Part
from trellis.errors import Unreadable
from trellis.model.folders import HEADS, around
from trellis.model.problems import Problem
from trellis.project.workspace import Workspace

KEPT_IN_VIEW = 2_000
"""How many graphs of a project are checked though nobody has opened them."""


class Session:
    """The project at `root`. Only `check` compiles; all else is about texts. Nothing raises for what is in a document."""

    def __init__(self, root: str) -> None:
        self.buffers = Buffers(root)
        self.project = Project(self.buffers)
        self.workspace = Workspace(self.buffers)
        self._lock = Lock()
        """Held while `waiting` is taken or added to: `check` may run in another thread than all else."""
        self.waiting: set[str] = set()
        """The names that changed since the last check began."""
        self._due: set[str] = set()
        """The units that are to be compiled."""
        self._found: dict[str, tuple[Problem, ...]] = {}
        """Unit -> its problems."""
        self._told: dict[str, tuple[Problem, ...]] = {}
        """Document -> the problems that were last given of it."""
        self._again: set[str] = set()
        """Documents whose problems were found and could not be given."""
        self.everything = False

    def put(self, name: str, text: str) -> None:
        """A document is open with this text."""
        data = text.encode("utf-8", "replace")
        try:
            same = self.buffers.get(name) == data
        except Unreadable:
            same = False
        if name not in self.buffers.open:
            self.project.forget()
        self.buffers.open[name] = data
        if not same or self._found.keys().isdisjoint((name, around(name))):
            with self._lock:
                self.waiting.add(name)

    def drop(self, name: str) -> None:
        """A document is open no more: it is what is on the disk."""
        if self.buffers.open.pop(name, None) is not None:
            self.files_changed([name])

    def files_changed(self, names: Iterable[str]) -> None:
        """Files were written, came or went."""
        self.buffers.forget()
        self.project.forget()
        with self._lock:
            self.waiting.update(names)

    def look_at_everything(self) -> None:
        """Check every document of the project, and not only what is open and what depends on that."""
        self.everything = True

    def unit(self, drawn: Drawn) -> str | None:
        """What is compiled for a document: itself, or its folder; None where it is nothing of ours."""
        if drawn.kind == "node":
            return around(drawn.name)
        if drawn.kind not in ("graph", "state schema"):
            return None
        if posixpath.basename(drawn.name) in HEADS and len(self.project.graph_of(drawn)) > 1:
            return around(drawn.name)
        return drawn.name

    def check(self, stop: Callable[[], bool] = lambda: False) -> dict[str, tuple[Problem, ...]]:
        """The documents whose problems are others than before, each with all it has now.

        Once `stop` says so, what is left to do is left for the next time. A result that was overtaken by a change is
        not given: it is found again.
        """
        with self._lock:
            changed, self.waiting = self.waiting, set()
        if changed:
            self._due |= {name for name in self.workspace.changed(self._with_folders(changed)) if name in self._found}
            for name in changed:
                drawn = self.project.document(name)
                unit = self.unit(drawn) if drawn is not None else None
                for stale in {name, around(name)} - {unit}:
                    self._found.pop(stale, None)
                    self._due.discard(stale)
                if unit is not None:
                    self._due.add(unit)
        if self.everything:
            self.everything = False
            units = {unit for drawn in self.project.all() if (unit := self.unit(drawn)) is not None}
            self._due |= set(sorted(units - self._found.keys())[:KEPT_IN_VIEW])
        for unit in sorted(self._due, key=lambda unit: (unit not in self.buffers.open, unit)):
            if stop():
                break
            made = self.workspace.compile(unit, "any")
            if self.waiting and not self.waiting.isdisjoint(made.documents):
                continue  # it changed meanwhile
            self._due.discard(unit)
            self._found[unit] = made.problems
        return self._news()

    @property
    def busy(self) -> bool:
        """Whether there is something left to check."""
        return bool(self.waiting or self._due or self.everything)

    def _with_folders(self, names: Iterable[str]) -> set[str]:
        return {every for name in names for every in (name, around(name))}

    def _news(self) -> dict[str, tuple[Problem, ...]]:
        now: dict[str, set[Problem]] = {}
        for problems in self._found.values():
            for problem in problems:
                now.setdefault(problem.path, set()).add(problem)
        sorted_now = {name: tuple(sorted(found)) for name, found in now.items()}
        news = {name: found for name, found in sorted_now.items() if self._told.get(name) != found}
        news |= {name: () for name in self._told if name not in sorted_now}
        news |= {name: sorted_now.get(name, ()) for name in self._again}
        self._told, self._again = sorted_now, set()
        return news

    def overtaken(self, name: str) -> bool:
        """Whether a document changed since its problems were found: then they are given the next time."""
        if name not in self.waiting:
            return False
        self._again.add(name)
        return True

    def problems(self, name: str) -> tuple[Problem, ...]:
        """The problems of a document as they were last given; none while it is another text than then."""
        return () if name in self.waiting else self._told.get(name, ())


def extent(drawn: Drawn, offset: int, message: str = "") -> tuple[int, int]:
    """The characters that a problem at `offset` is about: the name in a text that `message` tells of, a key, or a word."""
    text = text_at(drawn.root, offset)
    if text is not None:
        # A message that begins with a name begins with that of the node, which is not in the text.
        for name in _CALLED.findall(message.partition("' ")[2] if message.startswith("'") else message)[:1]:
            found = re.compile(rf"(?<![\w.]){re.escape(name)}(?!\w)").search(drawn.text, text.start, text.end)
            if found is not None:
                return found.span()
    occurrence = occurrence_at(drawn, offset)
    if occurrence is not None and occurrence.start <= offset < occurrence.end:
        return occurrence.start, occurrence.end
    entry = entry_at(drawn.root, offset)
    if entry is not None and entry[1].start == offset:
        return entry[1].start, entry[1].end
    word = _WORD.match(drawn.text, offset)
    if word is not None and word.end() > offset:
        return offset, word.end()
    return offset, min(offset + 1, len(drawn.text)) if drawn.text[offset : offset + 1] not in (
        "",
        "\r",
        "\n",
    ) else offset


def text_at(root: Part, offset: int) -> Part | None:
    """The text that the character at `offset` is in."""
    part = root
    while part.kind != "text":
        inside = [below for _, below in part.parts() if below.kind != "none" and below.start <= offset < below.end]
        if not inside:
            return None
        part = inside[0]
    return part


_WORD = re.compile(r"[\w$.-]+|\"[^\"\r\n]*\"|'[^'\r\n]*'")
_CALLED = re.compile(r"'([^']+)'")
