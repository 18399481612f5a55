"""A file is a graph, or all its problems; what is no graph is told so."""

from __future__ import annotations

from pathlib import Path

import pytest

from trellis.errors import InvalidGraph
from trellis.project import load, validate

GOOD = """trellis: 1
name: good
start: a
nodes:
  a: {do: mail.send, to: b}
  b: {end: ok}
"""
BAD = """trellis: 1
start: a
nodes:
  a: {do: mail.send, to: bb}
  b: {say: hi, colour: red}
"""


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, "utf-8")
    return path


def told(path: Path, **options: object) -> list[str]:
    """The problems of a file that is refused, without its path."""
    with pytest.raises(InvalidGraph) as caught:
        load(path, **options)  # type: ignore[arg-type]
    return [str(problem).removeprefix(f"{path}:") for problem in caught.value.problems]


def test_a_graph_knows_where_it_was_read_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "g.yaml", GOOD)
    monkeypatch.chdir(tmp_path)
    graph = load("g.yaml")
    assert (graph.name, graph.source, list(graph.definition.nodes)) == ("good", str(tmp_path / "g.yaml"), ["a", "b"])


def test_every_problem_of_shape_and_of_meaning_is_told_at_once(tmp_path: Path) -> None:
    assert told(write(tmp_path, "g.yaml", BAD), tools=["mail"]) == [
        "4:11: E205 no tool named 'mail.send' (did you mean 'mail'?)",
        "4:26: E204 no node named 'bb' (did you mean 'b'?)",
        "5:3: E302 node 'b' has no way on (write to: $end)",
        "5:16: E201 unknown key 'colour' of a node",
    ]


def test_what_a_host_registers_is_a_tool(tmp_path: Path) -> None:
    path = write(tmp_path, "g.yaml", GOOD)
    assert load(path, tools=["mail.send"]) == load(path)
    assert told(path, tools=[]) == ["5:11: E205 no tool named 'mail.send' (declare it in `tools`)"]


def test_an_absent_file_is_told_as_a_problem(tmp_path: Path) -> None:
    assert told(tmp_path / "no.yaml") == ["1:1: E100 cannot read this file: no such file or directory (check the path)"]


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        (
            "s.yaml",
            "trellis: 1\nname: s\nstates: {A: {}}\n",
            "1:1: E118 this is a state schema, not a graph (only graphs run: give it `nodes`)",
        ),
        (
            "c.yaml",
            "trellis: 1\ncomponents: {a: {phases: [x]}}\n",
            "1:1: E118 this is a state schema, not a graph (only graphs run: give it `nodes`)",
        ),
        (
            "t.yaml",
            "trellis: 1\ntools: {t: {python: 'a:b'}}\n",
            "1:1: E118 this is a tool catalogue, not a graph (copy what you need into the `tools:` of a graph)",
        ),
        (
            "g.test.yaml",
            "trellis: 1\n",
            "1:1: E118 this is a test, not a graph (name the graph that it tests)",
        ),
    ],
)  # fmt: skip
def test_another_kind_of_document_is_named(tmp_path: Path, name: str, text: str, problem: str) -> None:
    path = write(tmp_path, name, text)
    assert told(path) == [problem]
    if "state schema" not in problem:
        assert [str(found) for found in validate([path])] == [f"{path}:{problem}"]


@pytest.mark.parametrize("key", ["fields: {}", "signals: {}", "limits: {}"])
def test_states_with_what_only_a_graph_has_are_a_graph_without_nodes_and_nothing_else(tmp_path: Path, key: str) -> None:
    text = f"trellis: 1\nname: g\nstates: {{A: {{auto: true}}}}\ntools: {{}}\n{key}\n"
    (problem,) = told(write(tmp_path, "g.yaml", text))
    assert problem.startswith("1:1: E203 missing key 'nodes' of a document")


def test_a_document_with_none_of_it_is_a_graph_without_nodes(tmp_path: Path) -> None:
    (problem,) = told(write(tmp_path, "g.yaml", "trellis: 1\nname: g\n"))
    assert problem.startswith("1:1: E203 missing key 'nodes'")


def test_validate_tells_of_warnings_and_of_what_cannot_be_read_sorted_by_file(tmp_path: Path) -> None:
    good = write(tmp_path, "b.yaml", GOOD.replace("{do: mail.send, to: b}", "{do: t, to: [{if: 1 > 2, to: b}]}"))
    empty = write(tmp_path, "a.yaml", "")
    absent = tmp_path / "c.yaml"
    assert [str(problem) for problem in validate([good, absent, empty], tools=["t"])] == [
        f"{empty}:1:1: E108 the file holds no document (begin with `trellis: 1`)",
        f"{good}:5:18: W304 if no condition of 'a' holds, it fails with no_edge (end the list with {{to: …}} without `if`)",
        f"{absent}:1:1: E100 cannot read this file: no such file or directory (check the path)",
    ]


def test_validate_knows_only_the_tools_it_is_told_of(tmp_path: Path) -> None:
    path = write(tmp_path, "g.yaml", GOOD)
    assert [problem.code for problem in validate([path])] == ["E205"]
    assert validate([path], tools=["mail.send"]) == []
    assert validate([path], tools=None) == []


@pytest.mark.parametrize(
    "data", [b"", b"\xff\xfe", b"a: [", b"- 1", b"5", b"nodes: 5", b"trellis: 1\nnodes: {a: 5}", b"a: &a [*a]"]
)
def test_whatever_is_in_a_file_it_has_a_problem_with_a_place(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "g.yaml"
    path.write_bytes(data)
    found = validate([path])
    assert found
    assert {problem.path for problem in found} == {str(path)}
    assert min(min(problem.line, problem.column) for problem in found) >= 1


def test_a_graph_with_warnings_alone_is_loaded_without_a_look_for_their_places(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "trellis: 1\nname: g\nfields: {n: {type: integer, default: 0}}\nnodes: {a: {to: [{if: n > 1, to: $end}]}}\n"
    (tmp_path / "g.yaml").write_text(text)
    assert [problem.code for problem in validate([tmp_path / "g.yaml"])] == ["W304"]
    (tmp_path / "bad.yaml").write_text(text.replace("$end", "b"))
    with pytest.raises(InvalidGraph) as refused:
        load(tmp_path / "bad.yaml", cache=False)
    assert [str(problem).removeprefix(str(tmp_path)).split(" ")[:2] for problem in refused.value.problems] == [
        ["/bad.yaml:4:17:", "W304"],
        ["/bad.yaml:4:34:", "E204"],
    ]

    def refuse(*_: object) -> None:
        raise AssertionError("nobody asked for places")

    monkeypatch.setattr("trellis.loaders.places.judge", refuse)
    assert load(tmp_path / "g.yaml", cache=False).name == "g"
