"""The page about expressions and the code say the same."""

from __future__ import annotations

import re
from pathlib import Path

from trellis.expr import operators, syntax
from trellis.expr.functions import FUNCTIONS
from trellis.model.types import SCALARS
from trellis.model.values import DEPTH, SIZE

PAGE = (Path(__file__).parents[2] / "docs/expressions.md").read_text("utf-8")


def section(title: str) -> str:
    return PAGE.split(f"## {title}\n")[1].split("\n## ")[0]


def test_the_page_lists_every_function_as_it_is_called() -> None:
    listed = re.findall(r"^\| `([^`]+)` \|", section("Functions"), re.MULTILINE)
    assert listed == [function.signature for function in FUNCTIONS.values()]


def test_the_page_lists_every_type() -> None:
    listed = re.findall(r"^\| `([^`]+)` \|", section("Types"), re.MULTILINE)
    assert listed == [*SCALARS, "[T]", "{key: T}"]


def test_the_page_tells_the_limits() -> None:
    figures = re.findall(r"\d[\d,]*", section("Limits"))
    expected = (syntax.LONGEST, syntax.DEEPEST, operators.STEPS, operators.TEXT, operators.PARTS, 64, SIZE >> 20, DEPTH)
    assert figures == [f"{limit:,}" for limit in expected]
