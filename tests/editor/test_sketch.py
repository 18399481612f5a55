"""What is drawn of a whole document is its value; of a broken one, all but what is broken; and it never fails."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

from tests.searching import searched
from trellis.editor.sketch import Part, sketch, sketch_markdown, value_of
from trellis.loaders.judge import judge

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("graphs/**/*.yaml"), *ROOT.glob("schemas/*.yaml"), *ROOT.glob("examples/*.yaml")])


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_what_is_drawn_of_a_whole_document_is_its_value(path: Path, ends: str) -> None:
    text = path.read_text("utf-8")
    assert value_of(sketch(text.replace("\n", ends))) == judge(path.name, text).value


BROKEN: list[tuple[str, Any]] = [
    ("a: 1\nb\nc: 3", {"a": 1, "c": 3}),
    ("a:\n  b\n  c: 3\nd: 4", {"a": {"c": 3}, "d": 4}),
    ("a: {b: 1, c\nd: 4", {"a": {"b": 1}, "d": 4}),
    ("a: {b: [1, 2\nd: 4", {"a": {"b": [1, 2]}, "d": 4}),
    ('a: "b\nd: 4', {"a": "b", "d": 4}),
    ('a: {b: "x, c: 2}\nd: 4', {"a": {"b": "x, c: 2}"}, "d": 4}),
    ("a:\n- 1\n-\n- b: 2\n  c\nd: 4", {"a": [1, None, {"b": 2}], "d": 4}),
    ("a: 1\n    b: 2\nc: 3", {"a": "1 b: 2", "c": 3}),
    ("a: [x]\n    b: 2\nc: 3", {"a": ["x"], "c": 3}),
    ("a: &x {b: 1}\nc: !t 2", {"a": {"b": 1}, "c": 2}),
    ("a: |\n  one\n   two\nb: 2", {"a": "  one\n   two\n", "b": 2}),
    ("%YAML 1.2\n---\na: 1\n...\nb: 2", {"a": 1}),
    ("a: 1 # b: 2\n# c: 3\nd: 'it''s'", {"a": 1, "d": "it's"}),
    ("", None),
    ("# only this", None),
]


@pytest.mark.parametrize(("text", "value"), BROKEN)
def test_what_is_broken_spoils_nothing_but_itself(text: str, value: Any) -> None:
    assert value_of(sketch(text)) == value


def test_a_node_in_markdown_says_its_body() -> None:
    assert value_of(sketch_markdown("---\nto: b\nask: {text: x}\n---\nHello\n\n- x: y\n")) == {
        "to": "b", "ask": {"text": "x"}, "say": "\nHello\n\n- x: y\n",
    }  # fmt: skip
    assert value_of(sketch_markdown("Hello")) == {"say": "Hello"}
    assert value_of(sketch_markdown("---\nto: b")) == {"to": "b", "say": ""}


PIECES = st.sampled_from(
    ["a", "b:", "c: ", "- ", "\n", "\n  ", "\n    ", "{", "}", "[", "]", ",", '"', "'", "#", " ", ":", "|", ">", "&x ", "{{", "\t", "\r\n", "🎉", "---\n", "\\"]
)  # fmt: skip


@searched(few=100, many=20_000, text=st.lists(PIECES, max_size=40).map("".join))
def test_every_part_of_what_is_drawn_of_anything_lies_in_the_text(text: str) -> None:
    for part, around in inside(sketch(text)):
        assert 0 <= part.start <= part.end <= len(text)
        assert around is None or around.start <= part.start
    inside(sketch_markdown(text))


def inside(part: Part, around: Part | None = None) -> list[tuple[Part, Part | None]]:
    found = [(part, around)]
    for _, below in part.parts():
        found += inside(below, part)
    return found


def test_very_deep_brackets_and_lists_end_in_a_sketch() -> None:
    sketch("[" * 5_000)
    sketch("{a: " * 5_000)
    sketch("- " * 2_000)
    sketch("\n".join(" " * depth + "a:" for depth in range(500)))
