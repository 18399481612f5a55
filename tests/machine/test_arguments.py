"""What a state says that it takes is checked and converted before anything changes; handlers get it typed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import Any, TypedDict

import msgspec
import pytest

from trellis import Machine
from trellis.errors import BadArguments
from trellis.machine.states import Group, Schema, State
from trellis.machine.transition import Transition


@dataclass
class Address:
    host: str
    port: int = 80
    since: date | None = None
    tags: tuple[str, ...] = ()


class Level(TypedDict):
    level: int


class Note(msgspec.Struct, forbid_unknown_fields=True):
    text: str = ""


class Conn(Schema):
    Connected = State(args=Address)
    Charged = State(args=Level)
    Noted = State(args=Note, multi=True)
    Free = State()


def connection() -> tuple[Machine, list[tuple[str, Any]]]:
    seen: list[tuple[str, Any]] = []
    machine = Machine(Conn)

    def connected(event: Transition, **args: Any) -> None:
        seen.append((event.name, args))

    machine.bind({f"{name}State": connected for name in ("Connected", "Charged", "Noted", "Free")})
    return machine, seen


@pytest.mark.covers("AM15")
def test_arguments_are_converted_and_completed_for_handlers() -> None:
    machine, seen = connection()
    typed: list[Address] = []
    for _ in range(2):
        machine.bind({"ConnectedState": lambda event, **_: typed.append(event.arguments(Address))})
    assert machine.add(Conn.Connected, host="a.example", since="2024-05-06", tags=["x"])
    address = Address("a.example", 80, date(2024, 5, 6), ("x",))
    assert typed == [address, address]
    assert typed[0] is typed[1]
    assert seen == [("ConnectedState", vars(address))]


@pytest.mark.covers("AM15")
@pytest.mark.parametrize(
    ("names", "args", "text"),
    [
        (["Connected"], {}, "arguments of state 'Connected': Object missing required field `host`"),
        (
            ["Connected"],
            {"host": "a", "port": "80"},
            "arguments of state 'Connected': Expected `int`, got `str` - at `$.port`",
        ),
        (
            ["Connected"],
            {"host": "a", "prt": 1},
            "arguments of state 'Connected': unknown `prt` (did you mean 'port'?)",
        ),
        (
            ["Free", "Charged"],
            {"level": None},
            "arguments of state 'Charged': Expected `int`, got `null` - at `$.level`",
        ),
    ],
)
def test_arguments_that_a_state_does_not_take_are_refused_and_nothing_changes(
    names: list[str], args: dict[str, Any], text: str
) -> None:
    machine, seen = connection()
    before = (machine.export(), machine.last_transitions)
    with pytest.raises(BadArguments, match=f"^{re.escape(text)}$"):
        machine.add(*names, **args)
    with pytest.raises(BadArguments, match=f"^{re.escape(text)}$"):
        machine.can_add(*names, **args)
    assert ((machine.export(), machine.last_transitions), seen) == (before, [])


def test_arguments_are_checked_when_they_are_queued_too() -> None:
    machine, seen = connection()
    refused: list[BadArguments] = []

    def ask(event: Transition) -> None:
        with pytest.raises(BadArguments) as caught:
            event.add(Conn.Charged)
        refused.append(caught.value)
        event.add(Conn.Charged, level=3)

    machine.bind({"FreeState": ask})
    assert machine.add("Free")
    assert [error.reason for error in refused] == ["Object missing required field `level`"]
    assert seen == [("FreeState", {}), ("ChargedState", {"level": 3})]


def test_two_states_take_each_its_own_of_the_same_arguments() -> None:
    machine, seen = connection()
    got: list[tuple[Any, Any]] = []
    machine.bind({"ChargedState": lambda event, **_: got.append((event.arguments(Level), event.arguments(Address)))})
    assert machine.add("Charged", "Connected", host="h", level=2)
    assert got == [({"level": 2}, Address("h"))]
    assert seen[0] == ("ChargedState", {"host": "h", "level": 2, "port": 80, "since": None, "tags": ()})
    with pytest.raises(BadArguments, match="unknown `lvl`"):
        machine.add("Charged", "Connected", host="h", level=2, lvl=3)


def test_a_state_that_says_nothing_takes_everything() -> None:
    machine, seen = connection()
    assert machine.add("Free", anything=object)
    assert machine.add("Free", "Noted", text="t", more=2)
    assert seen == [("FreeState", {"anything": object}), ("NotedState", {"text": "t", "more": 2})]


def test_an_inherited_state_takes_what_it_took_unless_it_says_otherwise() -> None:
    class More(Conn):
        Connected = State.extended(require="Free")
        Charged = State.replaced(args=Note)
        Noted = State()

    assert More.arguments() == {"Connected": Address, "Charged": Note}


def test_removing_asks_for_no_arguments() -> None:
    machine, _ = connection()
    machine.add("Charged", level=1)
    assert machine.remove("Charged")
    assert machine.active == ()


def test_an_error_state_gets_its_error_beside_what_it_takes() -> None:
    class Failing(Schema):
        ErrDisk = State(require="Exception", args=Note)

    seen: list[dict[str, Any]] = []
    machine = Machine(Failing)
    machine.bind({"ErrDiskState": lambda event, **args: seen.append(args)})  # noqa: ARG005
    error = OSError("full")
    assert machine.add_err(error, "ErrDisk", text="disk 1")
    assert seen == [{"text": "disk 1", "err": error}]


def test_a_handler_may_read_arguments_as_what_no_state_declared() -> None:
    machine = Machine({"A": {}})
    got: list[Any] = []
    machine.bind({"AState": lambda event, **_: got.append(event.arguments(Level))})
    assert machine.add("A", level=1, more=2)
    assert got == [{"level": 1}]
    assert not machine.add("A") or machine.active == ("A",)
    machine.remove("A")
    assert not machine.add("A", level="high")
    assert str(machine.err) == "arguments of state 'A': Expected `int`, got `str` - at `$.level`"


def test_live_objects_pass_as_they_are() -> None:
    class Socket:
        pass

    made = msgspec.defstruct("Taking", [("socket", Socket)])
    socket = Socket()
    machine = Machine(type("Live", (Schema,), {"Open": State(args=made)}))
    got: list[object] = []
    machine.bind({"OpenState": lambda event, socket: got.append(socket)})  # noqa: ARG005
    assert machine.add("Open", socket=socket)
    assert got == [socket]
    with pytest.raises(BadArguments, match="Expected `Socket`, got `int`"):
        machine.add("Open", socket=1)


def test_a_machine_without_handlers_or_waits_checks_arguments_too() -> None:
    machine = Machine(Conn)
    with pytest.raises(BadArguments, match="Object missing required field `level`"):
        machine.add("Charged")
    assert machine.add("Charged", level=1)


def test_another_schema_brings_its_arguments_and_groups() -> None:
    class More(Conn):
        Loaded = State(args=Level)
        Both = Group("Loaded", "Free")

    machine = Machine({name: {} for name in Conn.states()})
    assert (machine.arguments, machine.groups) == (None, {})
    machine.set_schema(More)
    with pytest.raises(BadArguments, match="Object missing required field `level`"):
        machine.set("Loaded")
    assert machine.groups == {"Both": ("Loaded", "Free")}
    machine.set_schema({**More.states(), "Last": {}})
    with pytest.raises(BadArguments, match="Object missing required field `level`"):
        machine.set("Loaded")
