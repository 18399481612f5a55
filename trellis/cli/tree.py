"""What the nodes of a run do now, as a tree: the node it is at, and below it the branches of that node.

Event lines are folded into it, redacted as they are. What was finished is handed out once, and forgotten.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from trellis.cli.words import BESIDE, Line, called
from trellis.model.graph import Node

MANY = 8
"""Of more branches only those are kept that are active or have failed; the others are counted."""


class Row:
    """A node that is active, or was until just now. `since`, `until`, `due`: seconds of the clock of whoever folds."""

    __slots__ = (
        "above", "attempt", "branch", "calling", "due", "error", "failed", "fields", "finished", "given_up", "node", "path",
        "question", "rows", "since", "taken", "tool", "undoing", "until",
    )  # fmt: skip

    def __init__(self, path: str, branch: str, node: Node | None, since: float, above: Row | None = None) -> None:
        self.path, self.branch, self.node, self.since, self.above = path, branch, node, since, above
        self.tool = ""
        """That is being called (`calling`), or was."""
        self.attempt = 0
        self.calling = self.undoing = False
        self.error = ""
        """Of the last attempt, where it failed."""
        self.due: float | None = None
        """When the next attempt is made."""
        self.question: Line | None = None
        """That it asks."""
        self.until: float | None = None
        """When it was left."""
        self.fields: Line = {}
        """What it saved."""
        self.rows: dict[str, Row] = {}
        """The last node of each branch, by name: of all, or of those that are active or have failed."""
        self.finished: set[str] = set()
        """The branches whose last node did what it was to do."""
        self.failed: set[str] = set()
        self.given_up = False
        """Whether some branch was left while it worked."""
        self.taken = False
        """Whether the node that it is a branch of was left before it."""

    @property
    def name(self) -> str:
        """The path, from the branch on."""
        return self.path[len(self.above.path) :].lstrip(".") if self.above is not None else self.path

    @property
    def uses(self) -> bool:
        """Whether what is below it are the nodes of another graph, one after the other, and no branches."""
        return self.node is not None and self.node.verb == "use"

    @property
    def branches(self) -> int:
        """How many there are, as far as lines tell."""
        over = len(self.finished) + len(self.failed)
        return over + sum(name not in self.finished and name not in self.failed for name in self.rows)

    @property
    def left(self) -> bool:
        """Whether it was left while it worked, or before enough of its branches were done."""
        if self.until is None:
            return False
        join = self.node.join if self.node is not None else None
        enough = join is not None and join.mode == "count" and len(self.finished) >= join.count
        return self.calling or self.due is not None or self.taken or (self.given_up and not enough)

    @property
    def acted(self) -> bool:
        """Whether it did more than to speak or to ask."""
        node = self.node
        return bool(self.tool or self.rows or self.finished or self.error or self.undoing) or not (
            node is None or node.ask is not None or node.wait is None
        )


class Tree:
    """`node_of` gives the definition of the node at a path, None where there is none."""

    def __init__(self, node_of: Callable[[str], Node | None]) -> None:
        self._node_of = node_of
        self.root: Row | None = None
        """The node that the run is at."""
        self.undone: dict[str, Row] = {}
        """What is being undone."""
        self._open: dict[str, Row] = {}
        self._saved: Line = {}

    def fold(self, line: Line, now: float) -> Row | None:
        """Take a line. Gives the row of the first level that was finished by it."""
        kind = line["type"]
        if kind == "node.entered":
            self._enter(line["node"], now)
        elif kind == "node.left":
            return self._leave(line["node"], now)
        elif kind == "fields.changed":
            self._saved |= line["fields"]
        elif kind == "undo.started":
            row = self.undone[line["node"]] = Row(line["node"], "", None, now)
            row.tool, row.calling, row.undoing, row.attempt = line["tool"], True, True, 1
        elif kind == "undo.done":
            self.undone.pop(line["node"], None)
        elif kind == "run.finished":
            return self._end(now)
        elif "node" in line and line.get("purpose") not in BESIDE:
            self._note(kind, line, now)
        return None

    def _enter(self, path: str, now: float) -> None:
        above, branch = self._above(path)
        row = Row(path, branch, self._node_of(path), now, above)
        if above is None:
            self.root, self._open = row, {}
        else:
            before = above.rows.get(branch)
            if before is not None:
                self._forget(before)
            above.finished.discard(branch)
            above.failed.discard(branch)
            above.rows[branch] = row
        self._open[path] = row

    def _above(self, path: str) -> tuple[Row | None, str]:
        """The node whose branch this path is in, and the name of the branch."""
        end = max(path.rfind("."), path.rfind("["))
        while end > 0:
            above = self._open.get(path[:end])
            if above is not None:
                inner = path[end:]
                name = (
                    inner[: inner.index("]") + 1] if inner[0] == "[" else inner[1:].partition(".")[0].partition("[")[0]
                )
                return above, name
            end = max(path.rfind(".", 0, end), path.rfind("[", 0, end))
        return None, ""

    def _note(self, kind: str, line: Line, now: float) -> None:
        row = self.undone.get(line["node"]) or self._open.get(line["node"])
        if row is None:
            return
        if kind in ("tool.called", "emit.sent", "child.started"):
            row.tool, row.attempt, row.calling, row.due = called(line), line["attempt"], True, None
            row.question = None
        elif kind in ("tool.returned", "emit.returned", "child.finished"):
            error = line.get("error")
            row.calling, row.error = False, f"{error['code']}: {error['message']}" if error else ""
        elif kind == "timer.set" and line["purpose"] == "retry":
            row.calling, row.due = False, now + _between(line["at"], line["due"])
        elif kind == "timer.fired" and line["purpose"] in _OVER:
            row.calling, row.error = False, _OVER[line["purpose"]]
        elif kind == "ask":
            row.question = line

    def _leave(self, path: str, now: float) -> Row | None:
        row = self._open.get(path)
        if row is None:
            return None
        row.fields, self._saved = self._saved, {}
        self._close(row, now)
        if row is self.root:
            self.root = None
            return row
        above = row.above
        if above is not None:
            if row.left:
                above.given_up = True
            else:
                (above.failed if row.error else above.finished).add(row.branch)
            if above.uses and not row.acted:
                above.rows.pop(row.branch, None)
            elif len(above.finished) + len(above.failed) > MANY and len(above.rows) > MANY and not row.error:
                del above.rows[row.branch]
        return None

    def _end(self, now: float) -> Row | None:
        row, self.root = self.root, None
        if row is not None:
            self._close(row, now)
        self._open, self.undone = {}, {}
        return row

    def _close(self, row: Row, now: float) -> None:
        self._open.pop(row.path, None)
        for inner in row.rows.values():
            row.given_up = row.given_up or inner.until is None
            inner.taken = inner.taken or inner.until is None
            self._close(inner, now)
        if row.until is None:
            row.until = now

    def _forget(self, row: Row) -> None:
        self._open.pop(row.path, None)
        for inner in row.rows.values():
            self._forget(inner)


def _between(start: str, end: str) -> float:
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()


_OVER = {"timeout": "timed out", "deadline": "past its deadline"}
