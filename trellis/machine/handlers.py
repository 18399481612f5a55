"""What is bound to which moment of which state, and for a resolved change the calls that it leads to, in order.

Names are those of the reference: `AEnter AExit` and `AB` (A is or was active, B is a target; `AA` when A stays) may
cancel, `AnyEnter` too, last of all; `AState AEnd` and then `AnyState` come when all is settled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

from trellis.engine.relations import Change, Relations
from trellis.errors import BadHandlers, UnknownHandler
from trellis.model.problems import did_you_mean

Handler = Callable[..., object]
MOMENTS: Final = ("Enter", "State", "Exit", "End")
ANY_ENTER, ANY_STATE = "AnyEnter", "AnyState"
ANY: Final = (ANY_ENTER, ANY_STATE)
NOBODY: Final = -1
COROUTINE, GENERATOR, ASYNC_GENERATOR = 0x80, 0x20, 0x200
NOT_PLAIN: Final = COROUTINE | GENERATOR | ASYNC_GENERATOR
"""Flags of functions that do nothing when they are called."""
KNOWN: Final = 200_000
"""How much is kept: the sum of the lengths of targets and calls, and 8 for each program."""


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
    """All bindings of a machine, in order, found by the moment they are called at.

    Raises UnknownHandler for a name that no state would ever call.
    """

    def __init__(self, relations: Relations, bindings: Iterable[Binding] = ()) -> None:
        self.bindings = tuple(bindings)
        self._relations = relations
        self._at: dict[str, dict[int, tuple[Call, ...]]] = {moment: {} for moment in (*MOMENTS, "self", *ANY)}
        self._pairs: dict[int, dict[int, tuple[Call, ...]]] = {}
        self._weight = 0
        self.known: dict[Change, Program] = {}
        """Programs that were asked for before."""
        for binding in self.bindings:
            for name, handler in binding.handlers.items():
                self._bind(binding, name, handler)

    def _bind(self, binding: Binding, name: str, handler: Handler) -> None:
        places = list(self._places(name))
        if not places:
            raise UnknownHandler(name, did_you_mean(name, _possible(self._relations.names)))
        for moment, state, first in places:
            calls = self._pairs.setdefault(first, {}) if moment == "pair" else self._at[moment]
            calls[state] = (*calls.get(state, ()), Call(handler, name, state, moment, binding.id))

    def knows(self, name: str) -> bool:
        """Whether a handler of this name could ever be called."""
        return any(True for _ in self._places(name))

    def _places(self, name: str) -> Iterable[tuple[str, int, int]]:
        """Each moment, state and first state that `name` stands for; it may be read in more than one way."""
        index = self._relations.index
        if name in ANY:
            yield name, NOBODY, NOBODY
        for moment in MOMENTS:
            if name.endswith(moment) and name.removesuffix(moment) in index:
                yield moment, index[name.removesuffix(moment)], NOBODY
        for end in range(1, len(name)):
            first, second = name[:end], name[end:]
            if first in index and second in index:
                yield ("self" if first == second else "pair"), index[second], index[first]

    def program(self, change: Change, *, keep: bool = True) -> Program:
        """The calls of this change, in order; kept for the next time, unless there will be none."""
        program = self.known.get(change)
        if program is None:
            program = self._compile(change)
            if keep:
                self._weight += len(change.target) + len(program.negotiation) + len(program.finals) + 8
                if self._weight > KNOWN:
                    self.known.clear()
                    self._weight = 0
                self.known[change] = program
        return program

    def _compile(self, change: Change) -> Program:
        at, before = self._at, change.before
        negotiation: list[Call] = []
        finals: list[Call] = []
        for state in change.exits:
            negotiation += at["Exit"].get(state, ())
            finals += at["End"].get(state, ())
        for state in change.enters:
            negotiation += at["Enter"].get(state, ())
            finals += at["State"].get(state, ())
        if at["self"] and change.kind != "remove":
            for state in change.target:
                if before.mask >> state & 1:
                    negotiation += at["self"].get(state, ())
        if self._pairs:
            for first in before.order:
                if first in self._pairs:
                    for state in change.target:
                        negotiation += self._pairs[first].get(state, ())
        negotiation += at[ANY_ENTER].get(NOBODY, ())
        finals += at[ANY_STATE].get(NOBODY, ())
        return Program(tuple(negotiation), tuple(finals))


def _possible(names: Iterable[str]) -> Iterable[str]:
    return [*ANY, *(name + moment for name in names for moment in MOMENTS)]


def found_on(source: object, relations: Relations, prefix: str = "") -> dict[str, Handler]:
    """The handlers that an object has: its attributes that a state would call, each after `prefix`.

    A mapping gives all that it holds, so that a name nobody would call can be refused; so does an object with methods
    that are named like handlers. Raises BadHandlers for a class, for an object without any handler, for what cannot be
    called, and for a generator function, whose body would never run.
    """
    if isinstance(source, Mapping):
        return _sound({f"{prefix}{name}": handler for name, handler in source.items()})
    if isinstance(source, type):
        raise BadHandlers(f"{source.__name__} is a class; bind an object of it: {source.__name__}()")
    known = Handlers(relations)
    found: dict[str, Handler] = {}
    for attribute in dir(source):
        meant = attribute[0].isupper() and attribute.endswith(MOMENTS)
        if meant or (attribute[0] != "_" and known.knows(prefix + attribute)):
            value: Any = getattr(source, attribute)
            if callable(value):
                found[prefix + attribute] = value
    if not found:
        raise BadHandlers(
            f"{type(source).__name__} has no method that a state would call, such as `{relations.names[0]}State`"
        )
    return _sound(found)


def _sound(handlers: dict[str, Handler]) -> dict[str, Handler]:
    for name, handler in handlers.items():
        if not callable(handler):
            raise BadHandlers(f"the handler '{name}' is a function, found {handler!r}")
        if flags_of(handler) & (GENERATOR | ASYNC_GENERATOR):
            raise BadHandlers(f"the handler '{name}' is a generator, which would never run: take `yield` out of it")
    return handlers


def flags_of(function: object) -> int:
    """The flags of a function's code; those of its `__call__` where it is an object; 0 where that is no Python."""
    while (inner := getattr(function, "func", None)) is not None:  # functools.partial
        function = inner
    code = getattr(getattr(function, "__func__", function), "__code__", None)
    if code is None:
        code = getattr(getattr(type(function), "__call__", None), "__code__", None)  # noqa: B004 - its code is wanted
    return 0 if code is None else int(code.co_flags)
