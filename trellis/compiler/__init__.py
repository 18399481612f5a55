"""Documents to the relation graph: resolve names, lower to definitions, and tell of everything that is wrong at once.

The modules, in the order in which data flows:

    sites     the resolved view: what rules read
    guesses   what a name that means nothing is best taken for
    names     what a target means
    parts     the parts of a node that need nothing but themselves
    lower     document -> view
    language  every text, compiled once
    scopes    what a text may name
    ways      where one can go from a node
    flow      which fields are surely written when a node is entered
    rules     one check a module, from the view to problems
"""

from __future__ import annotations

from collections.abc import Collection

from msgspec.structs import replace

from trellis.compiler.flow import Flow, unproved, unset
from trellis.compiler.lower import lower
from trellis.compiler.rules import RULES
from trellis.model.documents import Document, Step
from trellis.model.graph import Definition
from trellis.model.problems import Problem

__all__ = ["Compiled", "compile_document"]


class Compiled:
    """What a document is: its definition, None where it has errors, and all its problems, sorted."""

    __slots__ = ("definition", "problems")

    def __init__(self, definition: Definition | None, problems: list[Problem]) -> None:
        self.definition, self.problems = definition, problems


def compile_document(
    document: Document,
    *,
    pruned: Collection[tuple[Step, ...]] = frozenset(),
    tools: Collection[str] | None = None,
) -> Compiled:
    """Compile a graph document of the right shape.

    `pruned` are the steps to what was not, and is missing from it: what may hang on them is not reported again.
    `tools` are the names that the host registers; None: any name may be registered later. Raises nothing.
    """
    view = lower(document, pruned=pruned, tools=tools)
    flow = Flow(view)
    view.unset, view.unproved = unset(flow), unproved(flow)
    problems = sorted(problem for rule in RULES for problem in rule(view))
    if pruned or any(problem.severity == "error" for problem in problems):
        return Compiled(None, problems)
    return Compiled(replace(view.definition, needs=tuple(view.unset)), problems)
