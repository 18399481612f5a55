"""Graphs that use graphs: each file is one graph, however many use it, and its faults are told at its own places."""

from __future__ import annotations

from pathlib import Path

import pytest

from trellis.errors import InvalidGraph
from trellis.project import load, validate

CHILD = "trellis: 1\nname: c\nfields: {n: {type: integer}}\nnodes: {a: {end: {status: ok, result: n + 1}}}\n"


def written(folder: Path, **files: str) -> Path:
    (folder / "trellis.toml").touch()
    for name, text in files.items():
        path = folder / f"{name.replace('__', '/')}.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return folder / "p.yaml"


def using(*paths: str, more: str = "with: {n: 1}") -> str:
    nodes = "".join(
        f"  u{place}: {{use: {path}, {more}, to: {f'u{place + 1}' if place + 1 < len(paths) else '$end'}}}\n"
        for place, path in enumerate(paths)
    )
    return f"trellis: 1\nname: p\nstart: u0\nnodes:\n{nodes}"


def told(path: Path) -> list[str]:
    return [str(problem).replace(f"{path.parent}/", "") for problem in validate([path])]


def test_a_graph_that_is_used_is_the_one_that_its_file_is_alone(tmp_path: Path) -> None:
    middle = using("../c.yaml").replace("name: p", "name: m")
    path = written(tmp_path, p=using("./x/m.yaml", more="with: {}"), x__m=middle, c=CHILD)
    graph = load(path, cache=False)
    assert list(graph.definition.uses) == ["x/m.yaml", "c.yaml"]
    found = {used.name: used for used in graph.all_used()}
    for name, file in (("m", "x/m.yaml"), ("c", "c.yaml")):
        alone = load(tmp_path / file, cache=False)
        assert (found[name].hash, found[name].source) == (alone.hash, str(tmp_path / file))


def test_graphs_may_use_each_other_and_themselves(tmp_path: Path) -> None:
    path = written(tmp_path, p=using("./p.yaml", "./q.yaml", more="with: {}"), q=using("./p.yaml", more="with: {}"))
    graph = load(path, cache=False)
    assert sorted(graph.definition.uses) == ["p.yaml", "q.yaml"]
    use = graph.definition.nodes["u0"].use
    assert use is not None
    assert graph.used(use) == graph
    assert [used.source for used in graph.all_used()] == [str(tmp_path / "q.yaml")]


def test_a_cached_graph_is_compiled_anew_when_what_it_uses_changes(tmp_path: Path) -> None:
    path = written(tmp_path, p=using("./c.yaml"), c=CHILD)
    before = load(path)
    assert load(path) == before
    (tmp_path / "c.yaml").write_text(CHILD.replace("n + 1", "n + 2"))
    assert load(path) != before
    (tmp_path / "c.yaml").write_text("trellis: 1\n")
    with pytest.raises(InvalidGraph):
        load(path)


def test_equal_graphs_in_two_folders_name_what_they_use_from_where_they_are(tmp_path: Path) -> None:
    (tmp_path / "trellis.toml").touch()
    for name in ("one", "two"):
        path = tmp_path / name / "p.yaml"
        path.parent.mkdir()
        path.write_text(using("./c.yaml"))
        path.with_name("c.yaml").write_text(CHILD)
        assert list(load(path).definition.uses) == [f"{name}/c.yaml"]
        assert load(path) == load(path, cache=False)


def test_errors_of_what_is_used_are_told_where_they_are_and_its_warnings_are_its_own(tmp_path: Path) -> None:
    path = written(tmp_path, p=using("./c.yaml"), c=CHILD.replace("n + 1", "m + 1"))
    assert [line.partition(" (")[0] for line in told(path)] == ["c.yaml:4:39: E211 no field named 'm'"]
    assert [problem.code for problem in validate([written(tmp_path, p=CHILD)])] == ["W303"]
    assert told(written(tmp_path, p=using("./c.yaml"), c=CHILD)) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (using("./d.yaml"), "p.yaml:5:13: E230 cannot read './d.yaml': no such file or directory"),
        (using("./s.yaml"), "p.yaml:5:13: E230 './s.yaml' is a state schema, not a graph"),
        (using("./t.test.yaml"), "p.yaml:5:13: E230 './t.test.yaml' is a test, not a graph"),
        (using("./c.yaml", more="with: {}"), "p.yaml:5:13: E230 'u0' gives no 'n', which './c.yaml' needs at start"),
        (using("./c.yaml", more="with: {n: 1, m: 2}"), "p.yaml:5:36: E211 './c.yaml' has no field 'm'"),
        (using("./c.yaml", more="with: {n: no number}"), "p.yaml:5:33: E402 field 'n': expected integer, found string 'no number'"),
    ],
)  # fmt: skip
def test_a_use_that_cannot_be_is_told(tmp_path: Path, text: str, said: str) -> None:
    schema = "trellis: 1\nname: s\nstates: {A: {}}\n"
    path = written(tmp_path, p=text, c=CHILD, s=schema)
    (tmp_path / "t.test.yaml").write_text("trellis: 1\n")
    assert [line.partition(" (")[0] for line in told(path)] == [said]


def test_no_use_leads_out_of_the_project(tmp_path: Path) -> None:
    (tmp_path / "out.yaml").write_text(CHILD)
    inside = tmp_path / "project"
    inside.mkdir()
    (said,) = told(written(inside, p=using("../out.yaml")))
    assert "E230 cannot read '../out.yaml': it leads outside the project's root" in said


def test_a_secret_goes_whole_into_a_secret_and_nowhere_else(tmp_path: Path) -> None:
    child = CHILD.replace(
        "{n: {type: integer}}", "{n: {type: integer}, t: {type: string, secret: true}, o: {type: any, optional: true}}"
    )
    fields = "fields: {k: {type: string, secret: true, from: env:K}}\nnodes:"
    good = using("./c.yaml", more='with: {n: 1, t: "{{ k }}"}').replace("nodes:", fields)
    assert told(written(tmp_path, p=good, c=child)) == []
    bad = using("./c.yaml", more='with: {n: 1, t: open, o: ["{{ k }}"]}').replace("nodes:", fields)
    assert [line.partition(" (")[0] for line in told(written(tmp_path, p=bad))] == [
        "p.yaml:6:39: E404 't' of './c.yaml' is secret, and this is not",
        "p.yaml:6:48: E404 a secret would come to stand in 'o' of './c.yaml', which is none",
    ]
