"""A problem is one line, sorts by its place, and guesses what was meant."""

from __future__ import annotations

import random

import pytest

from trellis.model.problems import Place, Problem, did_you_mean, suggestion


def test_a_problem_is_one_line() -> None:
    problem = Problem("a.yaml", 3, 7, "E204", "error", "no node named 'cheks'", "did you mean 'checks'?")
    assert str(problem) == "a.yaml:3:7: E204 no node named 'cheks' (did you mean 'checks'?)"


def test_a_problem_without_a_hint_has_no_parentheses() -> None:
    assert str(Problem("a.yaml", 1, 1, "W301", "warning", "nobody comes here")) == "a.yaml:1:1: W301 nobody comes here"


def test_problems_sort_by_path_line_column_and_code() -> None:
    problems = [
        Problem(path, line, column, code, "error", "x")
        for path in ("a.yaml", "b.yaml")
        for line in (2, 10)
        for column in (9, 11)
        for code in ("E101", "E201")
    ]
    mixed = problems.copy()
    random.Random(1).shuffle(mixed)
    assert sorted(mixed) == problems


def test_places_sort_by_line_and_column() -> None:
    assert sorted([Place(2, 1), Place(1, 9), Place(1, 2)]) == [Place(1, 2), Place(1, 9), Place(2, 1)]


@pytest.mark.parametrize(
    ("name", "known", "hint"),
    [
        ("cheks", ["checks", "build", "done"], "did you mean 'checks'?"),
        ("chekcs", {"checks": 1, "check": 2}, "did you mean 'checks'?"),
        ("zzz", ["checks", "build"], ""),
        ("checks", [], ""),
        ("", ["a"], ""),
        ("wiat", ["with", "wait"], "did you mean 'wait'?"),
        ("ab", ["ba", "abc", "abd"], "did you mean 'abd'?"),
    ],
)
def test_the_nearest_name_is_offered_where_one_is_near(name: str, known: list[str], hint: str) -> None:
    assert did_you_mean(name, known) == hint
    assert suggestion(name, known) == (f" ({hint})" if hint else "")


def test_the_guess_does_not_depend_on_the_order_of_names() -> None:
    names = ["abd", "abc", "abe"]
    assert {did_you_mean("ab", random.Random(seed).sample(names, 3)) for seed in range(20)} == {"did you mean 'abe'?"}
