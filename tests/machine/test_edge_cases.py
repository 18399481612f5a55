"""The list of edge cases of the relation machine, one row each: what is given, what happens, what must come of it."""

from __future__ import annotations

import pytest

from tests.machine.edge_cases import r01_to_32, r33_to_62, r63_to_91
from tests.machine.edge_cases.rows import ROWS

PARTS = (r01_to_32, r33_to_62, r63_to_91)


@pytest.mark.covers("AM03", "AM04", "AM05", "AM06", "AM07", "AM08", "AM09")
@pytest.mark.parametrize("name", ROWS)
def test_edge_case(name: str) -> None:
    ROWS[name]()


def test_no_row_is_missing() -> None:
    assert [int(name.split("-")[0]) for name in ROWS] == list(range(1, 92))
    assert {row.__module__ for row in ROWS.values()} == {part.__name__ for part in PARTS}
