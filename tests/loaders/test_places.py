"""Places are those of the file, however much of it was read to find them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.loaders.documents import PROVISION, yaml_texts
from trellis.loaders import places, read
from trellis.loaders.fast import parse_fast
from trellis.loaders.judge import BROKEN, judge
from trellis.loaders.places import Places
from trellis.loaders.text import decode
from trellis.model.documents import Step
from trellis.model.problems import Place

TEXT = """\
# comment
trellis: 1

nodes:
  a:
    say: hi
    to: [{if: x, to: b},
         {to: c}]
  'b':
    to:
    - to: d
    -   to: e
  c: {say: x,
    to: }
"""


def steps(value: Any, path: tuple[Step, ...] = ()) -> Iterator[tuple[Step, ...]]:
    yield path
    for key, part in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from steps(part, (*path, key))


@pytest.mark.parametrize(
    ("path", "key", "value"),
    [
        ((), (2, 1), (2, 1)),
        (("trellis",), (2, 1), (2, 10)),
        (("nodes",), (4, 1), (5, 3)),
        (("nodes", "a"), (5, 3), (6, 5)),
        (("nodes", "a", "say"), (6, 5), (6, 10)),
        (("nodes", "a", "to"), (7, 5), (7, 9)),
        (("nodes", "a", "to", 0), (7, 10), (7, 10)),
        (("nodes", "a", "to", 0, "to"), (7, 18), (7, 22)),
        (("nodes", "a", "to", 1, "to"), (8, 11), (8, 15)),
        (("nodes", "b"), (9, 3), (10, 5)),
        (("nodes", "b", "to"), (10, 5), (11, 5)),
        (("nodes", "b", "to", 1, "to"), (12, 9), (12, 13)),
        (("nodes", "c", "to"), (14, 5), (14, 5)),
    ],
)
def test_a_part_stands_where_it_was_written(
    path: tuple[Step, ...], key: tuple[int, int], value: tuple[int, int]
) -> None:
    known = Places(TEXT)
    assert (known.locate(path, True), known.locate(path, False)) == (Place(*key), Place(*value))  # noqa: FBT003


@pytest.mark.parametrize("path", [("nodes", "a", "sya"), ("nodes", "a", "say", "deeper"), ("nodes", "a", "to", 7)])
def test_what_is_absent_stands_at_its_nearest_ancestor(path: tuple[Step, ...]) -> None:
    known = Places(TEXT)
    expected = known.locate(path[:3], False) if len(path) > 3 else known.locate(path[:2], False)  # noqa: FBT003
    assert known.locate(path, True) == known.locate(path, False) == expected  # noqa: FBT003


def agree(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    value = parse_fast(text)
    if value is BROKEN:
        return
    whole = Places(text)
    whole.root = judge("", text).spot
    for small in (places.SMALL, 0):
        with monkeypatch.context() as patch:
            patch.setattr(places, "SMALL", small)
            parts = Places(text)
            for path in steps(value):
                for key in (True, False):
                    assert parts.locate(path, key) == whole.locate(path, key), path


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        PROVISION,
        "a:\n- b\n- c: d\n",
        "a: 1\nb:\n\n  # x\n  c: 2\n  d:\n    e\n",
        "'a':\n  b: 1\n",
        "\n  a: 1\n  b:\n    c: 2\n",
    ],
)
def test_texts_are_searched_in_parts_with_the_same_outcome(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    agree(monkeypatch, text)


def test_where_two_lines_may_begin_a_part_the_whole_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "SMALL", 0)
    text = 'nodes:\n  b: "hello\n  a: there"\n  a: {say: x}\n'
    assert Places(text).locate(("nodes", "a", "say"), True) == Place(4, 7)  # noqa: FBT003


@settings(max_examples=100, deadline=None)
@given(text=yaml_texts)
def test_parts_and_whole_agree_on_any_text(text: str) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        agree(monkeypatch, decode("f", text.encode())[0])


def test_a_fault_in_a_long_document_is_found_without_reading_all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    judged: list[int] = []

    def counted(path: str, text: str) -> Any:
        judged.append(len(text))
        return judge(path, text)

    monkeypatch.setattr("trellis.loaders.places.judge", counted)
    nodes = "".join(
        f"  n{number}:\n    say: Hello, this is a line of some length\n    to: n{number + 1}\n"
        for number in range(2000)
    )
    nodes = nodes.replace("  n777:\n    say", "  n777:\n    sya")
    text = f"trellis: 1\nstart: n0\nnodes:\n{nodes}  n2000: {{end: ok}}\n"
    assert [str(each) for each in read("f", text.encode()).problems] == [
        "f:2336:5: E201 unknown key 'sya' of a node (did you mean 'say'?)"
    ]
    assert sum(judged) < 200


@given(gone=st.sets(st.integers(0, 9)))
def test_what_is_left_of_a_list_stands_where_it_was_written(gone: set[int]) -> None:
    known = Places("a:\n" + "".join(f"- {number}\n" for number in range(10)))
    known.removed = {("a",): sorted(gone)}
    left = [number for number in range(10) if number not in gone]
    found = [known.locate(("a", index), False).line - 2 for index in range(len(left))]  # noqa: FBT003
    assert found == left
