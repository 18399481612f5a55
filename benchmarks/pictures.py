"""How long the picture of a large graph takes, beside Graphviz where its `dot` is on PATH."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from functools import partial

from benchmarks.measure import Row, seconds
from trellis.model.graph import Call, Definition, Edge, End, Node
from trellis.render.charting import chart_of
from trellis.render.dot import dot
from trellis.render.svg import svg

NODES, FEWER, AIM = 5_000, 1_000, 10.0
PATIENCE = 30.0
"""Seconds that Graphviz is given."""


def large(nodes: int, abreast: int = 1) -> Definition:
    """A graph as people write them, only longer: mostly onwards, every fourth node branches, some lead back, some fail.

    With more `abreast`, each row of so many nodes leads to the next row, this way and that.
    """
    steps = []
    last = nodes - 1
    for place in range(last):
        row = place - place % abreast
        ahead = [row + abreast + (place + turn) % abreast for turn in (0, 3, 7)[: 1 if place % 4 else 3]]
        if abreast == 1 and place % 4 == 0:
            ahead = [place + 2 + place // 4 % 5, place + 1]
        ways = [Edge(f"n{min(target, last)}", f"risk > {target % 9}") for target in dict.fromkeys(ahead)]
        if place % 13 == 12:
            ways.insert(0, Edge(f"n{place - 1 - place // 13 % 5}", "not ok"))
        catch = {"*": "$rollback"} if place % 7 == 0 else {}
        steps.append(Node(f"n{place}", "do", do=Call(f"tool.{place % 7}"), to=tuple(ways), catch=catch))
    steps.append(Node(f"n{last}", "end", end=End("ok")))
    return Definition("large", "n0", {node.id: node for node in steps})


def rows(nodes: int = NODES, fewer: int = FEWER) -> Iterator[Row]:
    """From the compiled graph to the text; Graphviz from the text that we write for it to its SVG."""
    for count, abreast in ((nodes, 1), (nodes, 20), (fewer, 1)):
        chart = chart_of(large(count, abreast))
        spent = seconds(partial(svg, chart))
        ratio, beside = _beside(spent, dot(chart))
        shape = f", {abreast} abreast" if abreast > 1 else ""
        yield Row(f"SVG of {count:,} nodes{shape}", f"{ratio}{spent:.1f} s", beside, f"< {AIM:.0f} s", spent < AIM)


def _beside(spent: float, text: str) -> tuple[str, str]:
    """How ours compares with what Graphviz takes, and what that is."""
    program = shutil.which("dot")
    if program is None:
        return "", "left out: no `dot` of Graphviz on PATH"
    draw = [program, "-Tsvg"]
    try:
        theirs = seconds(
            lambda: subprocess.run(draw, input=text.encode(), capture_output=True, check=True, timeout=PATIENCE)
        )
    except subprocess.TimeoutExpired:
        return f"< {spent / PATIENCE:.2f}x: ", f"Graphviz, `dot -Tsvg`: not done after {PATIENCE:.0f} s"
    return f"{spent / theirs:.2f}x: ", f"Graphviz, `dot -Tsvg`: {theirs:.1f} s"
