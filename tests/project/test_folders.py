"""A folder goes wherever the file of a graph goes, and whatever is wrong with a file of it is told there."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from trellis.errors import InvalidGraph
from trellis.hosts.short import run
from trellis.model.documents import Gathered
from trellis.project import FileLoader, MemoryLoader, Workspace, cache, find_root, load, load_states, validate
from trellis.project import folders as limits
from trellis.project.below import documents_below

HEAD = "trellis: 1\nfields: {user: {type: string, default: you}}\n"
START = "---\nto: bye\n---\n\nHello {{ user }}.\n"
BYE = "say: Bye\nto: $end\n"
TOUR = {"graph.yaml": HEAD, "start.md": START, "bye.yaml": BYE}
NAMES = {f"tour/{name}": text for name, text in TOUR.items()}


@pytest.fixture
def tour(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "trellis.toml").touch()
    monkeypatch.chdir(tmp_path)
    return write(tmp_path / "tour", TOUR)


def write(folder: Path, files: dict[str, str]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text, "utf-8")
    return folder


def told(path: str = "tour", **options: object) -> list[str]:
    return [str(problem) for problem in validate([path], **options)]  # type: ignore[arg-type]


def test_a_folder_is_the_graph_that_one_file_would_be(tour: Path) -> None:
    one = tour.parent / "tour.yaml"
    one.write_text(
        'trellis: 1\nstart: start\nfields: {user: {type: string, default: you}}\nnodes:\n  start: {to: bye, say: "Hello {{ user }}."}\n'
        "  bye: {say: Bye, to: $end}\n"
    )
    graph = load("tour")
    assert graph == load(one)
    assert (graph.name, graph.source, told()) == ("tour", f"{tour}/", [])
    assert [load(path).source for path in ("tour/", "./tour", tour, f"{tour}//")] == [graph.source] * 4


def test_a_folder_runs_and_its_programs_run_in_it(tour: Path) -> None:
    write(tour, {"graph.yaml": f"{HEAD}tools: {{where: {{python: 'here:place'}}, shell: {{process: [pwd]}}}}\n"})
    write(tour, {"here.py": "def place(): return __file__\n", "bye.yaml": "do: where\nsave: user\nto: last\n"})
    write(tour, {"last.md": "---\ndo: shell\nto: $end\nsave: user\n---\n{{ user }}\n"})
    outcome = run("tour", allow=["process"])
    assert (outcome.status, outcome.fields["user"]) == ("completed", str(tour))


@pytest.mark.parametrize(("path", "shown"), [(".", ""), ("./", ""), ("../tour", "../tour/")])
def test_a_folder_is_named_from_inside_too(tour: Path, path: str, shown: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tour)
    assert load(path).source == f"{tour}/"
    (tour / "bye.yaml").write_text("say: Bye\nto: 1\n")
    assert told(path) == [f"{shown}bye.yaml:2:5: E202 'to': expected string or list, found integer 1 (quote it)"]


def test_a_folder_may_be_the_project_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, {**TOUR, "trellis.toml": ""})
    write(tmp_path / "other", {"start.yaml": "use: ..\nto: $end\n"})
    assert (find_root("."), load(".").source, load(".").name) == (tmp_path, f"{tmp_path}/", tmp_path.name)
    assert told(".") == []
    assert load("other").all_used()[0].source == f"{tmp_path}/"
    workspace = Workspace(FileLoader(tmp_path))
    before = workspace.compile(".").definition
    (tmp_path / "bye.yaml").write_text("say: Good bye\nto: $end\n")
    assert workspace.changed(["bye.yaml"]) == {"./"}
    after = workspace.compile(".").definition
    assert before is not None
    assert after is not None
    assert (before.nodes["bye"].say, after.nodes["bye"].say) == ("Bye", "Good bye")


def test_a_folder_uses_and_is_used_from_files_and_folders(tour: Path) -> None:
    root = tour.parent
    write(root, {"one.yaml": "trellis: 1\nnodes: {a: {use: ./tour, to: $end}}\n"})
    write(
        root / "inner", {"start.yaml": "use: ../tour/\nto: $end\n", "end.yaml": "trellis: 1\nnodes: {b: {to: $end}}\n"}
    )
    write(tour, {"bye.yaml": "use: ./states/other.yaml\nto: $end\n"})
    write(tour / "states", {"other.yaml": "trellis: 1\nnodes: {c: {use: ../../one.yaml, to: $end}}\n"})
    assert [
        sorted(used.source.removeprefix(str(root)) for used in load(path).all_used()) for path in ("inner", "one.yaml")
    ] == [
        ["/one.yaml", "/tour/", "/tour/states/other.yaml"],
        ["/tour/", "/tour/states/other.yaml"],
    ]
    assert run("inner").status == "failed"  # round and round, until a limit stops it
    (tour / "bye.yaml").write_text("say: hi {{ nobody }}\nto: $end\n")
    assert [line.partition(" ")[0] for line in told("inner")] == ["tour/bye.yaml:1:6:"]


def test_a_used_folder_that_is_none_is_told_where_it_is_used(tour: Path) -> None:
    write(tour, {"bye.yaml": "use: ../no\nto: $end\n"})
    assert told() == [
        "tour/bye.yaml:1:6: E230 cannot read '../no': no such file or directory (a path begins at the folder of the file that names it)"
    ]


def test_a_schema_may_lie_among_the_nodes(tour: Path) -> None:
    write(tour, {"graph.yaml": f"{HEAD}schema: ./states.yaml\n", "states.yaml": "trellis: 1\nstates: {Seen: {}}\n"})
    write(tour, {"bye.yaml": "say: Bye\nset: {add: [Sen]}\nto: $end\n"})
    assert told() == ["tour/bye.yaml:2:13: E501 no state named 'Sen' (did you mean 'Seen'?)"]
    assert list(load_states("tour/states.yaml")[0]) == ["Seen"]


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("tour/start.md", "tour/start.md:1:1: E118 this is a node, not a graph (name the folder that it is in)"),
        ("tour/bye.yaml", "tour/bye.yaml:1:1: E118 this is a node, not a graph (name the folder that it is in)"),
        (
            "tour/graph.yaml",
            "tour/graph.yaml:1:1: E203 missing key 'nodes' of a document (where they are in files beside it, name the folder)",
        ),
        ("empty", "empty:1:1: E203 this folder holds no node (write one, such as start.md or start.yaml)"),
    ],
)
def test_what_is_named_instead_of_the_folder_says_so(tour: Path, path: str, problem: str) -> None:
    (tour.parent / "empty").mkdir()
    assert told(path) == [problem]


def test_a_target_that_means_prose_says_what_that_lacks(tour: Path) -> None:
    (tour / "bye.yaml").unlink()
    write(tour, {"bye.md": "Bye\n", "other.md": "prose\n"})
    assert told() == [
        "tour/start.md:2:5: E204 no node named 'bye' (bye.md has no front matter: begin it with two lines ---)"
    ]


def test_a_folder_is_no_state_schema(tour: Path) -> None:
    with pytest.raises(InvalidGraph) as caught:
        load_states("tour")
    assert [str(problem) for problem in caught.value.problems] == [
        "tour:1:1: E118 this is a graph, not a state schema (a state schema has `states`, or `extends`, and no `nodes`)"
    ]


def linked(tour: Path) -> None:
    (tour.parent.parent / "outside.yaml").write_text(BYE)
    (tour / "bye.yaml").unlink()
    (tour / "bye.yaml").symlink_to(tour.parent.parent / "outside.yaml")


def circled(tour: Path) -> None:
    (tour / "bye.yaml").unlink()
    (tour / "bye.yaml").symlink_to("bye.yaml")


def dangling(tour: Path) -> None:
    (tour / "bye.yaml").unlink()
    (tour / "bye.yaml").symlink_to("nowhere.yaml")


def piped(tour: Path) -> None:
    (tour / "bye.yaml").unlink()
    os.mkfifo(tour / "bye.yaml")


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (linked, "it leads outside the project's root {root} (no path leaves the project)"),
        (circled, "Symlink loop from '{root}/tour/bye.yaml' (check the path)"),
        (dangling, "no such file or directory (check the path)"),
        (piped, "it is no plain file (write the graph to a file first)"),
    ],
)
def test_a_node_that_cannot_be_read_is_told_once(tour: Path, spoil: Callable[[Path], None], reason: str) -> None:
    spoil(tour)
    assert told() == [f"tour/bye.yaml:1:1: E100 cannot read this file: {reason.format(root=tour.parent)}"]


def test_links_inside_the_project_are_followed_and_subfolders_are_not(tour: Path) -> None:
    write(tour.parent / "shared", {"farewell.yaml": BYE})
    (tour / "bye.yaml").unlink()
    (tour / "bye.yaml").symlink_to("../shared/farewell.yaml")
    (tour.parent / "alias").symlink_to("tour")
    write(tour / "more.yaml", {"start.yaml": "nonsense"})
    assert (told(), told("alias"), load("alias").definition.nodes) == ([], [], load("tour").definition.nodes)


def test_a_folder_outside_of_the_project_is_not_read(tour: Path) -> None:
    outside = write(tour.parent.parent / "outside", TOUR)
    (tour.parent / "link").symlink_to(outside)
    assert told("link") == [
        f"link:1:1: E100 cannot read this folder: it leads outside the project's root {tour.parent} (no path leaves the project)"
    ]


def test_a_folder_has_at_most_so_many_files_and_so_many_octets(tour: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MOST", 2)
    assert told() == [
        "tour:1:1: E100 cannot read this folder: it holds 3 files of nodes, a graph has at most 2 (make several graphs of it, and `use` them)"
    ]
    monkeypatch.undo()
    monkeypatch.chdir(tour.parent)
    monkeypatch.setattr(limits, "SIZE", 50)
    assert told() == [
        (
            "tour:1:1: E100 cannot read this folder: its files have more than 0 MiB, as much as a document has at most "
            "(make several graphs of it, and `use` them)"
        )
    ]
    workspace = Workspace(FileLoader(tour.parent))
    for _ in range(3):  # whoever has read some of them already finds them no fewer
        assert [problem.code for problem in workspace.compile("tour").problems] == ["E100"]
        workspace.changed(["tour/end.yaml"])


def test_a_file_of_more_than_one_page_is_read_whole(tour: Path) -> None:
    (tour / "start.md").write_text(START + "and more " * 1000)
    say = load("tour").definition.nodes["start"].say
    assert isinstance(say, str)
    assert (len(say), say[-5:]) == (len("Hello {{ user }}.\nand more") + 9 * 999, " more")


@pytest.mark.parametrize(
    "edit",
    [
        lambda tour: (tour / "bye.yaml").write_text("say: Bye!\nto: $end\n"),
        lambda tour: (tour / "start.md").rename(tour / "start.yaml") and (tour / "start.yaml").write_text("to: bye\n"),
        lambda tour: (tour / "graph.yaml").unlink() or (tour / "start.md").write_text("---\nto: bye\n---\nHi\n"),
        lambda tour: (tour / "more.yaml").write_text("to: $end\n") and (tour / "start.md").write_text(START.replace("bye", "[{if: user == '', to: more}, {to: bye}]")),
    ],
)  # fmt: skip
def test_a_graph_is_kept_until_a_file_of_its_folder_changes_comes_or_goes(
    tour: Path, edit: Callable[[Path], object]
) -> None:
    made = []
    real = Workspace.compile

    def counted(self: Workspace, *args: object, **options: object) -> object:
        made.append(args)
        return real(self, *args, **options)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Workspace, "compile", counted)
        first = load("tour")
        assert (load("tour"), len(made)) == (first, 1)
        edit(tour)
        second = load("tour")
        assert (second == first, len(made)) == (False, 2)
        assert (load("tour"), len(made)) == (second, 2)
    assert cache.folder_of(tour.parent).is_dir()


def test_the_problems_of_a_folder_are_kept_for_those_who_call_it_alike(
    tour: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[object] = []
    real = Workspace.compile

    def counted(self: Workspace, *args: object) -> object:
        made.append(args)
        return real(self, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(Workspace, "compile", counted)
    write(tour, {"bye.yaml": "to: strat\nuse: ../inner\n"})
    write(tour.parent / "inner", {"start.yaml": "to: $end\ncolour: red\n"})
    expected = [
        "inner/start.yaml:2:1: E201 unknown key 'colour' of a node",
        "tour/bye.yaml:1:5: E204 no node named 'strat' (did you mean 'start'?)",
    ]
    assert (told(), told(), len(made)) == (expected, expected, 1)
    monkeypatch.chdir(tour)
    assert (told("."), len(made)) == ([f"../{expected[0]}", expected[1].removeprefix("tour/")], 2)
    monkeypatch.chdir(tour.parent)
    assert (told(tools=["t"]), len(made)) == (expected, 3)
    write(tour.parent / "inner", {"start.yaml": "to: $end\n"})
    assert (told(), len(made)) == (expected[1:], 4)
    for entry in cache.folder_of(tour.parent).iterdir():
        entry.write_bytes(entry.read_bytes()[:-1])
    assert (told(), len(made)) == (expected[1:], 5)
    write(tour, {"bye.yaml": BYE})
    assert (told(), told(), len(made)) == ([], [], 6)
    write(tour.parent, {"one.yaml": "trellis: 1\nnodes: {a: {to: $end}}\n"})
    assert (told("one.yaml"), told("one.yaml"), len(made)) == ([], [], 8)


def test_a_used_folder_that_changed_makes_a_kept_graph_stale(tour: Path) -> None:
    (tour.parent / "one.yaml").write_text("trellis: 1\nnodes: {a: {use: ./tour, to: $end}}\n")
    first = load("one.yaml")
    assert load("one.yaml") == first
    (tour / "bye.yaml").write_text("say: Bye!\nto: $end\n")
    assert load("one.yaml") != first


def test_folders_come_from_any_loader(tour: Path) -> None:
    loader = MemoryLoader(
        {**NAMES, "tour/deeper/start.yaml": "nonsense", "one.yaml": "trellis: 1\nnodes: {a: {use: tour, to: $end}}\n"}
    )
    assert load("tour", loader=loader) == load(tour)
    assert load("one.yaml", loader=loader).all_used() == [load(tour)]
    assert told("tour", loader=loader) == []
    loader.set("tour/bye.yaml", "ask: {text: user}\nto: [{if: user == '', to: strat}, {to: $end}]\n")
    assert told("tour", loader=loader) == ["tour/bye.yaml:2:27: E204 no node named 'strat' (did you mean 'start'?)"]
    assert told("nothing", loader=loader) == [
        "nothing:1:1: E100 cannot read this file: there is no document of that name"
    ]


def test_a_workspace_reads_only_the_files_that_changed(tour: Path) -> None:
    loader = MemoryLoader(NAMES)
    got: list[str] = []
    real = loader.get
    loader.get = lambda name: (got.append(name), real(name))[1]  # type: ignore[method-assign,func-returns-value]
    workspace = Workspace(loader)
    first = workspace.compile("tour")
    assert sorted(got) == ["tour", *sorted(NAMES)]
    got.clear()
    loader.set("tour/bye.yaml", "say: Bye!\nto: $end\n")
    assert workspace.compile("tour") is first
    assert workspace.changed(["tour/bye.yaml"]) == {"tour/"}
    second = workspace.compile("tour")
    assert second.definition != first.definition
    assert got == ["tour/bye.yaml"]
    loader.set("tour/more.yaml", "to: $end\n")
    assert workspace.changed(["tour/more.yaml"]) == {"tour/"}
    assert [problem.code for problem in workspace.compile("tour").problems] == ["E301"]
    loader.delete("tour/more.yaml")
    assert workspace.changed(["tour/more.yaml"]) == {"tour/"}
    assert workspace.compile("tour").definition == second.definition
    for name in NAMES:
        loader.delete(name)
    loader.set("tour", "trellis: 1\nnodes: {a: {to: $end}}\n")
    assert workspace.changed(["tour"]) == {"tour/"}
    assert workspace.compile("tour").problems == ()


def test_the_view_of_a_folder_is_that_of_one_document() -> None:
    workspace = Workspace(MemoryLoader(NAMES))
    view = workspace.alone("tour")
    assert view is not None
    assert isinstance(view.view.document, Gathered)


def test_a_file_is_a_part_of_a_folder_and_a_document_of_its_own_in_one_workspace() -> None:
    workspace = Workspace(MemoryLoader({**NAMES, "tour/other.yaml": "trellis: 1\nnodes: {b: {to: $end}}\n"}))
    assert workspace.compile("tour").problems == ()
    assert workspace.compile("tour/other.yaml").problems == ()
    assert [problem.code for problem in workspace.compile("tour/bye.yaml").problems] == ["E118"]
    workspace = Workspace(MemoryLoader(NAMES))
    assert [problem.code for problem in workspace.compile("tour/bye.yaml").problems] == ["E118"]
    assert workspace.compile("tour").problems == ()


@pytest.mark.parametrize("name", ["tour", ".hidden"])
def test_a_change_of_a_file_of_a_folder_is_told_by_its_name(tour: Path, name: str) -> None:
    folder = tour.rename(tour.parent / name)

    async def first_change() -> frozenset[str]:
        loader = FileLoader(tour.parent)
        assert Workspace(loader).compile(name).definition is not None
        changes = loader.watch()
        await anext(changes)
        (folder / "bye.yaml").write_text("say: Bye!\nto: $end\n")
        while not (names := (await anext(changes)).names):
            continue
        await changes.aclose()
        return names

    assert asyncio.run(asyncio.wait_for(first_change(), 10)) == {f"{name}/bye.yaml"}


def test_a_target_that_means_a_file_beside_a_whole_graph_says_why_it_is_none(tmp_path: Path) -> None:
    (tmp_path / "graph.yaml").write_text("trellis: 1\nstart: a\nnodes: {a: {to: bye}}\n")
    (tmp_path / "bye.yaml").write_text("to: $end\n")
    (tmp_path / "other.yaml").write_text("trellis: 1\nnodes: {a: {to: nowhere}}\n")
    assert [os.path.basename(path) for path in documents_below(str(tmp_path))] == ["graph.yaml", "other.yaml"]
    with pytest.raises(
        InvalidGraph, match=r"named 'bye' \(bye.yaml is none: graph.yaml has `nodes`, so it has all of them\)"
    ):
        load(tmp_path)
