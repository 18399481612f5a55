"""W507: auto states that remove each other."""

from __future__ import annotations

from tests.compiler.checking import problems

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
