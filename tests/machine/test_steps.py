"""Steps: why each state came or went, in one line each, and that the second resolution agrees with the first."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trellis.engine.relations import Relations
from trellis.errors import ExceptionFailed, LoopLimit
from trellis.machine import Machine
from trellis.machine.steps import Recount, Step, resolution, steps
from trellis.model.states import StateDef

NAMES = "ABCDEF"


def told(schema: dict[str, Any], *calls: tuple[str, ...], handlers: dict[str, Any] | None = None) -> list[list[str]]:
    """The steps of each transition of the last call."""
    machine = Machine(schema, list(schema))
    machine.bind(handlers or {"AnyState": lambda _event, **_args: None})
    for kind, *names in calls:
        getattr(machine, kind)(*names)
    return [[str(step) for step in steps(tx)] for tx in machine.seen]


@pytest.mark.parametrize(
    ("schema", "calls", "lines"),
    [
        ({"A": {"add": ["B"]}, "B": {}}, [("add", "A")], ["called A", "add B by A", "activate A", "activate B"]),
        (
            {"C": {"remove": ["D"]}, "D": {}},
            [("add", "D"), ("add", "C")],
            ["called C", "remove D by C", "activate C", "deactivate D"],
        ),
        ({"C": {"require": ["D", "E"]}, "D": {}, "E": {}}, [("add", "C")], ["called C", "lack C without D E", "reject C"]),
        (
            {"A": {"remove": ["B"]}, "B": {}},
            [("add", "A"), ("add", "B")],
            ["called B", "block B by A", "reject B"],
        ),
        (
            {"A": {"add": ["C"]}, "B": {"remove": ["C"]}, "C": {"add": ["D"]}, "D": {"remove": ["B"]}},
            [("add", "A", "B")],
            ["called A", "called B", "add C by A", "block C by B", "activate A", "activate B"],
        ),
        (
            {"A": {"add": ["B"]}, "B": {}},
            [("add", "B"), ("set", "A")],
            ["called A", "add B by A", "activate A"],
        ),
        ({"M": {"multi": True}}, [("add", "M"), ("add", "M")], ["called M", "reenter M"]),
        ({"A": {}, "B": {"require": ["A"]}}, [("add", "A", "B"), ("remove", "A")],
         ["called A", "lack B without A", "deactivate A", "deactivate B"]),
    ],
)  # fmt: skip
def test_each_state_has_its_reason(schema: dict[str, Any], calls: list[tuple[str, ...]], lines: list[str]) -> None:
    ((*found,),) = told(schema, *calls)
    assert [line for line in found if not line.startswith("handler")] == lines


@pytest.mark.covers("AM13")
def test_handlers_that_were_called_refused_and_raised_are_steps() -> None:
    schema: dict[str, Any] = {"A": {}, "B": {}}
    quiet: dict[str, Any] = {"AnyEnter": lambda _event, **_args: None, "AState": lambda _event, **_args: None}
    assert told(
        schema,
        ("add", "A", "B"),
        handlers={**quiet, "AEnter": lambda _event, **_args: None, "BEnter": lambda _event, **_args: False},
    ) == [["called A", "called B", "handler AEnter", "veto BEnter"]]
    assert told(schema, ("add", "A"), handlers={**quiet, "AEnter": lambda _event, **_args: 1 / 0})[0] == [
        "called A",
        "fail AEnter",
    ]
    assert told(schema, ("add", "A", "B"), handlers={**quiet, "BState": lambda _event, **_args: 1 / 0})[0] == [
        "called A",
        "called B",
        "handler AnyEnter",
        "handler AState",
        "fail BState",
        "activate A",
    ]


def test_an_auto_state_that_a_handler_refused_is_rejected_alone() -> None:
    schema: dict[str, Any] = {"A": {}, "X": {"auto": True, "add": ["Z"]}, "Y": {"auto": True}, "Z": {}}
    assert told(schema, ("add", "A"), handlers={"XEnter": lambda _event, **_args: False})[1] == [
        "called X",
        "called Y",
        "add Z by X",
        "veto XEnter",
        "reject X",
        "activate Y",
    ]


def test_of_two_bindings_the_one_that_refused_is_told() -> None:
    machine = Machine({"A": {}})
    machine.bind({"AEnter": lambda _event: None})
    machine.bind({"AEnter": lambda _event: False})
    machine.add("A")
    assert list(map(str, steps(machine.seen[0]))) == ["called A", "handler AEnter", "veto AEnter"]
    machine.bind({"AnyEnter": lambda _event: None})  # the same handlers, bound anew
    assert list(map(str, steps(machine.seen[0]))) == ["called A", "handler AEnter", "veto AEnter"]


def test_a_veto_of_a_handler_that_is_gone_is_all_that_is_known_of_handlers() -> None:
    machine = Machine({"A": {}})
    machine.bind({"AEnter": lambda _event: False}, id="refusing")
    machine.bind({"AEnter": lambda _event: None})
    machine.add("A")
    machine.detach("refusing")
    assert list(map(str, steps(machine.seen[0]))) == ["called A", "veto AEnter"]


def test_where_two_handlers_could_have_refused_an_auto_state_none_is_told() -> None:
    schema: dict[str, Any] = {"A": {}, "X": {"auto": True}, "Y": {"auto": True}}
    nothing: dict[str, Any] = dict.fromkeys(("YEnter", "AX", "AnyEnter"), lambda _event: None)
    assert told(schema, ("add", "A"), handlers={"XEnter": lambda _event: False, **nothing})[1] == [
        "called X",
        "called Y",
        "handler YEnter",
        "handler AnyEnter",
        "reject X",
        "activate Y",
    ]


def test_a_handler_of_one_name_that_was_not_asked_again_is_not_told_again() -> None:
    schema: dict[str, Any] = {"AB": {}, "A": {}, "BC": {}, "C": {"auto": True}}
    called: list[str] = []

    def refuse(_event: object) -> bool:
        called.append("ABC")
        return False

    handlers: dict[str, Any] = {"ABC": refuse}  # AB and C, then A and BC
    assert told(schema, ("add", "AB", "A", "BC"), handlers=handlers)[1] == ["called C", "veto ABC", "reject C"]
    assert called == ["ABC"]


def test_steps_are_those_of_the_relations_that_the_transition_had() -> None:
    machine = Machine({"A": {"add": ["B"]}, "B": {}, "C": {}})
    machine.bind({"AEnter": lambda _event: None, "BState": lambda _event: None})
    machine.add("A")
    tx = machine.seen[0]
    before = steps(tx)
    machine.set_schema({"D": {"add": ["B"]}, "C": {}, "B": {}, "A": {}}, ["D", "C", "B", "A", "Exception"])
    machine.bind({"DEnter": lambda _event: None})
    assert steps(tx) == before


def test_steps_are_values() -> None:
    relations = Relations({"A": StateDef(add=("B",)), "B": StateDef()})
    change = relations.mutate("add", relations.empty, ("A",))
    assert resolution(relations, change) == (Step("called", "A"), Step("add", "B", ("A",)))


def names(most: int = 2) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(NAMES), max_size=most, unique=True).map(tuple)


STATES = st.builds(
    StateDef, auto=st.booleans(), multi=st.booleans(), require=names(1), add=names(), remove=names(), after=names(1)
)
CALLS = st.lists(st.tuples(st.sampled_from(["add", "remove", "set"]), names(3)), max_size=8)


@given(st.fixed_dictionaries(dict.fromkeys(NAMES, STATES)), CALLS)
def test_the_resolution_that_is_told_is_the_one_that_was_made(states: dict[str, StateDef], calls: list[Any]) -> None:
    machine = Machine(states, list(NAMES))
    machine.bind({"AnyState": lambda _event, **_args: None})
    for kind, called in calls:
        getattr(machine, kind)(*called)
        for tx in machine.seen:
            change = tx.change.tried or tx.change
            recount = Recount(machine.relations, change)
            assert sorted(recount.target) == sorted(change.target)
            if tx.accepted:
                found = {
                    kind: [step.state for step in steps(tx) if step.kind == kind]
                    for kind in ("activate", "reenter", "deactivate")
                }
                assert sorted(found["activate"]) == sorted(set(tx.after) - set(tx.before))
                assert sorted(found["deactivate"]) == sorted(set(tx.before) - set(tx.after))
                assert set(found["reenter"]) == set(tx.enters) & set(tx.before)
            gone = {step.state for step in recount.steps if step.kind in ("remove", "lack", "block", "reject")}
            if tx.accepted and change is tx.change:
                lost = (set(tx.before) | set(tx.called)) - set(tx.after)
                assert lost - gone <= set(tx.called if tx.type == "remove" else tx.before if tx.type == "set" else ())


MOMENTS = [*(name + moment for name in NAMES for moment in ("Enter", "Exit")), *(a + b for a in NAMES for b in NAMES)]
SAYS = st.dictionaries(st.sampled_from([*MOMENTS, "AnyEnter"]), st.sampled_from(["yes", "no", "fail"]), max_size=6)


@given(st.fixed_dictionaries(dict.fromkeys(NAMES, STATES)), st.lists(SAYS, min_size=1, max_size=3), CALLS)
def test_what_is_told_of_handlers_is_what_they_did(states: Any, bindings: list[dict[str, str]], calls: Any) -> None:
    machine, did = Machine(states, list(NAMES), transition_limit=20), dict[str, list[str]]()

    def handler(name: str, says: str) -> Any:
        def called(event: Any, **_args: object) -> bool:
            did.setdefault(event.id, []).append({"yes": "handler", "no": "veto", "fail": "fail"}[says] + " " + name)
            return says == "yes" or (says == "fail" and 1 / 0 > 0)

        return called

    for number, says in enumerate(bindings):
        with suppress(ExceptionFailed, LoopLimit):  # a machine that starts in Exception tells its first handlers
            machine.bind({name: handler(name, said) for name, said in says.items()}, id=str(number))
    for kind, called in calls:
        did.clear()
        with suppress(ExceptionFailed, LoopLimit):
            getattr(machine, kind)(*called)
        for tx in machine.seen:
            found = [str(step) for step in steps(tx) if step.kind in ("handler", "veto", "fail")]
            really = iter(did.get(tx.id, []))
            assert all(step in really for step in found)  # in that order
            if not tx.auto:
                assert found == did.get(tx.id, [])
