"""Every code has a page, and every page is true: its wrong document has this problem where it says, its right one none."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import pytest

from tests.tooling import problem_table
from trellis.compiler.rules import IN_VAIN, RULES
from trellis.pages import Sample, codes, page, parse, plain, source
from trellis.project import validate

ROOT = Path(__file__).parents[2]
RAISING = ("loaders", "compiler", "project")
CODES = codes()


def raised() -> set[str]:
    """The codes that the sources name, but for those in their docstrings."""
    paths = [path for package in RAISING for path in (ROOT / "trellis" / package).rglob("*.py")]
    return {code for path in paths for code in re.findall(r'"([EW]\d{3})"', path.read_text("utf-8"))}


def problems(samples: Sequence[Sample], folder: Path) -> list[str]:
    for sample in samples:
        path = folder / sample.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(eval(sample.made_by) if sample.made_by else sample.text.encode())  # noqa: S307 - our own pages
    first = samples[0].name if samples else "graph.yaml"
    return list(map(str, validate([os.path.dirname(first) or first])))  # one in a folder stands for the folder


def test_every_code_that_is_raised_has_a_page_and_every_page_is_of_such_a_code() -> None:
    assert set(CODES) == raised()


@pytest.mark.parametrize("code", CODES)
def test_a_page_is_true(code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = page(code)
    for name, samples in (("wrong", found.wrong), ("right", found.right)):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "trellis.toml").touch()  # nothing above it is looked for
        monkeypatch.chdir(folder)
        said = problems(samples, folder)
        if name == "right":
            assert said == []
        elif "…" in found.problems:
            assert said[-1:] == [line for line in found.problems if line != "…"]
        else:
            assert said == list(found.problems)
            assert {line.split()[1] for line in said} == {code}


@pytest.mark.parametrize("code", CODES)
def test_a_page_links_to_what_is_there_and_its_lines_fit_a_screen(code: str) -> None:
    text = source(code)
    links = re.findall(r"\]\(([^)#]+)(?:#([^)]+))?\)", text)
    for path, anchor in links:
        target = ROOT / "trellis/pages" / path
        headings = re.findall(r"^#+ (.+)$", target.read_text("utf-8"), re.MULTILINE)
        assert not anchor or anchor in {
            re.sub(r"[^\w\- ]", "", heading).lower().replace(" ", "-") for heading in headings
        }
    prose = re.sub(r"^```.*?^```$", "", text.partition("\n")[2], flags=re.MULTILINE | re.DOTALL)
    assert max(map(len, prose.splitlines())) <= 125


def test_the_table_of_problems_is_made_of_the_pages() -> None:
    text = problem_table.TARGET.read_text("utf-8")
    assert problem_table.fresh(text) == text
    assert re.findall(r"^\| \[([EW]\d{3})\]", text, re.MULTILINE) == list(CODES)


@pytest.mark.parametrize(
    "text",
    [
        "# E204: says\n\n## Wrong\n\n```text\nx\n```\n\n## Right\n\n```yaml\na: 1\n```\n",
        "# E205: says\n\n## Wrong\n\n```text\nx\n```\n\n## Right\n\n```yaml\na: 1\n```\n\n## What to do\n\nx\n",
        "# E204: says\n\n## Wrong\n\n```yaml\nx\n```\n\n## Right\n\n```yaml\na: 1\n```\n\n## What to do\n\nx\n",
        "# E204: says\n\n## Wrong\n\n```text\nx\n```\n\n## Right\n\n## What to do\n\nx\n",
    ],
)
def test_a_page_without_one_of_its_parts_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="E204: "):
        parse("E204", text)


@pytest.mark.parametrize("code", ["E999", "e204", "", "../E204", "__init__"])
def test_what_is_no_code_has_no_page(code: str) -> None:
    with pytest.raises(KeyError):
        page(code)


def test_a_page_in_a_terminal_has_no_marks() -> None:
    text = "# E1: a\n\nSee [`to`](../../docs/language/to.md#x), [docs](docs).\n\n## Wrong\n\n```yaml\na:\n  b: 1\n```\n"
    shown = "E1: a\n\nSee `to` (docs/language/to.md), docs.\n\nWrong\n\n    a:\n      b: 1\n"
    assert plain(text) == shown


@pytest.mark.parametrize(
    "path", sorted((ROOT / "trellis/compiler/rules").glob("[a-z]*.py")), ids=lambda path: path.stem
)
def test_each_rule_names_the_codes_that_it_yields(path: Path) -> None:
    rule = import_module(f"trellis.compiler.rules.{path.stem}")
    named = re.findall(r'problem\(\s*"([EW]\d{3})"', path.read_text("utf-8"))
    assert rule in RULES + IN_VAIN
    assert tuple(sorted(set(rule.CODES), key=lambda code: (code[1:], code[0]))) == rule.CODES
    assert set(named) <= set(rule.CODES)
