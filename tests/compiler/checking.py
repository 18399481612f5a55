"""Compile a graph written as YAML, and show its problems as an author sees them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from trellis.compiler import Compiled, compile_document
from trellis.compiler.rules import IN_VAIN
from trellis.loaders import read
from trellis.model.graph import Definition

HEAD = "trellis: 1\nname: g\n"


def compiled(text: str, tools: Collection[str] | None = None) -> Compiled:
    """What became of the graph whose document is `text` below the usual head."""
    reading = read("g.yaml", (HEAD + text).encode())
    assert reading.document is not None, reading.problems
    assert reading.problems == (), reading.problems
    return compile_document(reading.document, pruned=reading.pruned, tools=tools)


def problems(text: str, tools: Collection[str] | None = None, *, in_vain: bool = False) -> list[str]:
    """The problems of that graph, as `line:column: code message (hint)`; the first line of `text` is line 1.

    What stands there in vain is left out unless it is asked for: most graphs here hold little more than what they are about.
    """
    head = HEAD.count("\n")
    codes = () if in_vain else {code for rule in IN_VAIN for code in rule.CODES}
    return [
        f"{problem.line - head}:{str(problem).split(':', 2)[2]}"
        for problem in compiled(text, tools).problems
        if problem.code not in codes
    ]


def definition(text: str) -> Definition:
    """The definition of a graph without errors."""
    done = compiled(text)
    assert done.definition is not None, "\n".join(map(str, done.problems))
    return done.definition


def node(text: str, name: str) -> Any:
    """One node of that graph."""
    return definition(text).nodes[name]
