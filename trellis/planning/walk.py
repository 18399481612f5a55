"""What a walk is made of: where it may go from a node, how a region may end, and what all visits of a node have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from trellis.engine.program import Program
from trellis.model.graph import Definition, Graph, Node
from trellis.model.values import Value
from trellis.planning.known import Known, Reader
from trellis.planning.spans import Span, left_span, longest

ANSWERS = "\0"
"""The count of the answers that were taken, as a field that questions write."""


class Way(NamedTuple):
    """One way on from a node. `kind`: edge, undo (an edge that undoes), catch, upon or states; `by`: the condition,
    the code, the signal or the state; `sure`: nothing that is unknown decides that it is taken."""

    kind: str
    to: str
    by: str = ""
    sure: bool = False


class Exit(NamedTuple):
    """How a region is left: $end, $fail, $rollback, `end` by an end node, or `error` with the codes nothing took."""

    how: str
    node: str
    codes: frozenset[str] = frozenset()


NONE: frozenset[str] = frozenset()


class Work(NamedTuple):
    """What the verb of a node may come to."""

    after: list[Known]
    """What is known where it succeeds; empty: it cannot."""
    codes: frozenset[str] = NONE
    cost: Span = Span()
    undo: Span = Span()
    """Of what completes inside."""
    exits: tuple[Exit, ...] = ()
    """Where the whole run ends inside."""
    stays: bool = False
    """Whether signals and states may find a token here."""


class Child(NamedTuple):
    """What a child run may come to: how long it takes, and how long it undoes what it did where it is left."""

    time: Span
    undo: Span
    completes: bool = True

    def inside(self, node: str) -> Child:
        """The same as it is told of by the run above, at whose `node` it is."""
        return Child(self.time.inside(node), self.undo.inside(node), self.completes)

    def common(self, other: Child) -> Child:
        """What holds either."""
        return Child(
            longest((self.time, other.time)), longest((self.undo, other.undo)), self.completes or other.completes
        )


class Visit(NamedTuple):
    """What one visit of a node may come to. `ways` have what is known behind them, and whether they are of `catch`."""

    node: str
    cost: Span
    undo: Span
    ways: list[tuple[Way, Known, bool]]
    exits: list[Exit]


class Region(NamedTuple):
    """What a region may come to, whichever way is taken."""

    time: Span
    undo: Span
    """Undoing all that may have completed in it."""
    exits: dict[Exit, Span]
    """Each with the longest time until then."""

    @property
    def ends(self) -> bool:
        """Whether it may come to its own end."""
        return any(one.how == "$end" for one in self.exits)

    @property
    def codes(self) -> frozenset[str]:
        """The errors that nothing in it takes."""
        return frozenset().union(*(one.codes for one in self.exits if one.how == "error"))

    @property
    def stops(self) -> list[Exit]:
        """Where the whole run ends in it."""
        return [one for one in self.exits if one.how not in ("$end", "error")]


class Seen:
    """What all visits of one node have in common."""

    def __init__(self, known: Known) -> None:
        self.known = known
        """What is known whenever it is entered."""
        self.after: Known | None = None
        """What is known whenever its work is done, before its `set`; None: it never is."""
        self.ways: dict[tuple[str, str, str], bool] = {}
        self.excluded: dict[int, str] = {}
        """Number of an edge that some visit cannot take -> why."""
        self.taken: set[int] = set()
        self.cost = Span()
        self.items: int | None = None
        self.answered = False

    def meet(self, known: Known) -> None:
        self.known = common(self.known, known)

    def worked(self, known: Known) -> None:
        self.after = known if self.after is None else common(self.after, known)


Walking = Callable[[str, Known, str], Region]
"""From a node that a region starts at, what is known there, and the level: root, body, or state for what a state does."""


class GivenUp(Exception):
    """The walk gets too long unless these fields are not followed."""

    def __init__(self, names: frozenset[str]) -> None:
        self.names = names
        super().__init__(", ".join(sorted(names)))


class Walk:
    """One walk, with the fields in `loose` taken as unknown from their first write on, and before."""

    def __init__(
        self,
        graph: Graph,
        program: Program,
        reader: Reader,
        answers: list[Value] | dict[str, Value],
        loose: frozenset[str],
    ) -> None:
        self.graph, self.program, self.reader, self.answers, self.loose = graph, program, reader, answers, loose
        self.definition: Definition = graph.definition
        self.writes: Mapping[str, frozenset[str]] = writes(self.definition)
        self.inner = {name: _inner(node, self.writes) for name, node in self.definition.nodes.items()}
        """Node -> what its work writes, without its `set`."""
        self.seen: dict[str, Seen] = {}
        self.beside = [
            name
            for state in self.definition.states.values()
            for name in (state.entered, state.exited)
            if name is not None
        ]
        """The nodes that begin what states do, beside the run."""
        self.ambient: frozenset[str] = frozenset()
        """Codes of what states do that nothing there takes: the root's `catch` is asked wherever it is."""
        self.region: Walking
        """Walks one region, or remembers it."""
        self.enter: Callable[[Walk, Node, Known], Child]
        """What the child run of a node may come to."""
        self.children: dict[str, Child] = {}
        """Node -> what the runs that it starts may come to, whichever visit that is for."""

    def left(self, *, anywhere: bool = False) -> Span:
        """How long a rollback may wait for calls and children that were given up. `anywhere`: the run may be told to
        roll back wherever it is.
        """
        nodes = [self.definition.nodes[name] for name in self.seen]
        some = [node for node in nodes if anywhere or may_be_left(self.definition, node)]
        calls = [left_span(self.definition, node) for node in some if node.undo is not None and node.use is None]
        return longest([*calls, *(self.children[node.id].undo for node in some if node.id in self.children)])

    def children_left(self) -> Span:
        """How long the end of the run may wait for children that were left, and undo what they did."""
        nodes = self.definition.nodes
        return longest(child.undo for name, child in self.children.items() if may_be_left(self.definition, nodes[name]))


ITS_OWN = frozenset(("say", "pass", "ask", "wait", "all", "race", "each", "end"))
"""Verbs with no work elsewhere that could end well after the node was left; one that came later may have."""


def may_be_left(definition: Definition, node: Node) -> bool:
    """Whether the node may be left while its call is under way."""
    return node.verb not in ITS_OWN and bool(
        node.timeout is not None or node.deadline is not None or node.upon or node.upon_states or node.region
        or definition.upon or definition.upon_states or definition.states or definition.limits.time is not None
    )  # fmt: skip


def writes(definition: Definition) -> dict[str, frozenset[str]]:
    """Node, or region of a body -> the fields that it may write, at any depth; questions also count answers."""
    found: dict[str, set[str]] = {}
    asked = _asked_below(definition)
    for name, node in definition.nodes.items():
        own = {*node.set}
        if node.save:
            own.add(node.save)
        if node.ask is not None:
            own |= {*node.ask.fields, ANSWERS, ANSWERS + name}
        if node.use is not None and asked:
            own.add(ANSWERS)
        found.setdefault(name, set()).update(own)
        for region in (node.region, *enclosing(node.region)):
            found.setdefault(region, set()).update(own)
    return {name: frozenset(names) for name, names in found.items()}


def _asked_below(definition: Definition) -> bool:
    """Whether a child run may ask for anything: then it takes answers of a list too."""
    return any(node.ask is not None for used in definition.uses.values() for node in used.nodes.values())


def _inner(node: Node, writes: Mapping[str, frozenset[str]]) -> frozenset[str]:
    found = {node.save} if node.save else set()
    if node.ask is not None:
        found |= {*node.ask.fields, ANSWERS, ANSWERS + node.id}
    if node.use is not None:
        found |= writes.get(node.id, NONE) & {ANSWERS}
    return frozenset(found).union(*(writes.get(body.region, ()) for body in node.bodies))


def enclosing(region: str) -> list[str]:
    """The regions, nodes and bodies that a region is inside of, by the parts of its id."""
    cuts = [place for place, mark in enumerate(region) if mark in ".["]
    return [region[:cut] for cut in cuts]


def common(one: Known, other: Known) -> Known:
    """What both know."""
    if one.key == other.key:
        return one
    missing: Any = object()
    return Known({name: value for name, value in one.values.items() if other.values.get(name, missing) == value})


def differing(one: Known, other: Known) -> frozenset[str]:
    """The names of which the two do not know the same."""
    both = common(one, other).values.keys()
    return frozenset((one.values.keys() | other.values.keys()) - both)
