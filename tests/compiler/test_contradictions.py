"""E504: relations of a state that cannot be true together. W505: relations of states to themselves."""

from __future__ import annotations

from tests.compiler.checking import problems

END = "\nnodes: {n: {to: m}, m: {to: $end}}\nstart: n\n"


def of(states: str) -> list[str]:
    return problems(f"states:\n{states}{END}")


def test_a_state_does_not_remove_what_it_requires() -> None:
    assert of("  A: {require: [B, C], remove: [C]}\n  B: {}\n  C: {}") == [
        "2:33: E504 state 'A' removes 'C', which it requires: they cannot be active together (drop one of the two)",
    ]
    assert of("  A: {require: [B], remove: [C]}\n  B: {require: [C]}\n  C: {}") == [
        "2:30: E504 state 'A' removes 'C', which it requires (A → B → C): they cannot be active together (drop one of the two)",
    ]


def test_a_state_is_not_removed_by_what_it_requires() -> None:
    assert of("  A: {require: [B]}\n  B: {remove: [A]}") == [
        "2:16: E504 state 'A' requires 'B', which removes it: they cannot be active together (drop one of the two)",
    ]
    assert of("  A: {require: [B]}\n  B: {require: [C]}\n  C: {remove: [A]}") == [
        "2:16: E504 state 'A' requires 'C' (A → B → C), which removes it: they cannot be active together (drop one of the two)",
    ]


def test_what_a_state_requires_can_be_together() -> None:
    assert of("  A: {require: [B, C]}\n  B: {}\n  C: {remove: [B]}") == [
        "2:16: E504 state 'A' requires 'B' and 'C', and 'C' removes 'B': they cannot be active together (drop one of the two)",
    ]
    assert of("  A: {require: [n, B]}\n  B: {require: [m]}") == [
        "2:16: E504 state 'A' requires the nodes 'n' and 'm', and a run is at one of them: they cannot be active together (drop one of the two)",
    ]


def test_who_requires_a_state_that_can_never_be_is_not_told_of_again() -> None:
    assert of("  A: {require: [B]}\n  B: {require: [C], remove: [C]}\n  C: {}\n  D: {require: [A]}") == [
        "3:30: E504 state 'B' removes 'C', which it requires: they cannot be active together (drop one of the two)",
    ]


def test_a_state_does_not_add_and_remove_the_same() -> None:
    assert of("  A: {add: [B, C], remove: [C]}\n  B: {}\n  C: {}") == [
        "2:29: E504 state 'A' adds and removes 'C' (drop one of the two)",
    ]


def test_a_state_does_not_bring_what_drives_it_out() -> None:
    assert of("  A: {add: [B]}\n  B: {remove: [A]}") == [
        "2:13: E504 state 'A' adds 'B', which removes it again (drop one of the two)",
    ]


def test_states_that_only_exclude_each_other_are_sound() -> None:
    assert (
        of("  A: {remove: [B]}\n  B: {remove: [A]}\n  C: {require: [A], remove: [B], add: [D]}\n  D: {after: [C]}")
        == []
    )


def test_a_relation_to_itself_is_told_as_useless() -> None:
    assert of("  A: {require: [A], remove: [A], after: [A]}\n  B: {add: [B]}") == [
        "2:16: W505 state 'A' requires itself (with a circle of `require`, that relation orders no states)",
        "2:29: W505 state 'A' is in its own `remove`, which does nothing (remove it)",
        "2:41: W505 state 'A' is in its own `after`, which does nothing (remove it)",
    ]


def test_a_circle_of_require_is_told_once() -> None:
    assert of("  A: {require: [B]}\n  B: {require: [C]}\n  C: {require: [A]}\n  D: {require: [A]}") == [
        "2:16: W505 states 'A', 'B', 'C' require each other: none can come before the others (with a circle of `require`, that relation orders no states)",
    ]


def test_a_contradiction_inside_a_mixin_is_told_where_it_is_extended() -> None:
    text = "extends: [basic, connected]\nstates: {Start: {require: [Connected]}}\nnodes: {n: {to: $end}}\n"
    assert problems(text) == [
        "1:18: E504 state 'Connecting' of 'connected' removes 'Connected', which it requires (Connecting → Start → Connected): they cannot be active together (drop one of the two)",
        "2:27: W505 states 'Start', 'Connected' require each other: none can come before the others (with a circle of `require`, that relation orders no states)",
    ]


def test_a_chain_of_five_thousand_states_is_read_in_no_time() -> None:
    states = "".join(f"  S{number}: {{require: [S{number + 1}], add: [S{number + 1}]}}\n" for number in range(5_000))
    assert of(f"{states}  S5000: {{remove: [S0]}}") == [
        "2:17: E504 state 'S0' requires 'S5000' (S0 → S1 → S2 → S3 → … → S5000), which removes it: they cannot be active together (drop one of the two)",
    ]


def test_a_contradiction_in_a_circle_is_told_at_its_first_state() -> None:
    found = of("  A: {require: [B, D]}\n  B: {require: [C]}\n  C: {require: [A], remove: [D]}\n  D: {}")
    assert [line.partition(":  ")[0].split(" (")[0] for line in found if "E504" in line] == [
        "2:16: E504 state 'A' requires 'C' and 'D', and 'C' removes 'D': they cannot be active together",
    ]


def test_add_wins_over_remove_as_the_resolver_has_it() -> None:
    assert of("  A: {add: [B]}\n  B: {add: [A], remove: [A]}") == [
        "3:26: E504 state 'B' adds and removes 'A' (drop one of the two)",
    ]
    assert of("  A: {require: [B], add: [B], remove: [B]}\n  B: {}") == [
        "2:40: E504 state 'A' adds and removes 'B' (drop one of the two)",
    ]
