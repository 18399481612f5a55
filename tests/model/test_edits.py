"""Edits of a text: each counts in the text as it was, and no two may touch the same characters."""

from __future__ import annotations

import pytest

from trellis.model.edits import Edit, applied, by_path


def edit(start: int, end: int, text: str, path: str = "a.yaml") -> Edit:
    return Edit(path, start, end, text)


def test_places_count_in_the_text_as_it_was_whatever_the_order() -> None:
    edits = [edit(4, 7, "22"), edit(0, 3, "first"), edit(8, 8, "!")]
    assert applied("one two\n", edits) == "first 22\n!"
    assert applied("one two\n", reversed(edits)) == "first 22\n!"


def test_an_edit_twice_counts_once() -> None:
    assert applied("ab", [edit(1, 1, "x"), edit(1, 1, "x")]) == "axb"


def test_an_edit_may_begin_where_another_ends() -> None:
    assert applied("abcd", [edit(0, 2, "x"), edit(2, 4, "y")]) == "xy"


@pytest.mark.parametrize(
    ("edits", "why"),
    [
        ([edit(0, 3, "x"), edit(2, 4, "y")], "a.yaml: two edits at character 2"),
        ([edit(1, 1, "x"), edit(1, 1, "y")], "a.yaml: two edits at character 1"),
        ([edit(1, 1, "x"), edit(1, 2, "y")], "a.yaml: two edits at character 1"),
        ([edit(3, 5, "x")], "a.yaml: no characters 3 to 5 in a text of 4"),
        ([edit(2, 1, "x")], "a.yaml: no characters 2 to 1 in a text of 4"),
        ([edit(0, 1, "x"), edit(2, 3, "y", "b.yaml")], "edits of two files: a.yaml and b.yaml"),
    ],
)
def test_what_cannot_be_applied_is_refused(edits: list[Edit], why: str) -> None:
    with pytest.raises(ValueError, match=f"^{why}$"):
        applied("abcd", edits)


def test_edits_are_sorted_file_by_file() -> None:
    edits = [edit(4, 5, "", "b"), edit(2, 3, "", "a"), edit(0, 1, "", "b"), edit(0, 1, "", "b")]
    assert by_path(edits) == {"a": (edit(2, 3, "", "a"),), "b": (edit(0, 1, "", "b"), edit(4, 5, "", "b"))}
