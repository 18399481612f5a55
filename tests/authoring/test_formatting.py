"""The house style, rule by rule, and what is never laid out."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tooling.docs_blocks import pages
from tests.tooling.fences import blocks
from trellis.authoring import formatting
from trellis.authoring.formatting import formatted

ROOT = Path(__file__).parents[2]
OURS = sorted(
    path for ending in ("yaml", "md") for name in ("graphs", "schemas") for path in (ROOT / name).rglob(f"*.{ending}")
)
LEFT = ("refused", "as")
"""Blocks that are to stay as they are: those that show what is wrong, or what is to be laid out."""
LONG = "word" * 30


def fmt(text: str) -> str:
    made = formatted("f.yaml", text.encode())
    assert made.text is not None, made.problems
    again = formatted("f.yaml", made.text.encode())
    assert again.text == made.text
    return made.text


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.name)
def test_our_own_documents_are_in_the_house_style(path: Path) -> None:
    assert formatted(path.name, path.read_bytes()).text == path.read_text()


def test_documents_in_the_documentation_are_in_the_house_style() -> None:
    others = [
        f"{block.page.relative_to(ROOT)}:{block.line}"
        for page in pages()
        for block in blocks(page)
        if block.language == "yaml" and block.kind not in LEFT
        if formatted("f.yaml", block.text.encode()).text not in (block.text, None)
    ]
    assert others == [], "python -m tests.tooling.docs_fmt lays them out"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param("a:\n    b: 1\n    c:\n        - 1\n", "a:\n  b: 1\n  c:\n    - 1\n", id="two blanks a level"),
        pytest.param("a:\n- 1\n-   b: 2\n    c: 3\n", "a:\n  - 1\n  - b: 2\n    c: 3\n", id="lists are deeper than their key"),
        pytest.param("a: { x : 1,y: [ 2,3 ] , }\n", "a: {x: 1, y: [2, 3]}\n", id="blanks in braces"),
        pytest.param("a: {x: 1,\n    y: 2}\n", "a: {x: 1, y: 2}\n", id="braces on one line where they fit"),
        pytest.param(f"a: {{x: {LONG}, y: 2}}\n", f"a:\n  x: {LONG}\n  y: 2\n", id="a line each where they do not"),
        pytest.param(f"a: [{{x: {LONG}}}, 2]  # c\n", f"a:  # c\n  - x: {LONG}\n  - 2\n", id="lists too"),
        pytest.param("a: {x: 1, # one\n  y: 2}\n", "a:\n  x: 1      # one\n  y: 2\n", id="comments open braces"),
        pytest.param("a: >-   # one\n    x # y\n", "a: >-   # one\n  x # y\n", id="comments behind the mark of a text"),
        pytest.param("a: &x |+ # one\n\nb: 1\n", 'a: &x "\\n"  # one\nb: 1\n', id="and of an empty one"),
        pytest.param("a: |\n  x\n... # one\n", "a: |\n  x\n# one\n", id="none becomes a part of a text"),
        pytest.param('a: [1,#one\n  "v"#two\n  ]#three\n', 'a:\n  - 1   #one\n  - "v"  #two\n#three\n', id="right behind a sign"),
        pytest.param(
            f"- {{x: {LONG}, y: 2}}{' ' * 90}# one\n", f"- x: {LONG}\n  y: 2  # one\n", id="comments do not stay far out"
        ),
        pytest.param("|\n a\n", "|\n  a\n", id="a text alone"),
        pytest.param("a: [b: 1, {c: 2}]\n", "a: [{b: 1}, {c: 2}]\n", id="a pair in a list is a map"),
        pytest.param("a: {b, c: }\n", "a: {b, c: null}\n", id="nothing in braces is null"),
        pytest.param("? a\n: 1\n", "a: 1\n", id="keys without question marks"),
        pytest.param("a:   1\nbb: 2\n", "a: 1\nbb: 2\n", id="one blank behind a colon"),
        pytest.param("a:    1\nbb:   2\nccc:  3\n", "a:   1\nbb:  2\nccc: 3\n", id="columns stay, as narrow as they can be"),
        pytest.param("a:  1\nb:\n  - 2\ncc: 3\n", "a:  1\nb:\n  - 2\ncc: 3\n", id="columns go past what has lines of its own"),
        pytest.param("a:  1\nb:\n\n  {x: 2}\ncc: 3\n", "a:  1\nb:  {x: 2}\ncc: 3\n", id="what goes to its key takes the column there"),
        pytest.param("a: 1\nb:\n  {x: 2}\ncc: 3\n", "a: 1\nb: {x: 2}\ncc: 3\n", id="where there is one"),
        pytest.param(
            f"a:{' ' * 9}1\nbb:{' ' * 8}[{LONG[:110]}, x]\n{'c' * 9}: 2\n", f"a: 1\nbb: [{LONG[:110]}, x]\n{'c' * 9}: 2\n", id="what does not fit into a column parts it"
        ),
        pytest.param('{a: :x, b: "c", d: [y:, :z: 1]}\n', '{a: ":x", b: "c", d: ["y:", {":z": 1}]}\n', id="colons at the ends of texts in braces are quoted"),
        pytest.param("a: :x\nb: ?y\n", "a: :x\nb: ?y\n", id="outside they are not"),
        pytest.param("a\n b\n", "a\n  b\n", id="a text of several lines alone"),
        pytest.param("{a: Which?, b: one two}\n", '{a: "Which?", b: "one two"}\n', id="free text in braces is quoted"),
        pytest.param("{a: 'say \"x\"', b: it's so}\n", "{a: 'say \"x\"', b: \"it's so\"}\n", id="with the quotes that it has not"),
        pytest.param('{a: say "x y"}\n', "{a: 'say \"x y\"'}\n", id="single ones where there are double ones"),
        pytest.param("{if: a == b or c, set: {fields: {n: n + 1}}}\n", "{if: a == b or c, set: {fields: {n: n + 1}}}\n", id="expressions are not"),
        pytest.param("{if: a and 'x?' in b}\n", "{if: \"a and 'x?' in b\"}\n", id="unless YAML would bite"),
        pytest.param("a: one two?\n", "a: one two?\n", id="text outside of braces is not"),
        pytest.param("a: 'x'\nb: \"y\"\n", "a: 'x'\nb: \"y\"\n", id="quotes stay"),
        pytest.param("a: >-\n     b\n      c\n\n     d\n", "a: >-\n  b\n   c\n\n  d\n", id="block texts"),
        pytest.param("a: |2\n      b\n", "a: |2\n      b\n", id="block texts that begin with blanks"),
        pytest.param("a: b\n    c\n\n    d\n", "a: b\n  c\n\n  d\n", id="texts of several lines"),
        pytest.param("a:\n  some words\n", "a: some words\n", id="a value goes to its key"),
        pytest.param(f"a:\n  {LONG}\n", f"a:\n  {LONG}\n", id="unless it is too long"),
        pytest.param("\n\na: 1\n\n\n\nb:\n\n  c: 2   \n\n\n", "a: 1\n\nb:\n  c: 2\n", id="blank lines"),
        pytest.param("a:\n  b: 1\n  # of a\n# of c\nc: 2\n", "a:\n  b: 1\n  # of a\n# of c\nc: 2\n", id="comments at their level"),
        pytest.param("a:\n    b: 1\n    # of a\n  # of c\nc: 2\n", "a:\n  b: 1\n  # of a\n# of c\nc: 2\n", id="and at the one around"),
        pytest.param("a: 1     # one\nbcd: 2   # two\n", "a: 1     # one\nbcd: 2   # two\n", id="comments in columns"),
        pytest.param("a:\n    b: 1    # one\n    c: 2    # two\n", "a:\n  b: 1    # one\n  c: 2    # two\n", id="move with their lines"),
        pytest.param("a: # c\n  b\n", "a: # c\n  b\n", id="a comment before a value"),
        pytest.param("a: 1\r\nb: 2", "a: 1\nb: 2\n", id="line feeds, at the end too"),
        pytest.param("\ufeffa: 1\n", "a: 1\n", id="no byte order mark"),
        pytest.param("%YAML 1.2\n---  # x\na: 1\n...\n", "%YAML 1.2\n---  # x\na: 1\n", id="what is before a document"),
        pytest.param("x-a: &one {b: 1}\nc: *one\n", "x-a: &one {b: 1}\nc: *one\n", id="anchors"),
        pytest.param("b: 1\na: 2\n", "b: 1\na: 2\n", id="keys in their order"),
        pytest.param("", "", id="nothing"),
        pytest.param("# only\n", "# only\n", id="only a comment"),
    ],
)  # fmt: skip
def test_the_house_style(before: str, after: str) -> None:
    assert fmt(before) == after


def test_what_is_no_yaml_is_told_and_not_laid_out() -> None:
    made = formatted("f.yaml", b"a: {b: 1\n")
    assert made.text is None
    assert [(problem.path, problem.code) for problem in made.problems] == [("f.yaml", "E101")]


def test_nothing_is_laid_out_that_would_mean_another_thing(monkeypatch: pytest.MonkeyPatch) -> None:
    for wrong in ("a: 1.0\n", "a: true\n", "b: 1\n", "a: 1\na: 1\n", "a: 1\n---\n", "a: 1\n}\n"):
        monkeypatch.setattr(formatting, "laid_out", lambda _, wrong=wrong: wrong)
        with pytest.raises(formatting.Altered, match="^f.yaml: the house style would change what it means; it is left"):
            formatted("f.yaml", b"a:  1\n")


def test_of_a_markdown_file_only_the_front_matter_is_laid_out() -> None:
    made = formatted("greet.md", b"---\nto:   {a:  1}\n\n\n---\nHello  {{ user }}\n\n\n")
    assert made.text == "---\nto: {a: 1}\n---\nHello  {{ user }}\n\n\n"
    for plain in ("# No front matter\n", "---\n---\nHello\n", ""):
        assert formatted("greet.md", plain.encode()).text == plain


def test_what_is_behind_front_matter_keeps_its_line_ends() -> None:
    made = formatted("greet.md", b"\xef\xbb\xbf---\r\nto:   a\r\n---\r\nHello\r\nyou\n")
    assert made.text == "\ufeff---\r\nto: a\r\n---\r\nHello\r\nyou\n"


def test_faults_of_front_matter_have_their_places_in_the_file() -> None:
    made = formatted("greet.md", b"---\nto: a\nto: b\n---\n")
    assert [str(problem) for problem in made.problems] == [
        "greet.md:3:1: E102 key 'to' is here twice, first at 2:1 (remove one of them)"
    ]
