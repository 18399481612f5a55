"""Schemas as Python classes: a class attribute declares a state, and reads as its name.

    class Door(Schema):
        Open = State(remove=["Closed"])
        Closed = State(auto=True, remove=[Open])

    Door.Open == "Open"
    door = Machine(Door)

A class inherits the states of its bases, in the order they are written; what it declares itself replaces them. Where
a plain mapping drops relations to states that do not exist, as asyncmachine does, a class refuses them: a machine made
of it raises BadSchema with the nearest name. A mixin may still speak of states that only its users have.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar, Final, NamedTuple, Union, cast

import msgspec

from trellis.errors import BadSchema
from trellis.machine.arguments import fields_of
from trellis.machine.schema import defined
from trellis.model.mixins import MIXINS
from trellis.model.problems import suggestion
from trellis.model.states import EXCEPTION, StateDef

Names = Union[str, "State", Iterable[Union[str, "State"]]]
RELATIONS: Final = ("require", "add", "remove", "after")


class State:
    """A state as a class declares it, with the relations of StateDef; names, or other states of the class body.

    `args`: what a mutation that calls for it takes, as a dataclass, TypedDict or msgspec Struct.
    """

    __slots__ = ("_base", "_given", "name")

    def __init__(
        self,
        *,
        auto: bool = False,
        multi: bool = False,
        require: Names = (),
        add: Names = (),
        remove: Names = (),
        after: Names = (),
        tags: str | Iterable[str] = (),
        args: type | None = None,
    ) -> None:
        given = {"auto": auto, "multi": multi, "require": require, "add": add, "remove": remove}
        self._declare("", {**given, "after": after, "tags": tags, "args": args})

    @classmethod
    def extended(cls, **given: Any) -> State:
        """The inherited state of this name with more: relations and tags are added, all else is replaced."""
        return cls._based("extended", given)

    @classmethod
    def replaced(cls, **given: Any) -> State:
        """The inherited state of this name with these relations, flags, tags or arguments instead of its own."""
        return cls._based("replaced", given)

    @classmethod
    def _based(cls, how: str, given: dict[str, Any]) -> State:
        known = (*StateDef.__struct_fields__, "args")
        for field in given:
            if field not in known:
                raise BadSchema([f"a state has no '{field}'{suggestion(field, known)}"])
        state = cls()
        state._declare(how, given)
        return state

    def _declare(self, base: str, given: dict[str, Any]) -> None:
        self._base, self._given, self.name = base, given, ""
        args = given.get("args")
        if args is not None and fields_of(args) is None:
            raise BadSchema([f"the arguments of a state are a dataclass, TypedDict or Struct, found {args!r}"])

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = self.name or name

    def __get__(self, instance: object, owner: type | None = None) -> str:
        return self.name

    def declared(self, inherited: Declared | None = None) -> Declared:
        """The definition, on top of what was inherited. Raises BadSchema where that is needed and missing."""
        lists = (*RELATIONS, "tags")
        given: dict[str, Any] = {key: names_of(value) if key in lists else value for key, value in self._given.items()}
        args: type | None = given.pop("args", None if inherited is None else inherited.args)
        if not self._base:
            return Declared(StateDef(**given), args)
        if inherited is None:
            raise BadSchema([f"state '{self.name}' is to be {self._base}, but no base class has it"])
        if self._base == "extended":
            for key in lists:
                if key in given:
                    given[key] = tuple(dict.fromkeys((*getattr(inherited.state, key), *given[key])))
        return Declared(msgspec.structs.replace(inherited.state, **given), args)


class Declared(NamedTuple):
    """A state with all that is known of it."""

    state: StateDef
    args: type | None = None


class Group:
    """A named list of states; read from the class, a tuple of their names."""

    __slots__ = ("_members",)

    def __init__(self, *members: str | State | Group) -> None:
        self._members = members

    def __iter__(self) -> Iterator[str | State]:
        for member in self._members:
            if isinstance(member, Group):
                yield from member
            else:
                yield member

    def __get__(self, instance: object, owner: type | None = None) -> tuple[str, ...]:
        return names_of(self)


def names_of(names: Names) -> tuple[str, ...]:
    """The names that are meant. Raises BadSchema for a state that has none yet, and what is no name at all."""
    listed: Iterable[object] = (names,) if isinstance(names, (str, State)) else names
    found = [name.name if isinstance(name, State) else name for name in listed]
    meant = tuple([name for name in found if isinstance(name, str) and name])
    if len(meant) < len(found):
        raise BadSchema([f"relations hold names of states, found {found!r}"])
    return meant


class Schema:
    """What a machine is made of, as a class. See the module for how it reads."""

    _declared: ClassVar[dict[str, Declared]] = {}
    _groups: ClassVar[dict[str, Group]] = {}

    def __init_subclass__(cls, of: Mapping[str, StateDef] | None = None) -> None:
        """`of`: definitions to declare, so that the body only has to list the names."""
        for name, definition in (of or {}).items():
            state = State.replaced(**{key: getattr(definition, key) for key in definition.__struct_fields__})
            state._base, state.name = "", name
            setattr(cls, name, state)
        own = [(name, state) for name, state in vars(cls).items() if isinstance(state, State)]
        faults = [f"'{name}' is a word of Schema, no name for a state" for name, _ in own if hasattr(Schema, name)]
        faults += [f"'{name}' and '{state.name}' are one State" for name, state in own if name != state.name]
        if faults:
            raise BadSchema(faults)
        declared: dict[str, Declared] = {}
        groups: dict[str, Group] = {}
        for base in cls.__bases__:  # the order is that in which bases are written ...
            if issubclass(base, Schema):
                declared |= base._declared
                groups |= base._groups
        for ancestor in reversed(cls.__mro__[1:]):  # ... and what a name means is what Python finds
            if issubclass(ancestor, Schema):
                declared |= ancestor._declared
                groups |= ancestor._groups
        declared |= {name: state.declared(declared.get(name)) for name, state in own}
        cls._declared = declared
        cls._groups = groups | {name: group for name, group in vars(cls).items() if isinstance(group, Group)}

    @classmethod
    def states(cls) -> dict[str, StateDef]:
        """All states, in order. Raises BadSchema, naming every relation and group that speaks of no state.

        Who speaks of Exception has it, in the last place where it is not declared.
        """
        states = {name: declared.state for name, declared in cls._declared.items()}
        spoken = [
            (f"state '{name}' has '{other}' in `{relation}`", other)
            for name, state in states.items()
            for relation in RELATIONS
            for other in getattr(state, relation)
        ]
        spoken += [
            (f"group '{group}' has '{other}'", other) for group, names in cls.groups().items() for other in names
        ]
        faults = [
            f"{found}, which is no state of {cls.__name__}" + _advice(other, states)
            for found, other in spoken
            if other not in states and other != EXCEPTION
        ]
        if faults:
            raise BadSchema(faults)
        if any(other == EXCEPTION for _, other in spoken):
            states.setdefault(EXCEPTION, StateDef(multi=True))
        return states

    @classmethod
    def groups(cls) -> dict[str, tuple[str, ...]]:
        """The groups, by name."""
        return {name: names_of(group) for name, group in cls._groups.items()}

    @classmethod
    def arguments(cls) -> dict[str, type]:
        """Which arguments states take, of those that say so."""
        return {name: declared.args for name, declared in cls._declared.items() if declared.args is not None}

    @classmethod
    def merged(cls, *schemas: object) -> type[Schema]:
        """This class and these schemas, in any form, as one: a state of a later one replaces that of an earlier one."""
        made = cast("type[Schema]", type(f"{cls.__name__}Merged", (cls,), {}))
        for schema in schemas:
            other = schema if isinstance(schema, type) and issubclass(schema, Schema) else None
            found = other._declared if other else {name: Declared(state) for name, state in defined(schema).items()}
            made._declared = {**made._declared, **found}
            for name in found.keys() - cls._declared.keys():
                state = State()
                state.name = name
                setattr(made, name, state)
            for name, group in other._groups.items() if other else ():
                made._groups = {**made._groups, name: group}
                setattr(made, name, group)
        return made


def _advice(name: str, states: Mapping[str, StateDef]) -> str:
    if hint := suggestion(name, states):
        return hint
    mixin = next((mixin for mixin, definitions in MIXINS.items() if name in definitions), None)
    return f" (inherit {mixin.capitalize()}, which has it)" if mixin else ""


class Basic(Schema, of=MIXINS["basic"]):
    """Whether something was started, is ready and well, and what went wrong."""

    Exception: State
    ErrNetwork: State
    ErrHandlerTimeout: State
    Start: State
    Ready: State
    Healthcheck: State
    Heartbeat: State


class Connected(Schema, of=MIXINS["connected"]):
    """One connection, always in exactly one of four states. Goes with Basic."""

    ErrConnecting: State
    Connecting: State
    Connected: State
    Disconnecting: State
    Disconnected: State


class Pool(Schema, of=MIXINS["pool"]):
    """Several connections told as one. Goes with Basic."""

    ErrConnecting: State
    Connecting: State
    Connected: State
    ConnectedFully: State
    Disconnecting: State
    Disconnected: State


class Disposed(Schema, of=MIXINS["disposed"]):
    """The way to the end. Goes with Basic."""

    RegisterDisposal: State
    Disposing: State
    Disposed: State
