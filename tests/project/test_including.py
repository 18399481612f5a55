"""Documents that a graph or a state schema names: found from its folder, read once, told of where they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from trellis.errors import InvalidGraph
from trellis.model.states import DeclaredState
from trellis.project import load, load_states, validate
from trellis.project.including import MOST

GRAPH = """trellis: 1
name: g
schema: ../schemas/line.yaml
states: {Mine: {require: [Up]}}
nodes: {n: {set: {add: [Up]}, to: $end}}
"""
LINE = """trellis: 1
name: line
extends: [basic, ./more/deep.yaml]
states: {Up: {require: [Start]}}
groups: {Line: [Up, Down]}
"""
DEEP = """trellis: 1
states:
  Down: {auto: true, remove: [Up], enter_if: tries < 5}
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "trellis.toml").touch()
    for name, text in {"graphs/g.yaml": GRAPH, "schemas/line.yaml": LINE, "schemas/more/deep.yaml": DEEP}.items():
        write(tmp_path, name, text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


def told(*paths: str) -> list[str]:
    return [str(problem) for problem in validate(paths)]


def test_the_states_of_all_documents_come_together(project: Path) -> None:
    write(project, "graphs/g.yaml", GRAPH.replace("states:", "fields: {tries: {type: integer, default: 0}}\nstates:"))
    found = load("graphs/g.yaml").definition
    assert list(found.states)[-3:] == ["Down", "Up", "Mine"]
    assert found.states["Down"] == DeclaredState(auto=True, remove=("Up",), enter_if="tries < 5")
    assert found.groups == {"Line": ("Up", "Down")}


def test_what_is_wrong_in_another_document_is_told_there(project: Path) -> None:
    write(project, "schemas/line.yaml", LINE.replace("[Start]", "[Strat]").replace("Line:", "9: "))
    write(project, "schemas/more/deep.yaml", DEEP.replace("{auto", "{color: red, auto"))
    assert told("graphs/g.yaml") == [
        "schemas/line.yaml:4:25: E501 no state named 'Strat' (did you mean 'Start'?)",
        "schemas/line.yaml:5:10: E110 keys are texts, found integer 9 (quote it)",
        "schemas/more/deep.yaml:3:10: E201 unknown key 'color' of a state",
        "schemas/more/deep.yaml:3:58: E211 no field named 'tries' (declare it: fields: {tries: {type: …}})",
    ]


def test_a_document_that_two_files_name_is_told_of_once(project: Path) -> None:
    write(project, "schemas/line.yaml", LINE.replace("[Start]", "[Strat]"))
    write(project, "schemas/more/deep.yaml", DEEP.replace(", enter_if: tries < 5", ""))
    assert told("graphs/g.yaml", "schemas/line.yaml", "schemas/line.yaml") == [
        "schemas/line.yaml:4:25: E501 no state named 'Strat' (did you mean 'Start'?)"
    ]


def test_a_name_that_leads_nowhere_is_told_where_it_stands(project: Path) -> None:
    text = """trellis: 1
schema: ../schemas/lime.yaml
extends: [basics, connected, ./basic, ../graphs, ../../outside.yaml, /etc/hostname, zzz]
nodes: {n: {wait: {states: [Anything]}, to: $end}}
"""
    write(project, "graphs/h.yaml", text)
    hint = "(a path begins at the folder of the file that names it)"
    assert told("graphs/h.yaml") == [
        "graphs/h.yaml:2:9: E506 cannot read '../schemas/lime.yaml': no such file or directory (did you mean 'line.yaml'?)",
        "graphs/h.yaml:3:11: E506 no states named 'basics' to extend (did you mean 'basic'?)",
        f"graphs/h.yaml:3:30: E506 cannot read './basic': no such file or directory {hint}",
        f"graphs/h.yaml:3:39: E506 cannot read '../graphs': it is a folder {hint}",
        f"graphs/h.yaml:3:50: E506 cannot read '../../outside.yaml': it leads outside the project's root {project} {hint}",
        f"graphs/h.yaml:3:70: E506 cannot read '/etc/hostname': it leads outside the project's root {project} {hint}",
        "graphs/h.yaml:3:85: E506 no states named 'zzz' to extend (built in are basic, connected, pool, disposed; a path is written ./zzz.yaml)",
    ]


def test_a_link_does_not_lead_out_of_the_project(project: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside")
    write(outside, "line.yaml", LINE)
    (project / "schemas" / "line.yaml").unlink()
    (project / "schemas" / "line.yaml").symlink_to(outside / "line.yaml")
    assert told("graphs/g.yaml") == [
        f"graphs/g.yaml:3:9: E506 cannot read '../schemas/line.yaml': it leads outside the project's root {project} (a path begins at the folder of the file that names it)"
    ]


def test_a_project_inside_the_project_is_inside_it(project: Path) -> None:
    (project / "schemas" / "pyproject.toml").touch()
    assert [line.partition(" (")[0] for line in told("graphs/g.yaml")] == [
        "schemas/more/deep.yaml:3:46: E211 no field named 'tries'"
    ]


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("graph.yaml", "trellis: 1\nstates: {A: {}}\nnodes: {n: {to: $end}}\n", "graph"),
        ("tools.yaml", "trellis: 1\ntools: {t: {python: 'a:b'}}\n", "tool catalogue"),
        ("line.test.yaml", "trellis: 1\nstates: {A: {}}\n", "test"),
    ],
)
def test_only_state_schemas_have_states_for_others(project: Path, name: str, text: str, kind: str) -> None:
    write(project, f"schemas/{name}", text)
    write(project, "graphs/g.yaml", GRAPH.replace("line.yaml", name))
    hint = "(only state schemas have states for others: documents with `states` and without `nodes`)"
    assert told("graphs/g.yaml") == [
        f"graphs/g.yaml:3:9: E506 '../schemas/{name}' is a {kind}, not a state schema {hint}"
    ]


def test_documents_that_extend_each_other_are_refused(project: Path) -> None:
    write(project, "schemas/a.yaml", "trellis: 1\nextends: [./b.yaml]\nstates: {A: {}}\n")
    write(project, "schemas/b.yaml", "trellis: 1\nextends: [../schemas/c.yaml]\nstates: {B: {}}\n")
    write(project, "schemas/c.yaml", "trellis: 1\nextends: [./b.yaml]\nstates: {C: {}}\n")
    write(project, "schemas/self.yaml", "trellis: 1\nextends: [./self.yaml]\nstates: {S: {}}\n")
    assert told("schemas/a.yaml") == [
        "schemas/c.yaml:2:11: E506 these extend each other: schemas/b.yaml → schemas/c.yaml → schemas/b.yaml (let one of them go without the other)"
    ]
    assert told("schemas/self.yaml") == [
        "schemas/self.yaml:2:11: E506 this extends itself (let one of them go without the other)"
    ]


def test_a_document_may_be_named_by_many(project: Path) -> None:
    for place in range(30):
        write(project, f"schemas/s{place}.yaml", f"trellis: 1\nextends: [./s{place + 1}.yaml, ./s{place + 1}.yaml]\n")
    write(project, "schemas/s30.yaml", "trellis: 1\nstates: {A: {}}\n")
    assert load_states("schemas/s0.yaml") == ({"A": DeclaredState()}, {}, "s0")


def test_not_more_than_so_many_documents_are_read(project: Path) -> None:
    for place in range(MOST + 2):
        write(project, f"schemas/s{place}.yaml", f"trellis: 1\nextends: [./s{place + 1}.yaml]\n")
    assert told("schemas/s0.yaml") == [
        f"schemas/s{MOST}.yaml:2:11: E506 cannot read './s{MOST + 1}.yaml': more than {MOST} documents are named, by whatever way (a path begins at the folder of the file that names it)"
    ]


def test_a_document_that_cannot_be_read_hides_no_other_problem_and_makes_none(project: Path) -> None:
    write(project, "schemas/line.yaml", "states: [")
    write(project, "graphs/g.yaml", GRAPH.replace("$end", "ed"))
    assert told("graphs/g.yaml") == [
        "graphs/g.yaml:5:35: E204 no node named 'ed' (did you mean '$end'?)",
        "schemas/line.yaml:2:1: E101 the file ends inside an open bracket (close it)",
    ]


def test_a_graph_takes_part_in_the_schemas_states_all_the_same(project: Path) -> None:
    write(project, "schemas/line.yaml", "trellis: 1\nstates: {Up: {require: [n]}, n: {}}\n")
    write(project, "graphs/g.yaml", GRAPH)
    assert [line.partition(" (")[0] for line in told("graphs/g.yaml")] == [
        "graphs/g.yaml:5:9: E502 'n' is both a node and a state"
    ]


# State schemas by themselves


def test_a_state_schema_is_validated_as_what_it_is(project: Path) -> None:
    assert told("schemas/line.yaml", "schemas/more/deep.yaml") == [
        "schemas/more/deep.yaml:3:31: E501 no state named 'Up' (declare it: states: {Up: {}})"
    ]
    states, groups, name = load_states("schemas/line.yaml")
    assert (list(states)[-2:], groups, name) == (["Down", "Up"], {"Line": ("Up", "Down")}, "line")


def test_fields_tools_and_signals_of_a_schema_are_those_of_whoever_uses_it(project: Path) -> None:
    text = """trellis: 1
name: s
states:
  A:
    enter_if: tries < 5 and (
    exit_if: tries + "x" > level
    entered: {do: anything, with: {x: "{{ some.field }}"}, save: field, upon: {sig: $end}}
    exited: {ask: {choice: env}}
tools: {t: {python: "a:b"}}
"""
    write(project, "schemas/s.yaml", text)
    assert told("schemas/s.yaml") == [
        "schemas/s.yaml:5:15: E401 cannot read `tries < 5 and (`: '(' was never closed (at character 15)",
        "schemas/s.yaml:9:1: E201 unknown key 'tools' of a state schema (the graph that uses it declares them)",
    ]


def test_a_node_is_required_in_the_states_of_its_graph(project: Path) -> None:
    write(project, "schemas/s.yaml", "trellis: 1\nstates: {A: {require: [build]}}\n")
    assert told("schemas/s.yaml") == [
        "schemas/s.yaml:2:24: E501 no state named 'build' (declare it: states: {build: {}})"
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (GRAPH, "1:1: E118 this is a graph, not a state schema (a state schema has `states`, or `extends`, and no `nodes`)"),
        (
            "trellis: 1\ntools: {}\n",
            "1:1: E118 this is a tool catalogue, not a state schema (a state schema has `states`, or `extends`, and no `nodes`)",
        ),
        ("", "1:1: E108 the file holds no document (begin with `trellis: 1`)"),
        ("trellis: 1\nstates: {A: {auto: 1}}\n", "2:20: E202 'auto': expected boolean, found integer 1"),
        ("trellis: 1\ncomponents: {a: {}}\n", "2:1: E201 unknown key 'components' of a document (not available in this version)"),
    ],
)  # fmt: skip
def test_what_is_no_sound_state_schema_is_refused(project: Path, text: str, problem: str) -> None:
    write(project, "x.yaml", text)
    with pytest.raises(InvalidGraph) as caught:
        load_states("x.yaml")
    assert [str(found) for found in caught.value.problems] == [f"x.yaml:{problem}"]


def test_an_absent_state_schema_is_refused() -> None:
    with pytest.raises(InvalidGraph) as caught:
        load_states("no.yaml")
    assert [str(found).partition(" cannot")[0] for found in caught.value.problems] == ["no.yaml:1:1: E100"]


# What was compiled before


def test_a_graph_is_compiled_anew_when_a_document_that_it_names_changes(project: Path) -> None:
    write(project, "schemas/more/deep.yaml", DEEP.replace(", enter_if: tries < 5", ""))
    first = load("graphs/g.yaml")
    assert load("graphs/g.yaml").hash == first.hash
    write(project, "schemas/more/deep.yaml", DEEP.replace(", enter_if: tries < 5", "").replace("Down", "Below"))
    write(project, "schemas/line.yaml", LINE.replace("Down", "Below"))
    second = load("graphs/g.yaml")
    assert "Below" in second.definition.states
    assert second.hash != first.hash
    (project / "schemas/more/deep.yaml").unlink()
    with pytest.raises(InvalidGraph):
        load("graphs/g.yaml")


def test_a_graph_with_documents_is_compiled_once(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(project, "schemas/more/deep.yaml", DEEP.replace(", enter_if: tries < 5", ""))
    cold = load("graphs/g.yaml")

    def refuse(*_: object) -> None:
        raise AssertionError("this was compiled before")

    monkeypatch.setattr("trellis.project.workspace.Workspace.compile", refuse)
    assert load(project / "graphs" / "g.yaml").definition == cold.definition


def test_equal_graphs_in_two_folders_have_the_documents_of_their_own(project: Path) -> None:
    text = "trellis: 1\nname: g\nschema: ./s.yaml\nnodes: {n: {to: $end}}\n"
    for folder, state in (("one", "A"), ("two", "B")):
        write(project, f"{folder}/g.yaml", text)
        write(project, f"{folder}/s.yaml", f"trellis: 1\nstates: {{{state}: {{}}}}\n")
    assert [list(load(f"{folder}/g.yaml").definition.states) for folder in ("one", "two", "one")] == [
        ["A"],
        ["B"],
        ["A"],
    ]


def test_states_that_could_not_be_read_may_have_brought_what_is_awaited(project: Path) -> None:
    write(
        project,
        "graphs/g.yaml",
        "trellis: 1\nextends: [basic, ./no.yaml]\nnodes: {n: {wait: {states: [Start]}, to: $end}}\n",
    )
    assert [line.split(" ")[1] for line in told("graphs/g.yaml")] == ["E506"]
