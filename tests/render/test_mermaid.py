"""A picture shows every edge of its graph, and whatever an author wrote in it renders."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.render.drawn import EVERYTHING, graph_of
from trellis.model.graph import (
    Ask,
    Body,
    Call,
    Definition,
    Edge,
    End,
    Escalation,
    Graph,
    Node,
    Remind,
    static_id,
)  # fmt: skip
from trellis.model.saying import Part
from trellis.render.mermaid import LONGEST, mermaid

GOLDEN = Path(__file__).with_name("golden")


def edges(picture: str) -> list[str]:
    return [line.strip() for line in picture.splitlines() if re.search(r" (-->|-\.->|==>|-\. )", line)]


def shown(label: str) -> str:
    """What Mermaid shows of a label: entities are characters, and what only keeps it from being read is not seen."""
    text = html.unescape(re.sub(r"#(\w+);", lambda found: f"&{'' if found[1] == 'quot' else '#'}{found[1]};", label))
    return text.replace("\u200b", "").translate({0x2217: "*", 0x223C: "~", 0x2CB: "`"})


@pytest.mark.covers("TR08")
def test_every_kind_of_node_and_edge_is_drawn() -> None:
    assert mermaid(EVERYTHING) == (GOLDEN / "everything.mmd").read_text("utf-8")


def test_a_run_is_marked_by_where_it_was_and_where_it_is() -> None:
    visited = ["greet", "choose", "build", "checks", "checks.http", "checks.db.ping", "fan", "fan[0]", "fan[3]", "gone"]
    picture = mermaid(EVERYTHING, visited=visited, current=["fan[3]", "checks.db.query"])
    assert picture.removeprefix(mermaid(EVERYTHING)).splitlines() == [
        "  classDef visited fill:#d7f0dd,stroke:#2f7d46,color:#14361f",
        "  class n0,n1,n2,n3,n4,n5,n7 visited",
        "  classDef current fill:#ffe3b3,stroke:#b35900,color:#3d1f00,stroke-width:3px",
        "  class n6,n8 current",
    ]


def test_a_node_called_end_is_a_node_like_any_other() -> None:
    graph = graph_of(Node("end", "say", say="subgraph", to=(Edge("graph"),)), Node("graph", "end", end=End()))
    assert mermaid(graph).splitlines() == [
        "flowchart TD",
        '  start(("start"))',
        '  n0("end<br/>subgraph")',
        '  n1(["graph<br/>end ok"])',
        "  start --> n0",
        "  n0 --> n1",
    ]


def test_a_body_in_a_catch_is_drawn_beside_its_node_under_its_name() -> None:
    picture = mermaid(
        graph_of(
            Node("a", "all", bodies=(Body("x", "a.x", "a.x"),), to=(Edge("$end"),)),
            Node("a.x", "do", region="a.x", do=Call("t"), catch={"boom": "a.x~boom"}),
            Node(
                "a.x~boom", "say", region="a.x", say=(Part({"en": "Sorry", "pt": "Desculpe"}), Part("Again?", "n > 1"))
            ),
        )
    )
    assert [line.strip() for line in picture.splitlines() if "n2" in line] == [
        'n2("x∼boom<br/>Sorry Again?")',
        'n1 -.->|"catch boom"| n2',
        "n2 --> j0",
    ]


def test_terminals_are_drawn_only_where_an_edge_leads_to_them() -> None:
    graph = graph_of(Node("a", "pass", to=(Edge("$end", "x"), Edge("$fail"))), catch={"*": "$rollback"})
    picture = mermaid(graph)
    assert [line.strip() for line in picture.splitlines() if line.strip().startswith("t")] == [
        't0((("$end")))',
        't1[\\"$fail"/]',
        't2[/"$rollback"\\]',
    ]
    assert edges(picture) == ["start --> n0", 'n0 -->|"x"| t0', "n0 --> t1", 'any -.->|"catch *"| t2']
    assert "t0" not in mermaid(graph_of(Node("a", "end", end=End())))


def test_routes_of_the_whole_graph_are_drawn_once() -> None:
    picture = mermaid(EVERYTHING)
    assert picture.count('any>"any node"]') == 1
    assert [edge for edge in edges(picture) if edge.startswith("any")] == [
        'any -.->|"catch *"| t0',
        'any ==>|"upon interrupt"| n17',
    ]


def test_an_edge_leads_from_frame_to_frame_by_their_fork_and_join() -> None:
    drawn = edges(mermaid(EVERYTHING))
    frames = set(re.findall(r"subgraph (\w+)", mermaid(EVERYTHING)))
    assert frames == {"fn3", "bn3_1", "fn7", "fn9", "fn10"}
    assert not [edge for edge in drawn if frames & set(re.findall(r"\w+", edge))]
    assert [edge for edge in drawn if "j3" in edge] == [
        "j3 --> n7",
        'j3 -.->|"catch failed"| t0',
        "n4 --> j3",
        "n6 --> j3",
    ]


@given(text=st.text(min_size=1))
@example('say "hi" #quot; `x` --> [a](b) <b>&amp;</b> {{ x }} %%{init}%%')
@example("1. one")
@example("- x\n# y\n---")
@example("__init__ **b** ~~s~~ $$x$$ fa:fa-car \\n www.x.y me@x.y https://x")
def test_no_text_leaves_its_quotes_and_every_text_is_shown(text: str) -> None:
    picture = mermaid(graph_of(Node("a", "say", say=text, to=(Edge("$end", text),))))
    assert len(picture.splitlines()) == 6
    label = re.fullmatch(r'  n0\("a<br/>([^"`<>&%:~]*)"\)', picture.split("\n")[2])
    assert label is not None
    line = " ".join("".join(mark if mark.isprintable() else " " for mark in " ".join(text.split())).split())
    seen = " ".join(shown(label[1]).split())
    if len(line) <= LONGEST:
        hidden = str.maketrans("", "", "\u200b")
        alike = {0x2217: "*", 0x223C: "~", 0x2CB: "`"}
        assert seen == " ".join(line.translate(hidden).translate(alike).split())
    else:
        assert len(seen) <= LONGEST


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ('a "b"', "a #quot;b#quot;"),
        ("1. one", "\u200b1. one"),
        ("2024", "2024"),
        ("run_id", "run_id"),
        ("__init__", "\u200b__init__\u200b"),
        ("a * b", "a * b"),
        ("a*b", "a\u2217b"),
        ("[x](y)", "[x]\u200b(y)"),
        ("back\\n", "back\\\u200bn"),
        ("$$x$$", "$\u200b$x$\u200b$"),
        ("fa:fa-car", "fa#58;\u200bfa-car"),
    ],
)
def test_marks_that_a_renderer_would_act_on_are_broken_up(text: str, label: str) -> None:
    assert f'n0("a<br/>{label}")' in mermaid(graph_of(Node("a", "say", say=text)))


def test_a_path_of_a_run_has_one_static_id() -> None:
    assert [static_id(path) for path in ("a", "fan[3]", "fan[12].both.left[0].x")] == [
        "a",
        "fan[]",
        "fan[].both.left[].x",
    ]


def test_what_is_done_while_somebody_is_waited_for_is_in_the_node() -> None:
    ask = Ask("approve", "verdict", by=("ana",))
    steps = (Escalation(28_800.0, ("ben", "cyn"), Call("mail")), Escalation(86_400.0, say="Anybody?"))
    node = Node("live", "ask", ask=ask, remind=Remind(3600.0, Call("call")), escalate=steps)
    picture = mermaid(Graph(Definition("g", "live", {"live": node})))
    label = shown(next(line for line in picture.splitlines() if "approve" in line)).replace("<br/>", "\n")
    assert label.split("\n")[1:] == [
        "ask approve: verdict by ana",
        "remind every 1h: call",
        "after 8h also ben, cyn: mail",
        'after 1d"/]',
    ]
