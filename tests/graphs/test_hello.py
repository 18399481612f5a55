"""graphs/hello.yaml: the smallest graph that says something, and what it needs no person for."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.graphs.golden import ROOT, matches, run, trace, trellis


@pytest.mark.covers("TR08")
def test_hello_greets_and_is_drawn(tmp_path: Path) -> None:
    lines = run("hello.yaml", "--set", "name=Ana", cwd=tmp_path)
    assert lines[-1]["status"] == "completed"
    assert [line["text"] for line in lines if line["type"] == "say"] == ["Hello, Ana!"]
    matches("hello.trace", trace(lines))
    matches("hello.mmd", trellis("graph", str(ROOT / "graphs/hello.yaml"), cwd=tmp_path))


def test_hello_greets_a_friend_where_nobody_is_named(tmp_path: Path) -> None:
    graph = str(ROOT / "graphs/hello.yaml")
    assert trellis("run", graph, "--store", "memory://", cwd=tmp_path) == "Hello, friend!\ncompleted\n"
