"""A page of docs/language: its examples, the steps that go with each, and the rows of its tables of bad input.

The form of a page is docs/language/README.md, "How these pages are tested".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.tooling.fences import FENCE, FILE

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "language"
BAD = "| bad input | what is said |"
OPTION = re.compile(r"^\| option of ([^|]+?) \|")
CODE = re.compile(r"(`+)(.+?)\1")
STEPS = ("answer", "signal", "tool", "later", "cancel", "set", "allow", "locale", "ask", "run")
"""What a step may begin with; a piece that begins with nothing of these changes the example."""


class Row(NamedTuple):
    """One row of a table of bad input. `line` counts from 1; `more`: the example's own steps go before these."""

    line: int
    changes: tuple[str, ...]
    steps: tuple[str, ...]
    more: bool
    said: tuple[str, ...]


class Example(NamedTuple):
    """One graph of a page with its steps, the files that are beside it, and its bad input."""

    page: str
    place: int
    file: str
    text: str
    files: dict[str, str]
    steps: tuple[str, ...]
    rows: tuple[Row, ...]

    @property
    def id(self) -> str:
        return self.page if self.place == 1 else f"{self.page}-{self.place}"


def pages() -> list[Path]:
    return sorted(path for path in FOLDER.glob("*.md") if path.name != "README.md")


def examples(page: Path) -> list[Example]:
    """The examples of a page, in order. Raises AssertionError for a page that has not the form."""
    source = page.read_text("utf-8")
    files: dict[str, str] = {}
    found: list[tuple[int, str, str]] = []
    steps: dict[int, tuple[str, ...]] = {}
    for match in FENCE.finditer(source):
        words, text = match[3].split(), match[4]
        line = source.count("\n", 0, match.start()) + 1
        declared = FILE.match(text)
        if declared:
            files[declared[1]] = text
        if words == ["yaml", "example"]:
            found.append((line, declared[1] if declared else f"{page.stem}.yaml", text))
        if words == ["text", "steps"]:
            assert found, f"{page.name}:{line}: steps of no example"
            steps[found[-1][0]] = tuple(
                part.strip() for part in text.splitlines() if part.strip() and not part.startswith("#")
            )
    rows = list(_rows(page.name, source))
    assert all(found and row.line > found[0][0] for row in rows), f"{page.name}: bad input of no example"
    ends = [line for line, _, _ in found[1:]] + [10**9]
    return [
        Example(
            page.stem,
            place,
            file,
            text,
            files,
            steps.get(line, ()),
            tuple(row for row in rows if line < row.line < end),
        )
        for place, ((line, file, text), end) in enumerate(zip(found, ends, strict=True), 1)
    ]


def _rows(name: str, source: str) -> Iterator[Row]:
    inside = False
    for line, text in enumerate(source.splitlines(), 1):
        if text == BAD:
            inside = True
        elif not text.startswith("|"):
            inside = False
        elif inside and not text.startswith("|--"):
            cells = cells_of(text)
            assert len(cells) == 2, f"{name}:{line}: {len(cells)} cells; write a bar inside of one as \\|"
            pieces, said = (codes(cell) for cell in cells)
            assert pieces and said, f"{name}:{line}: what is sent, and what is said, stand in backticks"
            steps = tuple(piece for piece in pieces if re.split(r"[ :]", piece)[0] in STEPS and piece != "…")
            changes = tuple(piece for piece in pieces if piece not in steps and piece != "…")
            yield Row(line, changes, steps, "…" in pieces, said)


def cells_of(row: str) -> list[str]:
    """The cells of a row of a table; `\\|` is a bar."""
    return [cell.replace("\\|", "|").strip() for cell in re.split(r"(?<!\\)\|", row.strip().strip("|"))]


def codes(cell: str) -> tuple[str, ...]:
    """What stands in backticks, in order."""
    return tuple(match[2].strip() if len(match[1]) > 1 else match[2] for match in CODE.finditer(cell))


def options(page: Path) -> Iterator[tuple[str, str]]:
    """Each option that the tables of a page tell of, with what it is an option of: `a node`, `retry`."""
    scope = ""
    for text in page.read_text("utf-8").splitlines():
        heading = OPTION.match(text)
        if heading:
            scope = heading[1].strip("`")
        elif not text.startswith("|"):
            scope = ""
        elif scope and not text.startswith("|--"):
            for key in codes(cells_of(text)[0]):
                yield scope, key
