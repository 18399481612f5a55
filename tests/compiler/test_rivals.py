"""W507: auto states that remove each other."""

from __future__ import annotations

from typing import Any

from hypothesis import event, given, settings
from hypothesis import strategies as st

from tests.compiler.checking import problems
from trellis.compiler import compile_document
from trellis.engine.relations import Relations
from trellis.model.documents import Document
from trellis.model.problems import Place
from trellis.model.states import StateDef

END = "nodes: {n: {to: $end}}\n"


def test_of_two_auto_states_that_remove_each_other_the_first_wins() -> None:
    assert problems("states: {A: {auto: true, remove: [B, B]}, B: {auto: true, remove: [A]}}\n" + END) == [
        "1:53: W507 auto states 'A' and 'B' remove each other: where both may come, 'A' does (give 'A' an `enter_if`, or one of them no `auto`)",
    ]


def test_auto_states_that_are_told_apart_by_a_guard_or_a_relation_are_sound() -> None:
    fields = "fields: {n: {type: integer, default: 0}}\n"
    guarded = "states: {A: {auto: true, remove: [B], enter_if: n > 1}, B: {auto: true, remove: [A]}}\n"
    one_way = "states: {A: {auto: true, remove: [B]}, B: {auto: true}}\n"
    one_auto = "states: {A: {auto: true, remove: [B]}, B: {remove: [A]}}\n"
    assert [problems(fields + states + END) for states in (guarded, one_way, one_auto)] == [[], [], []]


def test_an_auto_state_that_drives_an_earlier_one_out_is_no_rival() -> None:
    assert problems("states: {A: {auto: true}, B: {auto: true, remove: [A]}}\n" + END) == []


def test_auto_states_in_a_ring_are_told_of_once() -> None:
    ring = "states: {A: {auto: true, remove: [B]}, B: {auto: true, remove: [C]}, C: {auto: true, remove: [A]}%s}\n"
    assert problems(ring % "" + END) == [
        "1:20: W507 auto states 'A', 'B' and 'C' drive each other out in a ring: none of them stays (give one of them an `enter_if`, or no `auto`)",
    ]
    assert [problem.split()[1] for problem in problems(ring % ", D: {auto: true, require: [A]}" + END)] == ["W507"]


def test_a_ring_that_something_keeps_apart_is_sound() -> None:
    ring = "states: {A: {auto: true, remove: [B]%s}, B: {auto: true, remove: [C]%s}, C: {auto: true, remove: [A]%s}}\n"
    apart = [
        ("", "", ", enter_if: 1 > 2"),
        ("", ", exit_if: 1 > 2", ""),
        (", require: [n]", ", require: [m]", ""),
    ]
    nodes = "start: n\nnodes: {n: {to: m}, m: {to: $end}}\n"
    assert [problems(ring % extra + nodes) for extra in apart] == [[], [], []]
    one_not_auto = "states: {A: {auto: true, remove: [B]}, B: {auto: true, remove: [C]}, C: {remove: [A]}}\n"
    assert problems(one_not_auto + END) == []
    two_and_two = (
        "states: {A: {auto: true, remove: [B]}, B: {auto: true, remove: [A, C]}, C: {auto: true, remove: [A]}}\n"
    )
    assert [problem.split("auto states ")[1][:11] for problem in problems(two_and_two + END)] == ["'A' and 'B'"]


@settings(max_examples=150, deadline=None)
@given(
    st.fixed_dictionaries(
        {
            name: st.lists(st.sampled_from([other for other in "ABCDE" if other != name]), max_size=2, unique=True)
            for name in "ABCDE"
        }
    ),
    st.sets(st.sampled_from("ABCDE"), min_size=3),
)
def test_auto_states_are_told_to_go_round_just_where_they_do(removes: dict[str, list[str]], autos: set[str]) -> None:
    states: Any = {name: {"auto": name in autos, "remove": removes[name]} for name in "ABCDE"}
    data: Any = {"trellis": 1, "states": states, "nodes": {"n": {"to": "$end"}}, "start": "n"}
    found = compile_document(Document("g", data, lambda *_: Place())).problems
    relations = Relations({name: StateDef(auto=name in autos, remove=tuple(removes[name])) for name in "ABCDE"})
    config, seen = relations.empty, set()
    while config not in seen:
        seen.add(config)
        change = relations.auto(config)
        if change is None or change.after is config:
            break
        config = change.after
    else:
        event("they go round")
        assert any("in a ring" in problem.message for problem in found)
        return
    event("they settle")
    assert not any("in a ring" in problem.message for problem in found)
