"""Whatever is laid out anew says what it said, keeps every comment beside the same thing, and is laid out for good."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import reject
from hypothesis import strategies as st

from tests.authoring.test_renaming import definition
from tests.generators import CHILD, graphs
from tests.loaders.documents import yaml_texts
from tests.loaders.test_fast import same
from tests.searching import searched
from trellis.authoring.formatting import formatted
from trellis.authoring.layout import laid_out
from trellis.authoring.trivia import Lines, leaves, trivia
from trellis.loaders.tree import Tree, parse_tree

ROOT = Path(__file__).parents[2]
SAMPLES = sorted([*(ROOT / "graphs").rglob("*.yaml"), *(ROOT / "schemas").glob("*.yaml")])


def tree_of(text: str) -> Tree | None:
    return parse_tree("f.yaml", text.encode())[0]


def beside(tree: Tree) -> list[tuple[str, list[str]]]:
    """Each comment with what stands before it: a trailing one belongs to the last, the others to what comes next."""
    written = [(leaf.body, leaf.value) for leaf in leaves(tree.root) if leaf.value not in ("", "null")]
    comments = [each for each in trivia(tree, Lines(tree.text)) if each.text]
    return [(each.text, [value for start, value in written if start < each.start][-3:]) for each in comments]


def moved(tree: Tree) -> list[bool]:
    """Of each comment whether it stands behind a map or list in braces, which it may follow to the line that begins it."""
    comments = [each for each in trivia(tree, Lines(tree.text)) if each.text]
    return [not each.own and tree.text[: each.start].rstrip().endswith(("]", "}")) for each in comments]


def holds(text: str) -> None:
    tree = tree_of(text)
    if tree is None:
        reject()
    made = laid_out(tree)
    again = tree_of(made)
    assert again is not None, parse_tree("f.yaml", made.encode())[1]
    assert same(again.value, tree.value)
    for now, before, may_move in zip(beside(again), beside(tree), moved(tree), strict=True):
        assert now == before or (may_move and now[0] == before[0])
    assert laid_out(again) == made
    assert not made or made.endswith("\n")
    assert "+" in made or not made.endswith("\n\n")


def disturbed(text: str, places: list[tuple[int, str]]) -> str:
    """The text with comments and blank lines at some of its blanks and line feeds."""
    gaps = [place for place, character in enumerate(text) if character in " \n"]
    for place, more in sorted(places, reverse=True):
        if gaps:
            at = gaps[place % len(gaps)]
            text = text[:at] + more + text[at:]
    return text


notes = st.lists(
    st.tuples(
        st.integers(0, 10_000), st.sampled_from((" # one", "\n  # two\n   ", "\n\n\n", "  ", "\n# three", " # {a: \n"))
    ),
    max_size=4,
)


@searched(few=80, many=20_000, text=yaml_texts, places=notes)
def test_yaml_as_people_write_it_keeps_its_meaning_and_its_comments(text: str, places: list[tuple[int, str]]) -> None:
    holds(disturbed(text, places))


@searched(few=8, many=500, places=notes, path=st.sampled_from(SAMPLES))
def test_sample_graphs_with_comments_anywhere_keep_them(places: list[tuple[int, str]], path: Path) -> None:
    holds(disturbed(path.read_text(), places))


@searched(few=6, many=1_000, data=graphs(), indent=st.sampled_from((None, 1, 4)))
def test_a_graph_has_the_same_definition_before_and_after(data: dict[str, Any], indent: int | None) -> None:
    text = json.dumps({"trellis": 1, "name": "g", **data}, indent=indent)
    made = formatted("g.yaml", text.encode()).text
    assert made is not None
    others = {"child.yaml": json.dumps(CHILD).encode()}
    assert definition({"g.yaml": made.encode(), **others}, "g.yaml") == definition(
        {"g.yaml": text.encode(), **others}, "g.yaml"
    )


@pytest.mark.parametrize(
    "text",
    [
        "[[&a # one b,\n    a]]\n",
        "a:\n [\n  # two\n   ] # note\n",
        "-\n - # note\n  a: a\n",
        "- |+\n  \n",
        "- >1\n  \n",
        "a:\n\n\n |\n  x\n",
        "&a\n  # two\n b\n",
        "a:\n  # two\n  {b: 1}   # behind\n",
        "a:\n  # two\n   {a: {a: a, b c: a, k1: -}}\n",
        "{a: {a: a,k1: :x},\n  # two\n    k1: []}\n",
        "a: [\n  :x: b:, :y]\n",
        "a\n ---\n",
        "'a\n ... b'\n",
        "fields:\n  name:    a\n  env:\n\n\n     {b: 1}\n  copies:  c\n",
        "b:      1\na: &x\nlonger: 1\n",
        "b:      1\na: |\n\nlonger: 2\n",
        "b:      1\na: {\n  # two\n }\nlonger: 2\n",
        f"b:{' ' * 39}1\na:{' ' * 39}{{x: {'w' * 80}}}\n{'l' * 39}: 2\n",
    ],
)
def test_what_was_once_laid_out_badly(text: str) -> None:
    holds(text)
