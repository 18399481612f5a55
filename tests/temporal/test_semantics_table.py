"""The table of docs/temporal.md says of each row how it stands, and names tests that there are."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PAGE = ROOT / "docs/temporal.md"
HEAD = "| | embedded | on Temporal | | shown by |"


def rows() -> list[list[str]]:
    lines = PAGE.read_text("utf-8").split(HEAD)[1].strip().splitlines()[1:]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines if line.startswith("|")]


def functions_in(file: str) -> set[str]:
    tree = ast.parse((HERE / file).read_text("utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[0])
def test_a_row_says_how_it_stands_and_names_a_test_that_there_is(row: list[str]) -> None:
    _, embedded, there, standing, shown = row
    assert embedded and there
    assert standing in {"equal", "stronger", "weaker"}
    file, _, test = shown.strip("`").partition("::")
    assert shown == f"`{file}::{test}`"
    assert test.startswith("test_")
    assert test in functions_in(file)


def test_every_subject_is_told_once() -> None:
    subjects = [row[0] for row in rows()]
    assert len(subjects) > 10
    assert len(set(subjects)) == len(subjects)


def test_what_the_page_says_one_sees_is_said_somewhere() -> None:
    table = PAGE.read_text("utf-8").split("| you see | it is | do |")[1].split("\n\n")[0]
    seen = [part.strip() for shown in re.findall(r"^\| `(.+?)` \|", table, re.MULTILINE) for part in shown.split("…")]
    sources = "".join(path.read_text("utf-8") for path in (ROOT / "trellis/hosts/temporal").glob("*.py"))
    assert len(seen) > 7
    assert [part for part in seen if part not in sources] == []
