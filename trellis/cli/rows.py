"""The rows of a tree as lines of a terminal: as wide and as many as it has room for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from trellis.cli.cells import cells, cut
from trellis.cli.output import harmless
from trellis.cli.tree import MANY, Row, Tree
from trellis.cli.words import Words, compact, one_line, wanted

SHOWN = 5
"""So many of many branches have a line."""

Progress = Callable[[str], tuple[int, int, int] | None]
"""Of the node at a path: how many of its branches are done, have failed, and are there; None where it has none."""
Waits = Callable[[str], str]
"""What the node at a path waits for, in words; empty where there is nothing to say."""


class Room(NamedTuple):
    """Columns and lines of a terminal."""

    width: int
    height: int


class Painter:
    """Makes lines of rows. `progress` and `waits` tell what event lines do not."""

    def __init__(self, words: Words, progress: Progress, waits: Waits) -> None:
        self._words, self._progress, self._waits = words, progress, waits
        self._more = "…" if words.glyphs.wait == "…" else "..."
        self._guides = ("├ ", "└ ", "│ ") if words.glyphs.wait == "…" else ("|- ", "`- ", "|  ")

    def live(self, tree: Tree, now: float, room: Room) -> list[str]:
        """The lines of all that is active; what does not fit in is left out and counted."""
        rows = [*([tree.root] if tree.root is not None else []), *tree.undone.values()]
        lines = [line for row in rows for line in self._lines(row, now, room.width, whole=False)]
        if len(lines) > room.height:
            left = len(lines) - room.height + 1
            lines = [*lines[: room.height - 1], cut(f"{self._more} {left} more", room.width, self._more)]
        return lines

    def finished(self, row: Row, width: int) -> list[str]:
        """The lines of a row that was finished, to stay. An error is told whole, and may take more than one."""
        return list(self._lines(row, row.until or row.since, width, whole=True))

    def _lines(
        self, row: Row, now: float, width: int, first: str = "", rest: str = "", *, whole: bool
    ) -> Iterator[str]:
        yield self._line(row, now, width, first, whole=whole)
        shown, hidden = _picked(row)
        for number, inner in enumerate(shown, 1):
            last = number == len(shown) and not hidden
            tee, corner, bar = self._guides
            yield from self._lines(
                inner,
                now,
                width,
                rest + (corner if last else tee),
                rest + (" " * len(bar) if last else bar),
                whole=whole,
            )
        if hidden:
            yield cut(f"{rest}{self._guides[1]}{self._more} {hidden} more", width, self._more)

    def _line(self, row: Row, now: float, width: int, first: str, *, whole: bool) -> str:
        name, color = _mark(row)
        mark = getattr(self._words.glyphs, name)
        text = "  ".join(filter(None, self._parts(row, now)))
        if not (whole and row.error):
            text = cut(text, width - cells(first) - cells(mark) - 1, self._more)
        return f"{first}{self._words.paint(mark, color)} {text}"

    def _parts(self, row: Row, now: float) -> Iterator[str]:
        yield f"undo {row.path}" if row.undoing else row.name
        yield row.tool
        if row.attempt > 1:
            yield f"attempt {row.attempt}"
        yield self._branches(row)
        if row.until is None:
            yield self._doing(row, now)
        elif row.left:
            yield "left"
        length = (row.until if row.until is not None else now) - row.since
        if row.until is None or length >= 1:
            yield elapsed(length)
        if row.error and row.due is None:
            yield one_line(row.error)
        if row.fields and row.acted:
            yield ", ".join(f"{harmless(name)}={compact(value)}" for name, value in row.fields.items())

    def _doing(self, row: Row, now: float) -> str:
        if row.due is not None:
            return f"{one_line(row.error)}; attempt {row.attempt + 1} in {elapsed(max(row.due - now, 0))}"
        if row.question is not None:
            return f"asks for {wanted(row.question)}"
        if row.tool or row.rows or row.finished:
            return ""
        return one_line(self._waits(row.path))

    def _branches(self, row: Row) -> str:
        if row.uses:
            return ""
        counted = self._progress(row.path) if row.until is None else None
        if counted is None:
            if not (row.rows or row.finished):
                return ""
            counted = len(row.finished), len(row.failed), row.branches
        done, failed, total = counted
        return f"{done} of {total} done" + (f", {failed} failed" if failed else "")


def _picked(row: Row) -> tuple[list[Row], int]:
    """The branches that have a line: all of a few; of many those that failed and those that are active, some of each."""
    rows = list(row.rows.values())
    if row.branches <= MANY:
        return rows, 0
    failed = [inner for inner in rows if inner.until is not None and inner.error]
    active = [inner for inner in rows if inner.until is None]
    shown = [*failed[: SHOWN - 2 if active else SHOWN], *active]
    return shown[:SHOWN], len(failed) + len(active) - len(shown[:SHOWN])


def _mark(row: Row) -> tuple[str, str]:
    if row.until is not None:
        if row.error:
            return "failed", "red"
        return ("left", "yellow") if row.left else ("done", "green")
    if row.due is not None:
        return "wait", "yellow"
    if row.undoing:
        return "undo", "yellow"
    if row.question is not None:
        return "ask", "cyan"
    return ("call", "blue") if row.tool or row.rows or row.finished else ("wait", "yellow")


def elapsed(seconds: float) -> str:
    """`0.4s`, `12s`, `3m 5s`, `2h 40m`."""
    if seconds < 9.95:
        return f"{max(seconds, 0):.1f}s"
    from trellis.cli.standing import span

    return span(round(seconds))
