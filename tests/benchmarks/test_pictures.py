"""The benchmark of pictures runs to its end, however small, with Graphviz and without."""

from __future__ import annotations

import pytest

from benchmarks import pictures
from benchmarks.measure import Row


def test_a_picture_stands_beside_graphviz_or_the_row_says_that_it_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    rows: list[Row] = list(pictures.rows(40, 20))
    assert [(row.what, row.beside, row.met) for row in rows] == [
        (what, "left out: no `dot` of Graphviz on PATH", True)
        for what in ("SVG of 40 nodes", "SVG of 40 nodes, 20 abreast", "SVG of 20 nodes")
    ]


def test_the_graph_that_is_measured_has_every_node_on_a_way_from_its_start() -> None:
    for abreast in (1, 20):
        nodes = pictures.large(400, abreast).nodes
        targets = {edge.to for node in nodes.values() for edge in node.to}
        assert targets <= set(nodes) and len(targets) > 390 - abreast
