"""A Schema class reads as names, inherits, extends and refuses what is no state; other schemas still do as before."""

from __future__ import annotations

import re

import pytest

from trellis import Machine
from trellis.errors import BadSchema, UnknownState
from trellis.machine.states import Basic, Connected, Disposed, Group, Pool, Schema, State
from trellis.model.mixins import MIXINS
from trellis.model.states import StateDef


class Door(Schema):
    Open = State(remove=["Closed"], tags="way:out")
    Closed = State(auto=True, remove=[Open])
    Locked = State(multi=True, require=Closed, after=[Closed], tags=["safe", "way"])
    Passable = Group(Open, "Closed")


DOOR = {
    "Open": StateDef(remove=("Closed",), tags=("way:out",)),
    "Closed": StateDef(auto=True, remove=("Open",)),
    "Locked": StateDef(multi=True, require=("Closed",), after=("Closed",), tags=("safe", "way")),
}


@pytest.mark.covers("AM14")
def test_an_attribute_of_a_schema_class_is_the_name_of_the_state() -> None:
    name: str = Door.Open
    assert (name, Door.Locked, Door.Passable) == ("Open", "Locked", ("Open", "Closed"))
    assert Door.states() == DOOR
    assert list(Door.states()) == ["Open", "Closed", "Locked"]
    assert Door.groups() == {"Passable": ("Open", "Closed")}


@pytest.mark.covers("AM14")
def test_a_machine_of_a_schema_class_has_its_states_in_the_order_they_are_declared() -> None:
    door = Machine(Door)
    assert door.names == ("Open", "Closed", "Locked", "Exception")
    assert door.add(Door.Open)
    assert door.active == ("Open",)
    assert door.add(Door.Closed)
    assert door.switch(door.groups["Passable"]) == "Closed"
    assert door.relations is Machine(DOOR).relations


def test_an_inherited_state_keeps_its_place_and_can_be_extended_replaced_or_declared_anew() -> None:
    class Gate(Door):
        Guarded = State()
        Open = State.extended(require=[Guarded], remove="Locked", tags="wide")
        Locked = State.replaced(require="Guarded")
        Closed = State()

    assert Gate.states() == {
        "Open": StateDef(require=("Guarded",), remove=("Closed", "Locked"), tags=("way:out", "wide")),
        "Closed": StateDef(),
        "Locked": StateDef(multi=True, require=("Guarded",), after=("Closed",), tags=("safe", "way")),
        "Guarded": StateDef(),
    }
    assert list(Gate.states()) == ["Open", "Closed", "Locked", "Guarded"]
    assert (Gate.Open, Gate.Passable) == ("Open", ("Open", "Closed"))
    assert Door.states() == DOOR


def test_of_two_bases_with_one_state_the_first_wins_as_python_has_it() -> None:
    class One(Schema):
        A = State(auto=True)

    class Two(Schema):
        B = State()
        A = State(multi=True)

    class Both(One, Two):
        pass

    assert Both.states() == {"A": StateDef(auto=True), "B": StateDef()}
    assert list(Both.states()) == ["A", "B"]


def test_of_merged_schemas_the_last_wins_state_by_state() -> None:
    class More(Schema):
        Closed = State(multi=True)
        Glass = State()
        Seen = Group(Glass)

    merged = Door.merged(More, {"Locked": {"require": ["Glass"]}, "Bell": None})
    assert merged.states() == {
        "Open": DOOR["Open"],
        "Closed": StateDef(multi=True),
        "Locked": StateDef(require=("Glass",)),
        "Glass": StateDef(),
        "Bell": StateDef(),
    }
    assert list(merged.states()) == ["Open", "Closed", "Locked", "Glass", "Bell"]
    assert merged.groups() == {"Passable": ("Open", "Closed"), "Seen": ("Glass",)}
    assert {name: getattr(merged, name) for name in merged.states()} == {name: name for name in merged.states()}
    assert Door.states() == DOOR


def test_a_relation_or_group_that_names_no_state_is_refused_with_every_fault() -> None:
    class Wrong(Schema):
        Open = State(remove=["Clsed"])
        Closed = State(require=["Start"], add=["Nowhere"])
        All = Group(Open, "Opn")

    with pytest.raises(BadSchema) as caught:
        Machine(Wrong)
    assert caught.value.faults == (
        "state 'Open' has 'Clsed' in `remove`, which is no state of Wrong (did you mean 'Closed'?)",
        "state 'Closed' has 'Start' in `require`, which is no state of Wrong (inherit Basic, which has it)",
        "state 'Closed' has 'Nowhere' in `add`, which is no state of Wrong",
        "group 'All' has 'Opn', which is no state of Wrong (did you mean 'Open'?)",
    )


def test_a_plain_mapping_still_drops_what_is_no_state() -> None:
    assert Machine({"A": {"remove": ["B"]}}).schema["A"] == StateDef()


def test_who_speaks_of_exception_has_it() -> None:
    class Careful(Schema):
        Work = State(remove=["Exception"])

    machine = Machine(Careful)
    machine.add_err(ValueError("no"))
    assert machine.active == ("Exception",)
    machine.add(Careful.Work)
    assert machine.active == ("Work",)


@pytest.mark.parametrize(
    ("made", "fault"),
    [
        (lambda: State.extended(requires=["A"]), "a state has no 'requires' (did you mean 'require'?)"),
        (lambda: type("X", (Schema,), {"states": State()}), "'states' is a word of Schema, no name for a state"),
        (
            lambda: type("X", (Schema,), {"A": State.extended(auto=True)}),
            "state 'A' is to be extended, but no base class has it",
        ),
        (lambda: type("X", (Schema,), {"A": State(require=[State()])}), "relations hold names of states, found ['']"),
        (
            lambda: State(args=int),
            "the arguments of a state are a dataclass, TypedDict or Struct, found <class 'int'>",
        ),
    ],
    ids=["typo", "word", "nothing to extend", "nameless", "arguments"],
)
def test_a_declaration_that_cannot_be_is_refused_where_it_is_made(made: object, fault: str) -> None:
    with pytest.raises(BadSchema, match=f"^{re.escape(fault)}$"):
        made()  # type: ignore[operator]


def test_two_names_for_one_state_are_refused() -> None:
    state = State()
    with pytest.raises(BadSchema, match="^'B' and 'A' are one State$"):
        type("X", (Schema,), {"A": state, "B": state})


@pytest.mark.covers("AM21")
@pytest.mark.parametrize(
    ("mixin", "name"), [(Basic, "basic"), (Connected, "connected"), (Pool, "pool"), (Disposed, "disposed")]
)
def test_a_mixin_class_lists_the_states_of_its_mixin(mixin: type[Schema], name: str) -> None:
    alone = mixin.merged(Basic)
    listed = [each for each in mixin.__annotations__ if not each.startswith("_")]
    assert listed == list(MIXINS[name])
    assert {each: alone.states()[each] for each in listed} == MIXINS[name]
    assert {each: getattr(mixin, each) for each in listed} == {each: each for each in listed}


@pytest.mark.covers("AM21")
def test_a_connection_goes_round_its_four_states() -> None:
    class Conn(Basic, Connected):
        pass

    conn = Machine(Conn)
    conn.add(Conn.Start)
    seen = [conn.active]
    for state in (Conn.Connecting, Conn.Connected, Conn.Disconnecting):
        conn.add(state)
        seen.append(conn.active)
    conn.remove(Conn.Disconnecting)
    seen.append(conn.active)
    assert [set(active) - {"Start"} for active in seen] == [
        {"Disconnected"},
        {"Connecting"},
        {"Connected"},
        {"Disconnecting"},
        {"Disconnected"},
    ]


@pytest.mark.covers("AM14")
def test_states_are_found_by_pattern_and_by_tag() -> None:
    machine = Machine(Basic)
    assert machine.names_like("Err*") == ("ErrNetwork", "ErrHandlerTimeout")
    assert machine.names_like(re.compile("ea")) == ("Ready", "Healthcheck", "Heartbeat")
    assert machine.names_like("err*") == ()
    door = Machine(Door)
    assert (door.tagged("way"), door.tagged("way:out"), door.tagged("wa")) == (("Open", "Locked"), ("Open",), ())
    assert door.parse_states(["Locked", "Lost", "Open", "Locked"]) == ("Locked", "Open")


@pytest.mark.covers("AM14")
def test_verified_states_become_the_index_order_and_nothing_else_changes() -> None:
    machine = Machine({"A": {}, "B": {}, "C": {"require": ["B"]}})
    machine.add("B", "C")
    machine.add("A")
    machine.remove("C")
    before = machine.active
    machine.verify_states(["C", "Exception", "A", "B", "A"])
    assert machine.names == ("C", "Exception", "A", "B")
    assert machine.time() == (2, 0, 1, 1)
    assert machine.active == before
    assert machine.last_transitions == ()
    assert machine.add("C")
    assert machine.is_("A", "B", "C")


@pytest.mark.parametrize("how", ["verify", "import", "schema", "relations"])
def test_relations_mean_the_same_in_another_order(how: str) -> None:
    schema = {"A": {"remove": ["A", "A"], "after": ["A", "A", "B"]}, "B": {"require": ["B"]}}
    machine = Machine(schema, id="m")
    before = dict(machine.schema)
    for order in (["Exception", "B", "A"], ["B", "A", "Exception"]):
        if how == "verify":
            machine.verify_states(order)
        elif how == "import":
            machine.import_({"id": "m", "state_names": order, "time": [0, 0, 0]})
        else:
            more = {**schema, **{f"More{number}": {} for number in range(len(machine.names))}}
            machine.set_schema(Machine(more).relations if how == "relations" else more)
    assert {name: machine.schema[name] for name in before} == before
    assert machine.add("A").value == Machine(schema).add("A").value == "canceled"


def test_handlers_stay_with_their_states_in_another_order() -> None:
    called: list[str] = []
    machine = Machine({"A": {}, "B": {}, "C": {}})
    machine.bind({f"{name}State": lambda event: called.append(event.name) for name in "ABC"})
    machine.add("A")
    machine.verify_states(["C", "Exception", "B", "A"])
    machine.add("B", "C")
    assert called == ["AState", "BState", "CState"]


def test_verifying_names_every_unknown_and_missing_state() -> None:
    machine = Machine({"Open": {}, "Closed": {}})
    with pytest.raises(BadSchema) as caught:
        machine.verify_states(["Opn", "Nowhere", "Closed"])
    assert caught.value.faults == (
        "'Opn' is no state (did you mean 'Open'?)",
        "'Nowhere' is no state",
        "the state 'Open' is missing",
        "the state 'Exception' is missing",
    )
    assert machine.names == ("Open", "Closed", "Exception")


@pytest.mark.covers("AM14")
def test_a_longer_schema_keeps_clocks_active_states_and_handlers() -> None:
    called: list[str] = []
    machine = Machine({"A": {}, "B": {}})
    machine.bind(
        {"AState": lambda event: called.append(event.name), "AnyState": lambda event: called.append(event.name)}
    )
    machine.add("A", "B")
    machine.remove("A")
    machine.set_schema({"New": {"add": ["A"]}, "A": {"remove": ["B"]}, "B": {}})
    assert machine.names == ("A", "B", "Exception", "New")
    assert machine.clock == {"A": 2, "B": 1, "Exception": 0, "New": 0}
    assert list(machine.active) == ["B"]
    called.clear()
    assert machine.add("New")
    assert (machine.active, called) == (("New", "A"), ["AState", "AnyState"])
    with pytest.raises(UnknownState):
        machine.add("Newer")


def test_a_longer_schema_may_come_with_an_order() -> None:
    machine = Machine({"A": {}, "B": {}})
    machine.add("B")
    machine.set_schema({"A": {}, "B": {}, "C": {}}, ["C", "B", "A"])
    assert machine.clock == {"C": 0, "B": 1, "A": 0, "Exception": 0}


@pytest.mark.parametrize(
    ("schema", "order", "faults"),
    [
        ({"A": {}}, None, ["the new schema lacks the state 'Bee'"]),
        ({"A": {}, "Bee": {}}, None, ["the new schema has no more states than the 3 of the old one"]),
        ({"A": {}, "Be": {}, "C": {}}, None, ["the new schema lacks the state 'Bee' (did you mean 'Be'?)"]),
        ({"A": {}, "Bee": {}, "C": {}}, ["A", "C"], ["the order lacks the state 'Bee'"]),
        (
            {"A": {"require": ["C"], "remove": ["C"]}, "Bee": {}, "C": {}},
            None,
            ["state 'A' requires and removes 'C'"],
        ),
    ],
)
def test_a_schema_that_does_not_fit_changes_nothing(schema: dict, order: list[str] | None, faults: list[str]) -> None:
    machine = Machine({"A": {}, "Bee": {}})
    machine.add("A")
    before = machine.relations
    with pytest.raises(BadSchema) as caught:
        machine.set_schema(schema, order)
    assert list(caught.value.faults) == faults
    assert (machine.relations, machine.active) == (before, ("A",))


def test_states_cannot_change_while_a_transition_runs() -> None:
    machine = Machine({"A": {}})
    machine.bind({"AState": lambda event: event.machine.set_schema({"A": {}, "B": {}})})
    assert not machine.add("A")
    assert str(machine.err) == "the states cannot change while a transition runs"


def test_a_wait_from_before_goes_on_with_a_longer_schema() -> None:
    machine = Machine({"A": {}})
    wait = machine.when("A")
    machine.set_schema({"A": {}, "B": {"add": ["A"]}})
    assert not wait.done
    machine.add("B")
    assert wait.done


def test_a_schema_hash_is_that_of_the_meaning() -> None:
    one = Machine({"A": {"require": ["B", "C"], "tags": ["x"]}, "B": {}, "C": {}})
    same = Machine({"C": {}, "A": {"require": ["C", "B", "C"]}, "B": {}})
    other = Machine({"A": {"require": ["B"]}, "B": {}, "C": {}})
    assert re.fullmatch("[0-9a-f]{12}", one.schema_hash)
    assert one.schema_hash == same.schema_hash != other.schema_hash
    flags = [
        {},
        {"auto": True},
        {"multi": True},
        {"remove": ["B"]},
        {"add": ["B"]},
        {"after": ["B"]},
        {"require": ["B"]},
    ]
    assert len({Machine({"A": flag, "B": {}}).schema_hash for flag in flags}) == 7
