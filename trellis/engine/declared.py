"""The declared states of a graph made ready to run: their resolver, their guards, what they do as they come and go.

Of the nodes only those are in the resolver that a state requires: they are active while the token of the root is
there, and no state adds or removes them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from trellis.engine.relations import Relations
from trellis.model.graph import Definition
from trellis.model.states import StateDef
from trellis.model.values import Value

Holds = Callable[[Mapping[str, Value]], Value]


class Guard:
    """An expression over the fields that must hold, and its text."""

    __slots__ = ("holds", "text")

    def __init__(self, text: str, holds: Holds) -> None:
        self.text, self.holds = text, holds


class Declared:
    """The declared states of one definition. States are numbers of `relations`."""

    __slots__ = ("enter_if", "entered", "exit_if", "exited", "members", "nodes", "places", "reacts", "relations")

    def __init__(self, definition: Definition, expression: Callable[[str], Holds]) -> None:
        states = definition.states
        required = dict.fromkeys(name for state in states.values() for name in state.require if name not in states)
        nodes = [name for name in required if name in definition.nodes and not definition.nodes[name].region]
        # Entering a node that is active is a visit of its own, hence `multi`.
        self.relations = Relations({**states, **dict.fromkeys(nodes, StateDef(multi=True))})
        index = self.relations.index
        self.nodes = {name: index[name] for name in nodes}
        """Nodes in the resolver -> their numbers."""
        self.reacts = bool(definition.upon_states) or any(
            (node.wait is not None and (node.wait.states or node.wait.condition)) or node.upon_states
            for node in definition.nodes.values()
        )
        """Whether anything waits for states or leaves by them."""
        self.enter_if: dict[int, Guard] = {}
        self.exit_if: dict[int, Guard] = {}
        self.entered: dict[int, str] = {}
        self.exited: dict[int, str] = {}
        self.places: dict[str, int] = {}
        """Region of what a state does -> its place in the document, after all nodes of the root."""
        self.members: dict[str, list[str]] = {}
        """The same -> the nodes in it: that one, and its handlers."""
        for name, state in states.items():
            number = index[name]
            if state.enter_if is not None:
                self.enter_if[number] = Guard(state.enter_if, expression(state.enter_if))
            if state.exit_if is not None:
                self.exit_if[number] = Guard(state.exit_if, expression(state.exit_if))
            for node, bodies in ((state.entered, self.entered), (state.exited, self.exited)):
                if node is not None:
                    bodies[number] = node
                    self.places[node] = len(self.places) + 1
                    self.members[node] = []
        for reacting in definition.nodes.values() if self.members else ():
            if reacting.region in self.members:
                self.members[reacting.region].append(reacting.id)
