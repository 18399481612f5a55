"""Which states a mutation ends in, one rule of the relations per function, over plain lists."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

EXCEPTION = "Exception"


@dataclass
class Relations:
    """One state as its author wrote it."""

    auto: bool = False
    multi: bool = False
    require: list[str] = field(default_factory=list)
    add: list[str] = field(default_factory=list)
    remove: list[str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)


def unique(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))


def clean(schema: Mapping[str, Mapping[str, Any]]) -> tuple[dict[str, Relations], bool]:
    """The states with their meaningless entries dropped, and whether one requires what it removes."""
    states: dict[str, Relations] = {}
    conflict = False
    for name, written in schema.items():
        keys = ("require", "add", "remove", "after")
        state = Relations(
            bool(written.get("auto")), bool(written.get("multi")), *(list(written.get(k, ())) for k in keys)
        )
        for entries in (state.remove, state.after):
            if name in entries:
                entries.remove(name)
        state.remove = [other for other in state.remove if other not in state.add and other in schema]
        state.add = [other for other in state.add if other in schema]
        state.after = [other for other in state.after if other in schema]
        conflict = conflict or any(other in state.remove for other in state.require)
        states[name] = state
    states.setdefault(EXCEPTION, Relations(multi=True))
    return states, conflict


def insertion_sort(names: Sequence[str], less: Callable[[str, str], bool]) -> list[str]:
    """Each moves left past its neighbour while it is less than that one, and no further."""
    ordered: list[str] = []
    for name in names:
        place = len(ordered)
        while place > 0 and less(name, ordered[place - 1]):
            place -= 1
        ordered.insert(place, name)
    return ordered


class Rules:
    """Resolution over cleaned states."""

    def __init__(self, states: Mapping[str, Relations], names: Sequence[str]) -> None:
        self.states = states
        self.required_first = self.topological(names)

    def topological(self, names: Sequence[str]) -> list[str]:
        """Those that require or are required, what is required first; empty where requirements run in a circle."""
        ordered: list[str] = []
        path: list[str] = []

        def visit(name: str) -> bool:
            if name in path:
                return False
            if name in ordered:
                return True
            path.append(name)
            sound = all(visit(other) for other in (self.states[name].require if name in self.states else ()))
            path.pop()
            ordered.append(name)
            return sound

        sound = all(visit(name) for name in names if self.states[name].require)
        return ordered if sound else []

    def target(self, type_: str, called: Sequence[str], before: list[str]) -> list[str]:
        """All states that are active afterwards, in their order, were the mutation accepted."""
        match type_:
            case "add":
                base = [*called, *before]
            case "remove":
                base = [name for name in before if name not in called]
            case _:
                base = list(called)
        removing = set(called) if type_ == "remove" else set()
        candidates = self.require(unique(self.imply(unique(base), before, removing)))
        kept = self.block(candidates)
        gone = {other for name in kept for other in self.states[name].remove}
        kept = unique(name for name in self.imply(kept, before, removing) if name not in gone)
        return self.sort(self.require(kept[::-1]))

    def imply(self, names: list[str], before: list[str], removing: set[str]) -> list[str]:
        grown = list(names)
        for name in names:
            if name not in before or self.states[name].multi:
                grown += [other for other in self.states[name].add if other not in removing]
        return grown

    def require(self, names: list[str]) -> list[str]:
        while True:
            met = [name for name in names if all(other in names for other in self.states[name].require)]
            if met == names:
                return met
            names = met

    def block(self, names: list[str]) -> list[str]:
        kept: list[str] = []
        dropped: set[str] = set()
        for name in reversed(names):
            if any(name in self.states[other].remove and other not in dropped for other in names):
                dropped.add(name)
            else:
                kept.append(name)
        return kept

    def sort(self, names: list[str]) -> list[str]:
        place = {name: index for index, name in enumerate(self.required_first)}

        def before(left: str, right: str) -> bool:
            return right not in self.states[left].after and left in self.states[right].after

        return insertion_sort(sorted(names, key=lambda name: place.get(name, -1)), before)
