"""A document is plain data that knows where each part of it stands, once somebody asks."""

from __future__ import annotations

from collections.abc import Callable

from trellis.model.problems import Place, Problem, Severity
from trellis.model.values import Value

Step = str | int
"""One step down a document: a key of a map or an index of a list."""

Locate = Callable[[tuple[Step, ...], bool], Place]


class Document:
    """One parsed file: `path` as people see it, `data` as JSON values, places found on demand.

    Finding places costs a second, slower parse, so it happens only when there is something to report.
    """

    __slots__ = ("_locate", "data", "path")

    def __init__(self, path: str, data: Value, locate: Locate) -> None:
        self.path, self.data, self._locate = path, data, locate

    def place(self, steps: tuple[Step, ...], *, key: bool = False) -> Place:
        """Where the value at `steps` begins; with `key`, where its key does. The nearest ancestor if it is absent."""
        return self._locate(steps, key)

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
        place = self.place(steps, key=key)
        return Problem(self.path, place.line, place.column, code, severity, message, hint)
