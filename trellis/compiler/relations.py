"""What the relations between states allow, whatever a run does: what a state needs, what can never be together, who comes.

States are bits, in their order; behind them stand the nodes that some state requires.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set

from trellis.compiler.walks import reach
from trellis.model.graph import Node
from trellis.model.states import DeclaredState


class Relations:
    """The relations between these states, in a graph of these nodes, of which states require some."""

    def __init__(self, states: Mapping[str, DeclaredState], nodes: Mapping[str, Node], required: Set[str]) -> None:
        self.states = states
        self.names = [*states, *(name for name in nodes if name in required)]
        places = {name: place for place, name in enumerate(self.names)}
        self.bits = {name: 1 << place for name, place in places.items()}
        self.nodes = self.mask(self.names[len(states) :])
        """The required nodes; a run is at one of them at most."""
        self.removes = {name: self.mask({*state.remove} - {name, *state.add}) for name, state in states.items()}
        """State -> what it drives out, as far as that counts."""
        requires = [[places[other] for other in state.require if other in places] for state in states.values()]
        requires += [[] for _ in self.names[len(states) :]]
        removes = [self.removes.get(name, 0) for name in self.names]
        self.needs = dict(zip(self.names, _gathered(requires, [*self.bits.values()]), strict=True))
        """State -> what must be active with it, itself included."""
        self.drives_out = dict(zip(self.names, _gathered(requires, removes), strict=True))
        """State -> all that what it needs removes."""
        self.doomed = {name for name in states if self._is_doomed(name)}
        """The states whose relations contradict each other: what they need cannot be together."""
        self.setters = [node for node in nodes.values() if node.adds]
        """The nodes whose `set` adds states."""
        self.autos = self._brought(name for name, state in states.items() if state.auto)
        """The states that come by themselves, or with one that does."""
        self.added = self._brought(name for node in self.setters for name in node.adds)
        """The states that a `set` adds, or that come with one that it does."""
        self._bringers: dict[str, list[str]] = {}
        for name, state in states.items():
            for other in state.add:
                self._bringers.setdefault(other, []).append(name)
        self._adders: dict[str, list[str]] = {}
        self.possible = self._possible()
        """The states that something can make active."""

    def mask(self, names: Iterable[str]) -> int:
        """The bits of these names, as far as they are known."""
        found = 0
        for name in names:
            found |= self.bits.get(name, 0)
        return found

    def named(self, mask: int) -> list[str]:
        """The names of these bits, in order."""
        found = []
        while mask:
            low = mask & -mask
            found.append(self.names[low.bit_length() - 1])
            mask ^= low
        return found

    def clash(self, first: int, second: int) -> tuple[str, str] | None:
        """One of `first` that removes one of `second`, and that one; None where none does."""
        for name in self.named(first & ~self.nodes):
            hit = self.removes[name] & second
            if hit:
                return name, self.named(hit & -hit)[0]
        return None

    def way(self, start: str, end: str) -> list[str]:
        """The shortest chain of `require` from one state to what it needs, both included."""
        came = {start: ""}
        waiting = [start]
        for name in waiting:
            for other in self.states[name].require if name in self.states else ():
                if other not in came:
                    came[other] = name
                    waiting.append(other)
        way = [end]
        while came.get(way[-1]):
            way.append(came[way[-1]])
        return way[::-1]

    def is_brought(self, name: str) -> bool:
        """Whether something calls for a state: it comes by itself, a `set` adds it, or what comes brings it."""
        return name in self.autos or name in self.added

    def lacking(self, name: str) -> list[str]:
        """What else a state requires that nothing can make active."""
        return self.named(self.needs[name] & ~(self.possible | self.nodes | self.bits[name]))

    def is_contradictory(self, name: str) -> bool:
        """Whether a state, or one that it requires, is doomed."""
        return any(other in self.doomed for other in self.named(self.needs[name])) if self.doomed else False

    def why_never(self, name: str) -> str:
        """Why a state cannot come; empty where it may."""
        if self.possible & self.bits.get(name, 0):
            return ""
        if not self.is_brought(name):
            return "it is not auto, and nothing adds it"
        lacking = self.lacking(name)
        return f"it requires '{lacking[0]}', which never does" if lacking else "what brings it never does"

    def adders(self, name: str) -> list[str]:
        """The nodes whose `set` adds a state, or one that brings it, in document order."""
        if name not in self._adders:
            bringers = reach([name], lambda other: self._bringers.get(other, ()), set()) if self.setters else set()
            self._adders[name] = [node.id for node in self.setters if not bringers.isdisjoint(node.adds)]
        return self._adders[name]

    def _brought(self, names: Iterable[str], lost: int = 0) -> set[str]:
        """These states and what comes with them by `add`, step by step, but for those in `lost`.

        One change takes two such steps, but each state that is multi brings its own anew at every change.
        """

        def follow(name: str) -> Iterable[str]:
            return () if self.bits.get(name, 0) & lost else self.states[name].add if name in self.states else ()

        found = reach(names, follow, set())
        return {name for name in found if not self.bits.get(name, 0) & lost}

    def _is_doomed(self, name: str) -> bool:
        nodes = self.needs[name] & self.nodes
        return bool(self.drives_out[name] & self.needs[name]) or nodes & (nodes - 1) != 0

    def _possible(self) -> int:
        """What comes, as long as all that it needs comes too; nodes do. What removes what is not looked at."""
        seeds = [name for name, state in self.states.items() if state.auto]
        seeds += [name for node in self.setters for name in node.adds]
        found, lost = self.mask(self.autos | self.added), 0
        while True:
            lacking = self.mask(name for name in self.named(found) if self.needs[name] & ~(found | self.nodes))
            if not lacking:
                return found
            lost |= lacking
            found = self.mask(self._brought(seeds, lost))


def _gathered(ways: Sequence[Sequence[int]], own: Sequence[int]) -> list[int]:
    """What each, and all that it leads to, has of its own."""
    order: list[int] = []
    seen = [False] * len(ways)
    for root in range(len(ways)):
        if seen[root]:
            continue
        seen[root] = True
        walk = [(root, iter(ways[root]))]
        while walk:
            here, rest = walk[-1]
            for other in rest:
                if not seen[other]:
                    seen[other] = True
                    walk.append((other, iter(ways[other])))
                    break
            else:
                order.append(here)
                walk.pop()
    found = list(own)
    changed = True
    while changed:  # one round, and one more for each way round that leads back
        changed = False
        for here in order:
            joined = found[here]
            for other in ways[here]:
                joined |= found[other]
            if joined != found[here]:
                found[here], changed = joined, True
    return found
