"""Broken documents as authors write them, tests/corpus: each problem has the code and the place that people expect.

expected.txt holds a line for each problem of each document, `path:line:column code`, sorted. Whoever changes what the
checker says runs `python -m tests.checking.test_corpus`, and reads what it changed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from trellis.project import validate

CORPUS = Path(__file__).parents[1] / "corpus"
EXPECTED = CORPUS / "expected.txt"


@contextmanager
def _inside(folder: Path) -> Iterator[None]:
    before = os.getcwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def documents() -> list[str]:
    """The files and folders of the corpus, each a document."""
    return sorted(path.name for path in CORPUS.iterdir() if path != EXPECTED)


def found() -> list[str]:
    """What the checker says of all documents in one pass."""
    with _inside(CORPUS):
        return [f"{each.path}:{each.line}:{each.column} {each.code}" for each in validate(documents())]


def expected() -> list[str]:
    """What it is to say."""
    return EXPECTED.read_text("utf-8").splitlines()


def test_every_problem_of_every_broken_document_has_its_code_and_its_place() -> None:
    assert found() == expected()


def test_there_are_broken_documents_of_every_kind_and_each_of_them_is_broken() -> None:
    lines = expected()
    told = {line.split(":")[0].split("/")[0] for line in lines}
    assert told == set(documents()) and len(told) >= 150
    assert len({line.split()[-1] for line in lines}) >= 60


def test_a_document_has_the_problems_that_it_has_alone() -> None:
    with _inside(CORPUS):
        for name in documents()[::10]:
            alone = [f"{each.path}:{each.line}:{each.column} {each.code}" for each in validate([name])]
            assert alone == [line for line in expected() if line.split(":")[0].split("/")[0] == name]


if __name__ == "__main__":
    EXPECTED.write_text("".join(f"{line}\n" for line in found()), "utf-8")
