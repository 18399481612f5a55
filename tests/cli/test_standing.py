"""What a node waits for is said in a few words, and how long is said in two units."""

from __future__ import annotations

from typing import Any

import pytest

from trellis.cli.standing import brief, seconds, span, told, until, waits
from trellis.cli.tables import columns
from trellis.engine import start
from trellis.hosts.lines import timestamp
from trellis.hosts.rows import first_row
from trellis.model.events import RunStarted
from trellis.model.graph import Graph
from trellis.project import load
from trellis.stores.base import RunRow

NOW = 1_893_456_000.0


@pytest.mark.parametrize(
    ("length", "text"),
    [
        (-1, "0s"), (0, "0s"), (59.9, "59s"), (60, "1m"), (185, "3m 5s"), (3600, "1h"), (9630, "2h 40m"),
        (86_400, "1d"), (90_000, "1d 1h"), (86_460, "1d"),
    ],
)  # fmt: skip
def test_a_span_has_its_two_largest_units(length: float, text: str) -> None:
    assert span(length) == text


def test_what_is_due_is_told_from_now() -> None:
    assert (until(NOW + 65, NOW), until(NOW - 65, NOW)) == ("in 1m 5s", "1m 5s ago")
    assert seconds(timestamp(NOW)) == NOW


@pytest.mark.parametrize(
    ("wait", "text"),
    [
        ({"for": "answer", "field": "env", "kind": "choice", "options": ["a", "b"]}, "asks for env (a, b)"),
        ({"for": "answer", "field": "n", "kind": "int", "reason": "no"}, "no; asks for n (a whole number)"),
        ({"for": "call", "tool": "t", "attempt": 2, "key": "k"}, "calls t, attempt 2"),
        ({"for": "call", "tool": "t", "attempt": 1, "key": "k", "left": True}, "was left, and waits for t, attempt 1"),
        ({"for": "undo", "tool": "t", "attempt": 1, "key": "k"}, "is undone by t, attempt 1"),
        ({"for": "retry", "tool": "t", "attempt": 1, "due": timestamp(NOW + 9)}, "calls t again in 9s"),
        ({"for": "states", "states": ["Ready", "Up"]}, "waits for Ready, Up"),
        ({"for": "signal", "signal": "paid"}, "waits for signal paid"),
        ({"for": "condition", "if": "votes >= 2"}, "waits until votes >= 2 holds"),
        ({"for": "time", "due": timestamp(NOW + 7205)}, "goes on in 2h"),
        ({"for": "bodies", "done": 1, "failed": 0, "running": 2, "total": 3}, "1 of 3 done"),
        ({"for": "bodies", "done": 1, "failed": 1, "running": 1, "total": 3}, "1 of 3 done, 1 failed"),
        (
            {"for": "bodies", "done": 0, "failed": 1, "running": 2, "total": 3, "enough": 1},
            "0 of 3 done, 1 failed, 1 will do",
        ),
        ({"for": "nothing"}, "rests"),
        ({"for": "nothing", "since": timestamp(NOW - 3)}, "rests; since 3s"),
        (
            {"for": "states", "states": ["Up"], "limits": [{"purpose": "timeout", "due": timestamp(NOW + 5)}]},
            "waits for Up; times out in 5s",
        ),
        (
            {"for": "states", "states": ["Up"], "limits": [{"purpose": "deadline", "due": timestamp(NOW - 5)}]},
            "waits for Up; its deadline was 5s ago",
        ),
        (
            {"for": "states", "states": ["Up"], "limits": [{"purpose": "deadline", "due": timestamp(NOW + 5)}]},
            "waits for Up; its deadline is in 5s",
        ),
        (
            {"for": "states", "states": ["Up"], "limits": [{"purpose": "timeout", "due": timestamp(NOW - 56)}]},
            "waits for Up; its time was up 56s ago",
        ),
    ],
)
def test_a_wait_is_told(wait: dict[str, Any], text: str) -> None:
    assert told({"node": "n", **wait}, NOW) == text


FAN = """\
trellis: 1
name: fan
start: fan
fields:
  env: {type: string, optional: true}
tools:
  go: {python: "tools:go"}
nodes:
  fan:
    all:
      left: {do: go, timeout: 5m}
      right: {start: ask, nodes: {ask: {ask: {text: env}, timeout: 1h, to: $end}}}
    to: $end
"""


@pytest.fixture
def fan(tmp_path: Any) -> tuple[Graph, RunRow, list[dict[str, Any]]]:
    (tmp_path / "fan.yaml").write_text(FAN)
    graph = load(tmp_path / "fan.yaml", tools=())
    state = start(graph, RunStarted(NOW, "r", graph.hash)).state
    return graph, first_row(graph, state), waits(graph, state, {"fan.left": NOW})


def test_every_place_of_a_run_is_told(fan: tuple[Graph, RunRow, list[dict[str, Any]]]) -> None:
    assert [(wait["node"], told(wait, NOW)) for wait in fan[2]] == [
        ("fan", "0 of 2 done"),
        ("fan.left", "calls go, attempt 1; times out in 5m; since 0s"),
        ("fan.right.ask", "asks for env; times out in 1h"),
    ]


def test_a_race_is_told_with_how_few_will_do(tmp_path: Any) -> None:
    (tmp_path / "fan.yaml").write_text(FAN.replace("all:", "race:"))
    graph = load(tmp_path / "fan.yaml", tools=())
    first = waits(graph, start(graph, RunStarted(NOW, "r", graph.hash)).state, {})[0]
    assert first == {"node": "fan", "for": "bodies", "done": 0, "failed": 0, "running": 2, "total": 2, "enough": 1}
    assert told(first, NOW) == "0 of 2 done, 1 will do"


def test_a_list_tells_it_in_a_few_words(fan: tuple[Graph, RunRow, list[dict[str, Any]]]) -> None:
    from msgspec.structs import replace

    graph, row, _ = fan
    assert brief(row, graph, NOW) == "under way"
    assert brief(replace(row, wake=NOW + 60), graph, NOW) == "fan.left calls go, fan.right.ask asks env, due in 1m"
    assert brief(replace(row, wake=NOW - 60), graph, NOW).endswith(", due 1m ago")
    assert brief(replace(row, wake=None), graph, NOW) == "fan.left is uncertain, fan.right.ask asks env"
    assert brief(replace(row, wake=None), None, NOW) == "at fan, fan.left, fan.right.ask"
    assert brief(replace(row, status="completed"), graph, NOW) == ""


def test_columns_line_up_and_end_with_their_text() -> None:
    assert columns([("a", "bbb", "c"), ("aaaa", "b", "")], indent=2) == "  a     bbb  c\n  aaaa  b"
    assert columns([]) == ""
