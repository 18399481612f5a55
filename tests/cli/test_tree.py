"""The tree of a run: what stands on the screen at a moment, and what stays when a node is done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trellis.cli.cells import cells, cut
from trellis.cli.rows import Painter, Room, elapsed
from trellis.cli.tree import Tree
from trellis.cli.words import PLAIN, Words
from trellis.model.graph import Join, Node

WIDE = Room(60, 20)


class Told:
    """A tree that is told lines at times, and what it shows."""

    def __init__(self, words: Words | None = None, progress: Callable[[str], Any] = lambda _: None) -> None:
        nodes = {
            "both": Node("both", "race", join=Join("count", 1)),
            "inner": Node("inner", "use"),
            "inner.hello": Node("hello", "say"),
        }
        self.tree = Tree(nodes.get)
        self.painter = Painter(words or Words(), progress, lambda path: f"waits for {path}")
        self.stays: list[str] = []
        self.now = 0.0

    def __call__(self, now: float, type: str, node: str = "", /, **facts: Any) -> None:
        self.now = now
        finished = self.tree.fold({"type": type, **({"node": node} if node else {}), **facts}, now)
        if finished is not None:
            self.stays += self.painter.finished(finished, 60)

    def call(self, now: float, node: str, tool: str = "work", attempt: int = 1) -> None:
        if attempt == 1:
            self(now, "node.entered", node)
        self(now, "tool.called", node, tool=tool, attempt=attempt)

    def back(self, now: float, node: str, error: str = "") -> None:
        code, _, message = error.partition(": ")
        self(now, "tool.returned", node, **({"error": {"code": code, "message": message}} if error else {"value": 1}))

    def again(self, now: float, node: str, due: int) -> None:
        at = "2030-01-01T00:00:"
        self(now, "timer.set", node, purpose="retry", at=f"{at}00Z", due=f"{at}{due:02}Z")

    def screen(self, now: float, room: Room = WIDE) -> list[str]:
        return self.painter.live(self.tree, now, room)


def test_a_node_shows_its_tool_its_attempt_and_how_long_it_works() -> None:
    run = Told()
    run.call(1, "build", "ops.create")
    assert run.screen(1.4) == ["→ build  ops.create  0.4s"]
    run.back(2, "build", "busy: later")
    run.again(2, "build", 3)
    assert run.screen(4.5) == ["… build  ops.create  busy: later; attempt 2 in 0.5s  3.5s"]
    run.call(5, "build", "ops.create", attempt=2)
    assert run.screen(13) == ["→ build  ops.create  attempt 2  12s  busy: later"]
    run.back(14, "build")
    run(14, "fields.changed", fields={"server": {"id": "s-1"}, "token": "***"})
    run(14, "node.left", "build")
    assert run.stays == ['✓ build  ops.create  attempt 2  13s  server={"id":"s-1"}, t…']
    assert run.screen(15) == []


def test_branches_stand_below_their_node_with_their_last_node() -> None:
    run = Told()
    run(0, "node.entered", "both")
    run.call(0, "both.fetch.take")
    run.call(0, "both.look")
    run.back(0.5, "both.fetch.take")
    run(0.5, "node.left", "both.fetch.take")
    run.call(0.5, "both.fetch.send", "mail")
    run.back(0.7, "both.look", "gone: not there")
    run(0.7, "node.left", "both.look")
    assert run.screen(0.9) == [
        "→ both  0 of 2 done, 1 failed  0.9s",
        "├ → fetch.send  mail  0.4s",
        "└ ✗ look  work  gone: not there",
    ]
    run(2, "node.left", "both.fetch.send")
    run(2, "node.left", "both")
    assert run.stays == [
        "- both  0 of 2 done, 1 failed  left  2.0s",
        "├ - fetch.send  mail  left  1.5s",
        "└ ✗ look  work  gone: not there",
    ]


def test_who_lost_a_race_was_left_and_the_race_was_not() -> None:
    run = Told()
    run(0, "node.entered", "both")
    run.call(0, "both.near")
    run.call(0, "both.far")
    run(0, "node.entered", "both.slow")
    run.back(0, "both.near")
    for path in ("both.near", "both.far", "both"):
        run(0, "node.left", path)
    assert run.stays == ["✓ both  1 of 3 done", "├ ✓ near  work", "├ - far  work  left", "└ - slow  left"]


def test_trees_stand_in_trees() -> None:
    run = Told(Words(PLAIN))
    run(0, "node.entered", "a")
    run(0, "node.entered", "a.b")
    run.call(0, "a.c")
    run.call(0, "a.b[0]")
    run(0, "node.entered", "a.b[1]")
    run(0, "node.entered", "a.b[1].x")
    assert run.screen(1) == [
        "-> a  0 of 2 done  1.0s",
        "|- -> b  0 of 2 done  1.0s",
        "|  |- -> [0]  work  1.0s",
        "|  `- -> [1]  0 of 1 done  1.0s",
        "|     `- ... x  waits for a.b[1].x  1.0s",
        "`- -> c  work  1.0s",
    ]


def test_many_branches_are_counted() -> None:
    run = Told(progress=lambda path: (2, 1, 500) if path == "many" else None)
    run(0, "node.entered", "many")
    for index in range(12):
        run.call(0, f"many[{index}]")
    for index in range(3):
        run.back(1, f"many[{index}]", "odd: no" if index == 1 else "")
        run(1, "node.left", f"many[{index}]")
    assert run.screen(2) == [
        "→ many  2 of 500 done, 1 failed  2.0s",
        "├ ✗ [1]  work  1.0s  odd: no",
        "├ → [3]  work  2.0s",
        "├ → [4]  work  2.0s",
        "├ → [5]  work  2.0s",
        "├ → [6]  work  2.0s",
        "└ … 5 more",
    ]
    for index in range(3, 12):
        run.back(3, f"many[{index}]")
        run(3, "node.left", f"many[{index}]")
    run(3, "node.left", "many")
    assert run.stays == ["✓ many  11 of 12 done, 1 failed  3.0s", "└ ✗ [1]  work  1.0s  odd: no"]


def test_a_wide_node_keeps_no_more_rows_than_it_shows() -> None:
    run = Told()
    run(0, "node.entered", "many")
    for index in range(1000):
        run.call(0, f"many[{index}]")
        run.back(0, f"many[{index}]")
        run(0, "node.left", f"many[{index}]")
    assert run.tree.root is not None
    assert len(run.tree.root.rows) <= 8
    assert run.screen(1)[0] == "→ many  1000 of 1000 done  1.0s"


def test_a_visit_that_begins_again_is_a_new_row() -> None:
    run = Told()
    for now in (0, 1):
        run.call(now, "loop")
        run.back(now, "loop")
        run(now, "node.left", "loop")
    run.call(2, "loop")
    assert run.stays == ["✓ loop  work", "✓ loop  work"]
    assert run.screen(2.5) == ["→ loop  work  0.5s"]


def test_what_is_being_undone_is_shown_until_it_is() -> None:
    run = Told()
    run(0, "undo.started", "build", tool="ops.delete")
    run(0, "tool.called", "build", tool="ops.delete", attempt=1)
    assert run.screen(1) == ["↶ undo build  ops.delete  1.0s"]
    run(2, "undo.done", "build")
    assert run.screen(2) == []


def test_what_is_open_at_the_end_stays_as_it_was() -> None:
    run = Told()
    run.call(0, "build")
    run.back(0, "build", "denied: not yours")
    run(0, "run.finished", status="denied")
    assert run.stays == ["✗ build  work  denied: not yours"]


def test_an_error_stays_whole_and_all_else_is_cut() -> None:
    run = Told()
    run.call(0, "a")
    run.back(0, "a", "odd: " + "x" * 100)
    assert run.screen(0.5, Room(20, 5)) == ["→ a  work  0.5s  od…"]
    run(0, "node.entered", "c")
    run.call(0, "c.a")
    run.back(0, "c.a", "odd: " + "x" * 100)
    run(0, "node.left", "c.a")
    run.call(0, "c.b")
    assert run.screen(0.5, Room(20, 5))[1] == "├ ✗ a  work  odd: x…"
    run.call(0, "a")
    run.back(0, "a", "odd: " + "x" * 100)
    run(0, "node.left", "a")
    assert run.stays == ["✗ a  work  odd: " + "x" * 100]


def test_what_does_not_fit_in_the_height_is_counted() -> None:
    run = Told()
    run(0, "node.entered", "both")
    for name in "abcd":
        run.call(0, f"both.{name}")
    assert run.screen(1, Room(60, 3)) == ["→ both  0 of 4 done  1.0s", "├ → a  work  1.0s", "… 3 more"]


def test_nothing_of_data_steers_the_terminal() -> None:
    run = Told()
    run.call(0, "a")
    run(0, "fields.changed", fields={"f": "\x1b[2J\x9b\r\n"})
    run.back(0, "a", "odd: \x1b[31m\nred")
    run(0, "node.left", "a")
    assert run.stays == ['✗ a  work  odd: �[31m red  f="\\u001b[2J�\\r\\n"']


@pytest.mark.parametrize(
    ("text", "width"),
    [("abc", 3), ("é", 1), ("e\u0301", 1), ("日本", 4), ("🙂", 2), ("❤\ufe0f", 2), ("👩‍💻", 4), ("", 0)],
)
def test_texts_take_so_many_columns(text: str, width: int) -> None:
    assert cells(text) == width


@given(st.text(), st.integers(min_value=0, max_value=40))
def test_a_text_is_cut_to_what_fits(text: str, width: int) -> None:
    shown = cut(text, width)
    assert cells(shown) <= width
    assert shown == text or width == 0 or (shown.endswith("…") and text.startswith(shown[:-1]))


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0, "0.0s"), (0.44, "0.4s"), (9.94, "9.9s"), (9.96, "10s"), (61, "1m 1s"), (9660, "2h 41m")]
)
def test_lengths_of_time_are_short(seconds: float, shown: str) -> None:
    assert elapsed(seconds) == shown


def test_a_question_stands_until_it_is_answered_and_a_reminder_is_no_call_of_its_node() -> None:
    run = Told()
    run(0, "node.entered", "live")
    run(0, "ask", "live", field="go", kind="confirm")
    run(1, "tool.called", "live", tool="mail", attempt=1, purpose="remind")
    assert run.screen(2) == ["? live  asks for go (yes or no)  2.0s"]
    run(2, "tool.called", "live", tool="work", attempt=1)
    assert run.screen(3) == ["→ live  work  3.0s"]


@given(st.integers(min_value=0, max_value=30), st.integers(min_value=1, max_value=8))
def test_a_terminal_of_any_size_has_room(width: int, height: int) -> None:
    run = Told()
    for path in ("a", "a.b", "a.b.c", "a.b.c.d"):
        run(0, "node.entered", path)
    run.call(0, "a.b.c.d.日本")
    lines = run.screen(1, Room(width, height))
    assert 1 <= len(lines) <= height
    assert all(cells(line) <= max(width, 11) for line in lines)  # as much as guides and a mark take


def test_a_graph_that_is_used_shows_its_nodes_and_counts_no_branches() -> None:
    run = Told()
    run.call(0, "inner", "inner.yaml")
    run(0, "node.entered", "inner.hello")
    run(0, "node.left", "inner.hello")
    run.call(0, "inner.work")
    assert run.screen(1) == ["→ inner  inner.yaml  1.0s", "└ → work  work  1.0s"]
