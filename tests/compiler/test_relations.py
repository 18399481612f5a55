"""What the compiler says can never be is never so: held against the resolver, wherever a run could be."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import event, given, settings
from hypothesis import strategies as st

from trellis.compiler import compile_document
from trellis.engine.relations import Config, Relations
from trellis.model.documents import Document
from trellis.model.problems import Place, Problem
from trellis.model.states import StateDef

NAMES = ("A", "B", "C", "D", "E")
LISTS = st.lists(st.sampled_from(NAMES), max_size=2, unique=True)
STATES = st.fixed_dictionaries(
    {},
    optional={"auto": st.booleans(), "multi": st.booleans(), "require": LISTS, "add": LISTS, "remove": LISTS, "after": LISTS},
)  # fmt: skip
SCHEMAS = st.fixed_dictionaries(dict.fromkeys(NAMES, STATES))
SETS = st.lists(
    st.tuples(st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True), LISTS), min_size=1, max_size=4
)

States = dict[str, dict[str, Any]]
Set = tuple[list[str], list[str]]
ONE_BY_ONE: list[Set] = [([name], []) for name in NAMES]


def problems(states: States, sets: list[Set], *, waits: bool = True) -> list[Problem]:
    """What is said of a graph that goes through these sets, waits for every state, and begins again."""
    nodes: dict[str, Any] = {
        f"n{place}": {"set": {"add": added, "remove": removed}, "to": f"n{place + 1}"}
        for place, (added, removed) in enumerate(sets)
    }
    wait: Any = {"wait": {"states": list(NAMES)} if waits else {"time": "1s"}}
    nodes[f"n{len(sets)}"] = wait | {"to": "n0"}
    data: Any = {"trellis": 1, "start": "n0", "states": states, "nodes": nodes}
    return compile_document(Document("g", data, lambda *_: Place())).problems


def relations_of(states: States) -> Relations:
    return Relations(msgspec.convert(states, dict[str, StateDef]))


def reached(relations: Relations, sets: list[Set]) -> set[Config]:
    """Every configuration that these sets and auto passes lead to, in whatever order."""
    seen = {relations.empty}
    waiting = [relations.empty]
    while waiting:
        config = waiting.pop()
        changes = [
            relations.move(config, relations.numbers(added), relations.numbers([*{*removed} - {*added}]))
            for added, removed in sets
        ]
        for change in (*changes, relations.auto(config)):
            if change is not None and change.accepted and change.after not in seen:
                seen.add(change.after)
                waiting.append(change.after)
    return seen


def active(relations: Relations, sets: list[Set]) -> set[str]:
    return {name for config in reached(relations, sets) for name in relations.named(config.order)}


@settings(max_examples=200, deadline=None)
@given(SCHEMAS, SETS)
def test_what_is_said_never_to_become_active_never_is(states: States, sets: list[Set]) -> None:
    relations = relations_of(states)
    for problem in [*problems(states, sets), *problems(states, sets, waits=False)]:
        if "never becomes active" in problem.message:
            event("declared in vain" if problem.code == "W509" else "awaited in vain")
            assert problem.message.split("'")[1] not in active(relations, sets), problem.message


@settings(max_examples=200, deadline=None)
@given(SCHEMAS, SETS)
def test_a_set_that_is_said_to_be_impossible_is_refused_wherever_a_run_is(states: States, sets: list[Set]) -> None:
    relations = relations_of(states)
    for problem in problems(states, sets):
        if problem.code != "E505":
            continue
        added, removed = sets[int(problem.message.split("'")[1][1:])]
        if {*added} & {*removed}:
            continue  # the resolver is never asked for such a set
        event("impossible")
        for config in reached(relations, ONE_BY_ONE):
            change = relations.move(config, relations.numbers(added), relations.numbers(removed))
            assert not change.accepted, (problem.message, relations.named(config.order))


@settings(max_examples=100, deadline=None)
@given(SCHEMAS, SETS)
def test_states_that_are_said_not_to_be_together_never_are(states: States, sets: list[Set]) -> None:
    """But for what a change brings in its last step: as in the reference, nobody looks at what that drives out."""
    relations = relations_of(states)
    brought = {other for written in states.values() for other in written.get("add", ())}
    for problem in problems(states, sets):
        if problem.code == "E504" and problem.message.endswith("they cannot be active together"):
            name = problem.message.split("'")[1]
            needs, waiting = {name}, [name]
            while waiting:
                more = set(states.get(waiting.pop(), {}).get("require", ())) - needs
                needs |= more
                waiting += more
            if not needs & brought:
                event("cannot be together")
                assert name not in active(relations, [*sets, *ONE_BY_ONE, ([*NAMES], [])]), problem.message
