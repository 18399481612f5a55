"""What the pages of docs/language promise happens: their examples, told line by line, and their bad input, row by row.

`TRELLIS_GOLDEN=write` writes the traces anew; look at the difference before you commit it.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tests.language.page import FOLDER, Example, Row, examples, pages
from tests.language.playing import Playing, changed, problems, trace, written
from tests.tooling.docs_blocks import same
from trellis.compiler.rules import IN_VAIN

GOLDEN = Path(__file__).parent / "golden"
ALL = [example for page in pages() for example in examples(page)]
PROBLEM = re.compile(r"[EW]\d{3} ")


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.stem)
def test_a_page_has_options_an_example_and_bad_input(page: Path) -> None:
    text = page.read_text("utf-8")
    headings = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert [name for name in ("Options", "Example", "Bad input") if name in headings] == [
        "Options",
        "Example",
        "Bad input",
    ]
    assert examples(page)
    assert any(example.rows for example in examples(page))


@pytest.mark.covers("TR09")
@pytest.mark.parametrize("example", ALL, ids=lambda example: example.id)
def test_the_example_goes_as_its_golden_trace_tells(example: Example, tmp_path: Path) -> None:
    path = written(example, tmp_path, example.text)
    assert problems(path) == []
    played = Playing(path, tuple(example.files))
    played.play(example.steps)
    golden = GOLDEN / f"{example.id}.jsonl"
    if os.environ.get("TRELLIS_GOLDEN") == "write":
        golden.write_text(trace(played.lines), "utf-8")
    assert trace(played.lines) == golden.read_text("utf-8")


def test_every_golden_trace_is_of_an_example() -> None:
    assert sorted(path.stem for path in GOLDEN.glob("*.jsonl")) == sorted(example.id for example in ALL)


@pytest.mark.parametrize(
    ("example", "row"),
    [pytest.param(example, row, id=f"{example.page}-{row.line}") for example in ALL for row in example.rows],
)
def test_bad_input_is_answered_as_the_page_says(example: Example, row: Row, tmp_path: Path) -> None:
    path = written(example, tmp_path, changed(example.text, row.changes) if row.changes else example.text)
    if row.said == ("?",) and os.environ.get("TRELLIS_GOLDEN") == "write":
        _fill(example, row, problems(path) or _played(example, row, path).loud)
        return
    # What the change leaves without use is not what the row is about.
    aside = tuple(code for rule in IN_VAIN for code in rule.CODES if not row.said[0].startswith(rule.CODES))
    told = [text for text in problems(path) if not text.startswith(aside)]
    if PROBLEM.match(row.said[0]):
        assert not row.steps
        found = told
        assert len(found) == len(row.said)
        assert [text for text, shown in zip(found, row.said, strict=True) if not same(shown, text)] == []
        return
    assert told == []
    played = _played(example, row, path)
    assert _in_order(row.said, played.said), played.said


def _played(example: Example, row: Row, path: Path) -> Playing:
    played = Playing(path, tuple(example.files))
    if row.steps and not row.more:
        begun = tuple(step for step in example.steps if step.startswith(("tool ", "set ", "allow", "locale")))
        told = [_named(step) for step in row.steps]
        played.play((*(step for step in begun if _named(step) not in told), *row.steps))
    else:
        played.play((*example.steps, *row.steps))
    return played


def _named(step: str) -> list[str]:
    """What a step is about: `tool search`, `set n`."""
    return re.split("[: ]", step)[:2]


def _in_order(shown: tuple[str, ...], said: list[str]) -> bool:
    """Whether these texts were said in this order, the last of them last of all."""
    left = iter(said)
    return all(any(same(text, one) for one in left) for text in shown) and next(left, None) is None


def _fill(example: Example, row: Row, said: list[str]) -> None:
    """Write what was said into the page, in the place of a `?`."""
    page = FOLDER / f"{example.page}.md"
    lines = page.read_text("utf-8").splitlines(keepends=True)
    told = ", ".join(f"`` {text} ``" if "`" in text else f"`{text}`" for text in said).replace("|", "\\|")
    lines[row.line - 1] = lines[row.line - 1].replace("| `?` |", f"| {told} |")
    page.write_text("".join(lines), "utf-8")
