"""A document is plain data that knows where each part of it stands, once somebody asks."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from trellis.model.problems import Place, Problem, Severity
from trellis.model.values import Value

Step = str | int
"""One step down a document: a key of a map or an index of a list."""

Locate = Callable[[tuple[Step, ...], bool], Place]


class Document:
    """One parsed document: `path` as people see it, `data` as JSON values, places found on demand.

    Finding places costs a second, slower parse, so it happens only when there is something to report.
    """

    __slots__ = ("_locate", "data", "path")

    def __init__(self, path: str, data: Value, locate: Locate) -> None:
        self.path, self.data, self._locate = path, data, locate

    def home(self, steps: tuple[Step, ...]) -> tuple[Document, tuple[Step, ...]]:
        """The document of the file where the part at `steps` is written, and the steps to it there."""
        return self, steps

    def place(self, steps: tuple[Step, ...], *, key: bool = False) -> Place:
        """Where the value at `steps` begins, in its own file; with `key`, where its key does. The nearest ancestor if it is
        absent."""
        home, below = self.home(steps)
        return home._locate(below, key)

    def problem(
        self,
        code: str,
        message: str,
        steps: tuple[Step, ...] = (),
        *,
        key: bool = False,
        hint: str = "",
        severity: Severity = "error",
    ) -> Problem:
        """A problem of the part at `steps`."""
        home, below = self.home(steps)
        place = home._locate(below, key)
        return Problem(home.path, place.line, place.column, code, severity, message, hint)


class Gathered(Document):
    """One document of several files, as a folder graph is: `head` has all but the `nodes` that have a file of their own.

    `path` ends with `/`, and paths in the document begin there. The data holds that of the files, and is their union.
    """

    __slots__ = ("head", "nodes")

    def __init__(self, path: str, data: Value, head: Document, nodes: Mapping[str, Document]) -> None:
        super().__init__(path, data, head._locate)
        self.head, self.nodes = head, nodes

    def home(self, steps: tuple[Step, ...]) -> tuple[Document, tuple[Step, ...]]:
        """The document of the file where the part at `steps` is written, and the steps to it there."""
        if len(steps) > 1 and steps[0] == "nodes":
            own = self.nodes.get(str(steps[1]))
            if own is not None:
                return own, steps[2:]
        return self.head, steps
