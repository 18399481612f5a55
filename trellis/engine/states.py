"""What a turn does to the declared states: negotiate a change, make it, and let the auto states follow.

A change is made whole or not at all. A move asks for it, and is told why where a relation or a guard refuses; the end
of a run and its rollback ask nobody.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from trellis.engine.declared import Declared, Guard
from trellis.engine.relations import Change, Relations
from trellis.engine.state import Setting, State
from trellis.errors import ExpressionError
from trellis.model.values import Value

Fields = dict[str, Value]


class Teller(Protocol):
    """What is needed of a turn: its fields, and where to tell what has changed."""

    stirred: bool

    @property
    def fields(self) -> Fields: ...

    def note(self, kind: str, facts: dict[str, Any]) -> None:
        """One entry of the trace."""


class Active:
    """The declared states of one run while one event is applied. Only runs of graphs that declare some have it."""

    __slots__ = ("clock", "config", "declared", "fresh", "moved", "written")

    def __init__(self, declared: Declared, state: State) -> None:
        relations = declared.relations
        self.declared = declared
        self.config = relations.config(relations.numbers(state.active))
        self.clock = state.clock
        self.moved: list[tuple[tuple[int, ...], tuple[int, ...]]] = []
        """Exits and enters of each change, until what these states do is begun."""
        self.fresh = 0
        """The states, as a mask, that were entered since the routes were looked at."""
        self.written = False
        """Fields were written since the auto states had their turn."""

    def named(self) -> tuple[str, ...]:
        """What is active, in order."""
        return self.declared.relations.named(self.config.order)

    def holds(self, name: str) -> bool:
        """Whether this state is active."""
        return bool(self.config.mask & self.bit(name))

    def bit(self, name: str) -> int:
        """The mask of this one state."""
        relations = self.declared.relations
        return relations.bits[relations.index[name]]

    def negotiate(self, setting: Setting, fields: Fields, leaving: str, entering: str) -> Change | str | None:
        """The change that a move from one node to another makes with what it sets; or why it is refused.

        None where it names no state: then there is nothing to resolve, and nothing that could refuse. `fields` are those after the move: what the guards look at.
        """
        relations, nodes = self.declared.relations, self.declared.nodes
        added, removed = relations.numbers(setting.adds), relations.numbers(setting.removes)
        if entering in nodes:
            added = (nodes[entering], *added)
        if leaving in nodes and leaving != entering:
            removed = (nodes[leaving], *removed)
        if not added and not removed:
            return None
        change = relations.move(self.config, added, removed)
        if not change.accepted:
            return refusal(relations, change)
        return vetoed(self.declared, change, fields) or change

    def commit(self, turn: Teller, change: Change, node: str = "") -> None:
        """Make a change, and tell of it. `node`: whose move it is; without one it is the auto states' own."""
        self.config = change.after
        if not change.ticks:
            return
        declared = self.declared
        names, bits = declared.relations.names, declared.relations.bits
        self.clock = clock = dict(self.clock)
        for number, by in change.ticks:
            clock[names[number]] = clock.get(names[number], 0) + by
        self.fresh |= sum(map(bits.__getitem__, change.enters))
        turn.stirred = turn.stirred or declared.reacts
        if declared.places:
            self.moved.append((change.exits, change.enters))
        added, removed = _shown(declared, change.enters), _shown(declared, change.exits)
        if added or removed:
            facts = {"added": added, "removed": removed, "states": _shown(declared, change.after.order)}
            turn.note("states.changed", {"node": node, **facts} if node else facts)

    def follow(self, turn: Teller) -> None:
        """Auto passes until nothing changes; at most one more than there are auto states."""
        self.written = False
        for _ in range(len(self.declared.relations.autos) + 1):
            change = self._auto(turn.fields)
            if change is None:
                return
            self.commit(turn, change)

    def begin(self, turn: Teller, first: str) -> None:
        """The run begins at its first node."""
        number = self.declared.nodes.get(first)
        if number is not None:
            self.commit(turn, self.declared.relations.move(self.config, (number,), ()), first)
        self.follow(turn)

    def leave_nodes(self, turn: Teller) -> None:
        """The run leaves every node; no guard is asked."""
        bits, mask = self.declared.relations.bits, self.config.mask
        gone = tuple(number for number in self.declared.nodes.values() if mask & bits[number])
        if gone:
            self.commit(turn, self.declared.relations.move(self.config, (), gone))
        if gone or self.written:
            self.follow(turn)

    def _auto(self, fields: Fields) -> Change | None:
        """The next auto pass; None where it changes nothing. Whose `enter_if` is false is left out of it."""
        declared, relations = self.declared, self.declared.relations
        change = relations.auto(self.config)
        if change is None:
            return None
        bits, guards = relations.bits, declared.enter_if
        tried = change.tried or change
        everyone = sum(map(bits.__getitem__, tried.called))
        refused = sum(bits[state] for state in tried.called if guards and _against(guards.get(state), fields))
        if refused == everyone:
            return None
        if refused:
            change = relations.auto_without(tried, refused)
        if not change.ticks or not vetoed(declared, change, fields):
            return change if change.ticks else None
        # A guard of what one of them brings or drives out says no: they are joined one by one, without that one.
        kept, made = 0, None
        for state in tried.called:
            if not refused & bits[state]:
                change = relations.auto_without(tried, everyone & ~(kept | bits[state]))
                if not vetoed(declared, change, fields):
                    kept, made = kept | bits[state], change
        return made if made is not None and made.ticks else None


def vetoed(declared: Declared, change: Change, fields: Fields) -> str:
    """The first guard that does not let the change be, in words; empty where all do."""
    names = declared.relations.names
    for key, guards, states in (
        ("exit_if", declared.exit_if, change.exits),
        ("enter_if", declared.enter_if, change.enters),
    ):
        for state in states if guards else ():
            reason = _against(guards.get(state), fields)
            if reason:
                return f"{key} of state '{names[state]}' {reason}"
    return ""


def refusal(relations: Relations, change: Change) -> str:
    """Why what was called for cannot be, by its relations."""
    target = set(relations.named(change.target))
    present = {*target, *relations.named(change.before.order), *relations.named(change.called)}
    reasons = []
    for name in relations.named(change.called):
        if name in target:
            continue
        lacking = [f"'{other}'" for other in relations.states[name].require if other not in target]
        against = [
            f"'{other}'" for other in relations.names if other in present and name in relations.states[other].remove
        ]
        if lacking:
            reasons.append(f"state '{name}' requires {', '.join(lacking)}")
        elif against:
            reasons.append(f"state '{name}' is removed by {', '.join(against)}")
        else:
            reasons.append(f"state '{name}' cannot be active beside the others")
    return "; ".join(reasons)


def _against(guard: Guard | None, fields: Fields) -> str:
    if guard is None:
        return ""
    try:
        return "" if guard.holds(fields) else f"does not hold: {guard.text}"
    except ExpressionError as error:  # what cannot be told does not hold
        return f"cannot be evaluated: {error}"


def _shown(declared: Declared, numbers: Iterable[int]) -> list[str]:
    names, nodes = declared.relations.names, declared.nodes
    return [name for name in map(names.__getitem__, numbers) if name not in nodes]
