"""Whatever line of a sound document is edited, the checker tells of it there, or the difference does, or nothing changed."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from tests.checking.mutating import Sample, edited, judged, samples

SIZES = [pytest.param(250, id="few"), pytest.param(2000, id="many", marks=pytest.mark.soak)]


@pytest.fixture(scope="module")
def sound() -> list[Sample]:
    return samples()


@pytest.mark.parametrize("edits", SIZES)
def test_each_edit_is_reported_where_it_is_or_told_as_a_difference_or_means_the_same(
    edits: int, sound: list[Sample]
) -> None:
    random = Random(edits)
    found: Counter[str] = Counter()
    missed = []
    for _ in range(edits):
        sample = random.choice(sound)
        edit = edited(sample.text, random)
        finding = judged(sample, edit)
        found[finding.kind] += 1
        if finding.kind == "missed":
            missed.append(f"{sample.name}: {edit.how} in line {edit.first}: {finding.why}")
    assert missed == []
    assert found["reported"] > edits / 2 and found["told"] > edits / 20
    assert found["same"] < edits / 4, found


def test_the_samples_are_the_documents_that_people_see(sound: list[Sample]) -> None:
    assert len(sound) > 20 and sum(sample.text.count("\n") for sample in sound) > 500
