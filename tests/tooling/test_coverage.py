"""docs/coverage.md matches the marks, and a mark that names no feature is found."""

from __future__ import annotations

import pytest

from tests.tooling.coverage import ROOT, Feature, Mark, features, fresh, marks, page

FEATURES = """\
# Features

## AB: things

| id | feature | our answer, where it differs |
|---|---|---|
| AB01 | it walks | |
| AB02 | it talks | left to others |
"""
SECTIONS = {"AB: things": [Feature("AB01", "it walks", ""), Feature("AB02", "it talks", "left to others")]}


def test_the_page_in_docs_is_what_the_marks_say_now() -> None:
    assert (ROOT / "docs/coverage.md").read_text("utf-8") == fresh(), "stale: run `make docs`"


def test_features_are_read_by_section() -> None:
    assert features(FEATURES) == SECTIONS


def test_a_feature_that_stands_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="^feature AB01 stands twice$"):
        features(FEATURES + "| AB01 | again | |\n")


def test_marks_are_found_on_functions_classes_methods_parameters_and_modules() -> None:
    source = """\
import pytest
pytestmark = [pytest.mark.slow, pytest.mark.covers("AB01")]

@pytest.mark.covers("AB02", "AB03")
async def test_a(): ...

@pytest.mark.covers("AB04")
class TestB:
    @pytest.mark.parametrize("x", [pytest.param(1, marks=pytest.mark.covers("AB05"))])
    def test_c(self, x): ...
"""
    assert list(marks(source, "t.py")) == [
        Mark("AB01", "t.py", 2),
        Mark("AB02", "t.py::test_a", 4),
        Mark("AB03", "t.py::test_a", 4),
        Mark("AB04", "t.py::TestB", 7),
        Mark("AB05", "t.py::TestB::test_c", 9),
    ]


def test_a_mark_must_hold_plain_strings() -> None:
    with pytest.raises(ValueError, match=r"^t\.py::test_a: covers\(\) takes ids as plain strings, found ID$"):
        list(marks("@pytest.mark.covers(ID)\ndef test_a(): ...\n", "t.py"))


def test_a_row_without_a_test_is_open() -> None:
    text = page(SECTIONS, [Mark("AB01", "t.py::test_b", 1), Mark("AB01", "t.py::test_a", 5)])
    assert text.split("\n\n", 2)[2] == (
        "1 of 2 features are shown by a test.\n\n## AB: things\n\n| id | feature | shown by |\n|---|---|---|\n"
        "| AB01 | it walks | `t.py::test_a`<br>`t.py::test_b` |\n"
        "| AB02 | it talks | open; left to others |\n"
    )


def test_every_mark_that_names_no_feature_is_reported() -> None:
    with pytest.raises(ValueError, match=r"^t\.py::test_a: no feature 'AB9' in docs/features\.md\nu\.py: no") as caught:
        page(SECTIONS, [Mark("AB9", "t.py::test_a", 1), Mark("AB01", "t.py::test_b", 1), Mark("ZZ01", "u.py", 1)])
    assert "u.py: no feature 'ZZ01' in docs/features.md" in str(caught.value)
