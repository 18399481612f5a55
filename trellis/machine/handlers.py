"""What is bound to which moment of which state, and for a resolved change the calls that it leads to, in order.

Names are those of the reference: `AEnter AExit` and `AB` (A is or was active, B is a target; `AA` when A stays) may
cancel, `AnyEnter` too, last of all; `AState AEnd` and then `AnyState` come when all is settled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

from trellis.engine.relations import Change, Relations
from trellis.errors import UnknownHandler
from trellis.model.problems import did_you_mean

Handler = Callable[..., object]
MOMENTS: Final = ("Enter", "State", "Exit", "End")
ANY_ENTER, ANY_STATE = "AnyEnter", "AnyState"
NOBODY: Final = -1


class Binding(NamedTuple):
    """Handlers bound at once, by name. `id` detaches them."""

    id: str
    handlers: Mapping[str, Handler]


class Call(NamedTuple):
    """One handler of one moment. A veto is held against `state`; NOBODY: against the whole transition."""

    handler: Handler
    name: str
    state: int
    moment: str
    binding: str


class Program(NamedTuple):
    """The calls of one change: those that may cancel it, and those that follow once it is settled."""

    negotiation: tuple[Call, ...]
    finals: tuple[Call, ...]


class Handlers:
    """All bindings of a machine, in order, found by the moment they are called at."""

    def __init__(self, relations: Relations, bindings: Iterable[Binding] = ()) -> None:
        self.bindings = tuple(bindings)
        self._relations = relations
        self._calls: dict[tuple[str, int, int], tuple[Call, ...]] = {}
        self.known: dict[Change, Program] = {}
        """Programs that were asked for before."""
        for binding in self.bindings:
            for name, handler in binding.handlers.items():
                places = list(self._places(name))
                if not places:
                    raise UnknownHandler(name, did_you_mean(name, _possible(relations.names)))
                for place in places:
                    moment, state, _ = place
                    call = Call(handler, name, state, moment, binding.id)
                    self._calls[place] = (*self._calls.get(place, ()), call)
        self._pairs = {state for moment, _, state in self._calls if moment == "pair"}

    def knows(self, name: str) -> bool:
        """Whether a handler of this name could ever be called."""
        return any(True for _ in self._places(name))

    def _places(self, name: str) -> Iterable[tuple[str, int, int]]:
        """Each moment that `name` stands for; a name may be read in more than one way."""
        index = self._relations.index
        if name in (ANY_ENTER, ANY_STATE):
            yield name, NOBODY, NOBODY
        for moment in MOMENTS:
            if name.endswith(moment) and name.removesuffix(moment) in index:
                yield moment, index[name.removesuffix(moment)], NOBODY
        for end in range(1, len(name)):
            first, second = name[:end], name[end:]
            if first in index and second in index:
                yield ("self" if first == second else "pair"), index[second], index[first]

    def program(self, change: Change) -> Program:
        """The calls of this change, in order."""
        program = self.known.get(change)
        if program is None:
            if len(self.known) > 10_000:  # as many changes are remembered by the resolver, at least
                self.known.clear()
            program = self.known[change] = self._compile(change)
        return program

    def _compile(self, change: Change) -> Program:
        calls, before, target = self._calls, change.before, change.target
        places = [("Exit", state, NOBODY) for state in change.exits]
        places += [("Enter", state, NOBODY) for state in change.enters]
        if change.kind != "remove":
            places += [("self", state, state) for state in target if before.mask >> state & 1]
        if self._pairs:
            places += [
                ("pair", state, first)
                for first in before.order
                if first in self._pairs
                for state in target
                if state != first
            ]
        places.append((ANY_ENTER, NOBODY, NOBODY))
        finals = [("End", state, NOBODY) for state in change.exits]
        finals += [("State", state, NOBODY) for state in change.enters]
        finals.append((ANY_STATE, NOBODY, NOBODY))
        return Program(
            tuple(call for place in places for call in calls.get(place, ())),
            tuple(call for place in finals for call in calls.get(place, ())),
        )


def _possible(names: Iterable[str]) -> Iterable[str]:
    return [ANY_ENTER, ANY_STATE, *(name + moment for name in names for moment in MOMENTS)]


def found_on(source: object, relations: Relations, prefix: str = "") -> dict[str, Handler]:
    """The handlers that an object has: its attributes that could be called, each after `prefix`.

    A mapping gives all that it holds, so that a name nobody would call can be refused.
    """
    if isinstance(source, Mapping):
        return {f"{prefix}{name}": handler for name, handler in source.items()}
    known = Handlers(relations)
    found: dict[str, Handler] = {}
    for attribute in dir(source):
        if not attribute.startswith("_") and known.knows(prefix + attribute):
            value: Any = getattr(source, attribute)
            if callable(value):
                found[prefix + attribute] = value
    return found
