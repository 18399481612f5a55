"""The benchmark on Temporal runs to its end, however small, and says where it was left out."""

from __future__ import annotations

import pytest

from benchmarks.temporal import VARIABLE, Sizes, rows

SMALL = Sizes(steps=2, each=2, crowd=2, rounds=1, short=1, long=3, nodes=20, starts=1)


def test_the_benchmark_on_temporal_has_a_row_for_each_aim(
    temporal_address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, temporal_address)
    assert [(row.what, row.aim) for row in rows(SMALL)] == [
        ("one run on Temporal", "<= 1.15x"),
        ("2 concurrent runs on Temporal", "<= 1.15x"),
        ("events in the history of 3 steps", "<= 1.1x"),
        ("bytes of history for a step", "<= +200"),
        ("first workflow task of a graph of 20 nodes (0.0 MB) that is new to the worker", "< 200 ms"),
        ("first workflow task of a graph of 20 nodes (0.0 MB) that the worker has run", "< 200 ms"),
    ]
