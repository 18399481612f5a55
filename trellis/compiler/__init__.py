"""Documents to the relation graph: resolve names, lower to definitions, and tell of everything that is wrong at once.

The modules, in the order in which data flows:

    sites     the resolved view: what rules read
    sources   a document beside those it names
    states    which states there are
    guesses   what a name that means nothing is best taken for
    names     what a target means
    parts     the parts of a node that need nothing but themselves
    lower     document -> view
    language  every text, parsed once
    scopes    what a text may name; all texts are read and checked by it
    ways      where one can go from a node
    walks     what can be reached, and what goes round
    relations what the relations between states allow
    flow      which fields are surely written when a node is entered
    rules     one check a module, from the view to problems
    uses      which graphs are used, and what is wrong with that; only here are several documents looked at
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from msgspec.structs import replace

from trellis.compiler.flow import Flow, unproved, unset
from trellis.compiler.lower import lower
from trellis.compiler.relations import Relations
from trellis.compiler.rules import IN_VAIN, RULES, Rule
from trellis.compiler.scopes import read_texts
from trellis.compiler.sites import View
from trellis.compiler.sources import Source as Source
from trellis.model.documents import Document, Step
from trellis.model.graph import Definition
from trellis.model.problems import Problem

__all__ = ["Compiled", "Source", "compile_document", "compile_schema"]


class Compiled:
    """What a document is: its definition, None where it has errors, and all its problems, sorted.

    Which graphs its nodes use is not known yet: `view` is for `uses.link` to find out.
    """

    __slots__ = ("definition", "problems", "view")

    def __init__(self, definition: Definition | None, problems: list[Problem], view: View) -> None:
        self.definition, self.problems, self.view = definition, problems, view


def compile_document(
    document: Document,
    *,
    pruned: Collection[tuple[Step, ...]] = frozenset(),
    tools: Collection[str] | None = None,
    named: Mapping[tuple[Step, ...], Source | str | None] | None = None,
    given: Collection[str] = (),
    warned: bool = True,
) -> Compiled:
    """Compile a graph document of the right shape.

    `pruned` are the steps to what was not, and is missing from it: what may hang on them is not reported again.
    `tools` are the names that the host registers; None: any name may be registered later. `named` holds the documents
    behind its paths, see Source; `given` are fields that the start gives, by name. Without `warned`, problems are errors
    alone. Raises nothing.
    """
    view = lower(_source(document, "graph", pruned, named), tools=tools)
    view.warned = warned
    return _compiled(view, given=given)


def compile_schema(
    document: Document,
    *,
    pruned: Collection[tuple[Step, ...]] = frozenset(),
    named: Mapping[tuple[Step, ...], Source | str | None] | None = None,
) -> Compiled:
    """Compile a state schema of the right shape: the definition has `name`, `states`, `groups`, and nodes for what they do.

    Fields, signals and tools are those of the graphs that use it, so nothing is said of their names.
    """
    around = {("fields",), ("signals",), ("tools",)}
    view = lower(_source(document, "state schema", {*pruned, *around}, named))
    return _compiled(view, whole=not pruned)


def _source(
    document: Document,
    kind: str,
    pruned: Collection[tuple[Step, ...]],
    named: Mapping[tuple[Step, ...], Source | str | None] | None,
) -> Source:
    source = Source(document, kind, pruned)
    source.named.update(named or {})
    return source


def _compiled(view: View, *, whole: bool | None = None, given: Collection[str] = ()) -> Compiled:
    """The definition of a view, if it is whole and without errors, and all problems."""
    view.relations = Relations(view.definition.states, view.definition.nodes, view.required_nodes)
    read_texts(view)
    flow = Flow(view)
    view.unset, view.unproved = unset(flow), unproved(flow, given)
    # The ways on of a node are those of its handlers too, and their texts are looked at for each of them.
    problems = sorted(_told(view, RULES))
    if view.sites and not any(problem.severity == "error" for problem in problems):
        problems = sorted({*problems, *_told(view, IN_VAIN)})
    whole = not view.torn() and not view.open if whole is None else whole and not view.open
    if not whole or any(problem.severity == "error" for problem in problems):
        return Compiled(None, problems, view)
    return Compiled(replace(view.definition, needs=tuple(view.unset)), problems, view)


def _told(view: View, rules: Iterable[Rule]) -> set[Problem]:
    """What rules say of a view, as far as it is wanted."""
    if view.warned:
        return {problem for rule in rules for problem in rule.check(view)}
    strict = [rule for rule in rules if any(code.startswith("E") for code in rule.CODES)]
    return {problem for rule in strict for problem in rule.check(view) if problem.severity == "error"}
