"""Whatever a graph is, its picture can be read: boxes stand apart and within their frames, lines and labels off them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.generators import compiled, graphs, nested
from tests.render.drawn import EVERYTHING, graph_of
from tests.render.measured import faults
from tests.searching import searched
from trellis.model.graph import Edge, Migrate, Node
from trellis.render.charting import chart_of
from trellis.render.collapsing import collapsed, collapsible
from trellis.render.comparing import compared
from trellis.render.drawing import drawing, placed
from trellis.render.focusing import focused
from trellis.render.layout.cycles import turned
from trellis.render.layout.levels import Item, Spacing, arranged
from trellis.render.layout.orders import crossings
from trellis.render.layout.ranks import ranked, too_long
from trellis.render.look import view_of
from trellis.render.svg import svg

documents = st.one_of(graphs(), nested())


@searched(few=12, many=400, document=documents)
def test_boxes_lines_and_labels_are_off_each_other(document: dict[str, Any]) -> None:
    chart = chart_of(compiled(document).definition)
    assert faults(chart, view_of(chart).places) == []


@searched(few=12, many=400, document=documents)
def test_in_characters_too(document: dict[str, Any]) -> None:
    chart = chart_of(compiled(document).definition)
    assert faults(chart, placed(chart)[0]) == []
    assert drawing(chart)


@searched(few=12, many=400, document=documents)
def test_every_node_and_every_way_of_a_definition_is_drawn_once(document: dict[str, Any]) -> None:
    definition = compiled(document).definition
    chart = chart_of(definition)
    assert sorted(part.node for part in chart.parts if part.node) == sorted(definition.nodes)
    ways = sum(
        len(node.to) + len(node.catch) + len(node.upon) + len(node.upon_states) for node in definition.nodes.values()
    )
    ways += len(definition.catch) + len(definition.upon) + len(definition.upon_states)
    lost = sum(  # what a state does leads nowhere
        edge.to == "$end" and bool(node.region) and node.region in _of_states(definition)
        for node in definition.nodes.values()
        for edge in (*node.to, *(way for table in (node.catch, node.upon, node.upon_states) for way in _edges(table)))
    )
    drawn = [arrow for arrow in chart.arrows if arrow.kind != "body" and arrow.source != "|start"]
    bare = sum(
        not node.to and node.region in _regions(definition) and node.verb != "end" for node in definition.nodes.values()
    )
    assert len(drawn) == ways - lost + bare
    picture = svg(chart)
    assert picture.count(' data-part="') == len(chart.parts)
    assert picture.count(' data-arrow="') == len(chart.arrows)


def _edges(table: dict[str, str]) -> list[Any]:
    from trellis.model.graph import Edge

    return [Edge(target) for target in table.values()]


def _regions(definition: Any) -> set[str]:
    return {body.region for node in definition.nodes.values() for body in node.bodies}


def _of_states(definition: Any) -> set[str]:
    return {node.region for node in definition.nodes.values() if node.region} - _regions(definition)


@searched(few=12, many=400, document=documents, depth=st.integers(1, 3), data=st.data())
def test_a_neighbourhood_and_collapsed_frames_are_pictures_like_any_other(
    document: dict[str, Any], depth: int, data: st.DataObject
) -> None:
    chart = chart_of(compiled(document).definition)
    nodes = data.draw(st.lists(st.sampled_from(collapsible(chart)), unique=True)) if collapsible(chart) else []
    fewer = collapsed(chart, nodes)
    assert faults(fewer, view_of(fewer).places) == []
    near = focused(fewer, data.draw(st.sampled_from([part.node for part in fewer.parts if part.node])), depth)
    assert faults(near, view_of(near).places) == []


@searched(few=12, many=400, before=documents, after=documents)
def test_two_versions_are_one_picture(before: dict[str, Any], after: dict[str, Any]) -> None:
    chart = compared(compiled(before).definition, compiled(after).definition)
    assert faults(chart, view_of(chart).places) == []


def test_a_node_that_the_later_version_renames_is_one_box_that_says_what_it_was_called() -> None:
    before = graph_of(Node("a", "say", say="hi", to=(Edge("b"),)), Node("b", "say", say="on", to=(Edge("$end"),)))
    after = graph_of(Node("a", "say", say="hi", to=(Edge("c"),)), Node("c", "say", say="on", to=(Edge("$end"),)))
    said = replace(after.definition, migrate=Migrate(nodes={"b": "c"}))
    chart = compared(before.definition, said)
    assert [(part.node, part.change, part.told) for part in chart.parts if part.node] == [
        *(("a", "", ""), ("c", "changed", "was b")),
    ]
    assert [arrow.key for arrow in chart.arrows if arrow.change] == []


def test_the_same_graph_gives_the_same_picture() -> None:
    chart = chart_of(EVERYTHING.definition)
    assert svg(chart) == svg(chart_of(EVERYTHING.definition))


def test_a_cycle_is_turned_where_it_closes() -> None:
    assert turned(4, [(0, 1), (1, 2), (2, 0), (2, 3), (3, 3), (3, 2)]) == {2, 5}


def test_ranks_are_below_what_leads_there_and_near_it() -> None:
    # 3 hangs on 2 although nothing else holds it up, 4 follows its only neighbour.
    assert ranked(5, [(0, 1), (1, 2), (3, 2), (0, 4)]) == [0, 1, 2, 1, 1]
    assert ranked(4, [(0, 1), (1, 2), (0, 3)], last=[3]) == [0, 1, 2, 2]


def test_crossings_are_counted() -> None:
    down = [[2, 3], [2, 3], [], []]
    assert crossings([0, 1], 2, down, [0, 1, 0, 1]) == 1
    assert crossings([0, 1], 2, [[3], [2], [], []], [0, 1, 0, 1]) == 1
    assert crossings([0, 1], 2, [[2], [2, 3], [], []], [0, 1, 0, 1]) == 0


def test_edges_that_would_fill_the_picture_are_broken() -> None:
    chain = [(place, place + 1) for place in range(199)]
    far = [(place, 200) for place in range(200)]
    assert too_long(201, chain) == []
    broken = too_long(201, [*chain, *far])
    assert broken and all(place >= 199 for place in broken)
    assert 199 in broken and 398 not in broken  # the longest, and not that from next to it


SPACING = Spacing(items=20, joints=10, port=8, track=8, above=8, below=12, least=20, label=4, side=8)


@pytest.mark.parametrize("edges", [[(0, 1)], [(0, 1), (0, 2)], [(0, 1), (1, 0)], [(0, 0)]])
def test_a_line_runs_from_its_source_to_its_target(edges: list[tuple[int, int]]) -> None:
    items = [Item(20, 20, 30), Item(20, 20, 30), Item(20, 20, 30)]
    level = arranged(items, edges, [None] * len(edges), SPACING)
    for (source, target), route in zip(edges, level.routes, strict=True):
        assert _touches(route[0], level.anchors[source]) and _touches(route[-1], level.anchors[target])


def _touches(point: tuple[float, float], anchor: tuple[float, float]) -> bool:
    x, y = point[0] - anchor[0], point[1] - anchor[1]
    return (abs(x) == 20 and 0 <= y <= 30) or (y in (0, 30) and abs(x) <= 20)


def test_one_edge_between_two_boxes_is_straight() -> None:
    level = arranged([Item(20, 20, 30), Item(40, 40, 30)], [(0, 1)], [None], SPACING)
    assert level.routes == [[(40.0, 30.0), (40.0, 50.0)]]
