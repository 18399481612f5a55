"""Documents come from wherever a loader has them; what a workspace knows it does not ask for again."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from threading import Event, Thread

import pytest

from trellis import loaders
from trellis.errors import InvalidGraph, Unreadable, UsageError
from trellis.loaders import Reading
from trellis.project import FileLoader, Loader, MemoryLoader, Reload, Workspace, load, load_states, validate

GRAPH = "trellis: 1\nname: g\nschema: ../schemas/s.yaml\nnodes: {a: {use: ./c.yaml, with: {n: 1}, to: $end}}\n"
CHILD = "trellis: 1\nname: c\nfields: {n: {type: integer}}\nnodes: {a: {end: {status: ok, result: n + 1}}}\n"
STATES = "trellis: 1\nname: s\nstates: {Ready: {}}\n"
PROJECT = {"graphs/g.yaml": GRAPH, "graphs/c.yaml": CHILD, "schemas/s.yaml": STATES}


@pytest.mark.covers("TR03")
def test_a_graph_of_memory_is_the_one_of_files(tmp_path: Path) -> None:
    for name, text in PROJECT.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    held, kept = load("graphs/g.yaml", loader=MemoryLoader(PROJECT)), load("graphs/g.yaml", loader=FileLoader(tmp_path))
    assert (held.hash, held.definition, held.source) == (kept.hash, kept.definition, "")
    assert kept.source == str(tmp_path / "graphs" / "g.yaml")
    assert load("graphs/g.yaml", loader=FileLoader(tmp_path)) == kept
    assert load_states("schemas/s.yaml", loader=MemoryLoader(PROJECT)) == (
        {"Ready": held.definition.states["Ready"]},
        {},
        "s",
    )


def test_problems_call_documents_by_name() -> None:
    memory = MemoryLoader(
        {**PROJECT, "graphs/c.yaml": CHILD.replace("n + 1", "m"), "schemas/s.yaml": "trellis: 1\nstates: {A: {x: 1}}"}
    )
    with pytest.raises(InvalidGraph) as caught:
        load("graphs/g.yaml", loader=memory)
    told = [str(problem).partition(" (")[0] for problem in caught.value.problems]
    assert told == [
        "graphs/c.yaml:4:39: E211 no field named 'm'",
        "schemas/s.yaml:2:14: E201 unknown key 'x' of a state",
    ]
    assert validate(["graphs/g.yaml", "graphs/c.yaml"], loader=memory) == list(caught.value.problems)


def test_what_a_loader_does_not_have_is_a_problem() -> None:
    memory = MemoryLoader(PROJECT)
    with pytest.raises(InvalidGraph) as caught:
        load("graphs/h.yaml", loader=memory)
    assert str(caught.value) == (
        "graphs/h.yaml:1:1: E100 cannot read this file: there is no document of that name (did you mean 'graphs/g.yaml'?)"
    )
    with pytest.raises(Unreadable, match=r"^cannot read 'graphs': it is a folder \(name a file in it\)$"):
        memory.get("graphs")
    with pytest.raises(Unreadable, match=r"^cannot read '\.\./x\.yaml': there is no document of that name"):
        memory.get("../x.yaml")
    with pytest.raises(UsageError, match="is no name of a document"):
        memory.set("../x.yaml", "")


def test_a_loader_that_gives_no_octets_is_told_so() -> None:
    class Texts(MemoryLoader):
        def get(self, name: str) -> bytes:
            return super().get(name).decode()  # type: ignore[return-value]

    with pytest.raises(TypeError, match=r"^Texts\.get\('graphs/g\.yaml'\) gave str: give bytes$"):
        load("graphs/g.yaml", loader=Texts(PROJECT))


class Counting(MemoryLoader):
    """Remembers what it was asked for."""

    def __init__(self, documents: dict[str, str]) -> None:
        super().__init__(documents)
        self.got: list[str] = []

    def get(self, name: str) -> bytes:
        self.got.append(name)
        return super().get(name)


def test_a_workspace_reads_and_compiles_what_changed_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    loader = Counting({**PROJECT, "graphs/other.yaml": CHILD})
    workspace = Workspace(loader)
    graph, other = workspace.compile("graphs/g.yaml"), workspace.compile("graphs/other.yaml")
    assert graph.documents.keys() == {"graphs/g.yaml", "graphs/c.yaml", "schemas/s.yaml"}
    assert sorted(loader.got) == ["graphs/c.yaml", "graphs/g.yaml", "graphs/other.yaml", "schemas/s.yaml"]
    loader.got.clear()
    assert workspace.compile("graphs/g.yaml") is graph
    assert workspace.changed(["graphs/c.yaml"]) == frozenset()
    assert loader.got == ["graphs/c.yaml"]
    loader.set("graphs/c.yaml", CHILD.replace("n + 1", "n + 2"))
    assert workspace.changed(["graphs/c.yaml"]) == {"graphs/g.yaml"}
    read: list[str] = []
    real = loaders.read

    def counted(path: str, data: bytes) -> Reading:
        read.append(path)
        return real(path, data)

    monkeypatch.setattr("trellis.loaders.read", counted)
    anew = workspace.compile("graphs/g.yaml")
    assert (anew is graph, read) == (False, ["graphs/c.yaml"])
    assert workspace.compile("graphs/other.yaml") is other
    loader.set("graphs/c.yaml", CHILD)
    assert workspace.changed() == {"graphs/g.yaml"}
    assert workspace.compile("graphs/g.yaml").graph == graph.graph


def test_a_document_that_comes_is_missed_by_those_who_named_it() -> None:
    loader = MemoryLoader({name: text for name, text in PROJECT.items() if name != "graphs/c.yaml"})
    workspace = Workspace(loader)
    assert workspace.compile("graphs/g.yaml").graph is None
    loader.set("graphs/c.yaml", CHILD)
    assert workspace.changed(["graphs/c.yaml"]) == {"graphs/g.yaml"}
    assert workspace.compile("graphs/g.yaml").graph == load("graphs/g.yaml", loader=MemoryLoader(PROJECT))
    loader.delete("graphs/c.yaml")
    assert workspace.changed(["graphs/c.yaml"]) == {"graphs/g.yaml"}


def test_a_folder_that_comes_is_missed_by_those_who_named_it() -> None:
    loader = MemoryLoader(
        {"g.yaml": "trellis: 1\nname: g\nstart: a\nnodes: {a: {use: ./c, to: b}, b: {use: ./d/, to: $end}}\n"}
    )
    workspace = Workspace(loader)
    assert [str(problem) for problem in workspace.compile("g.yaml").problems if problem.severity == "error"] == [
        f"g.yaml:4:{column}: E230 cannot read '{written}': there is no {what} of that name "
        "(a path begins at the folder of the file that names it)"
        for column, written, what in ((18, "./c", "document"), (40, "./d/", "folder"))
    ]
    loader.set("d/start.yaml", "say: hi\nto: $end\n")
    loader.set("c/start.yaml", "say: hi\nto: $end\n")
    assert workspace.changed(["c/start.yaml", "d/start.yaml"]) == {"g.yaml"}
    assert workspace.compile("g.yaml").graph is not None


def test_memory_is_read_while_another_thread_puts_and_takes() -> None:
    loader = MemoryLoader({f"{number}.yaml": "" for number in range(2_000)})
    over = Event()

    def change() -> None:
        while not over.is_set():
            loader.set("new.yaml", "")
            loader.delete("new.yaml")

    thread, before = Thread(target=change), sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    thread.start()
    try:
        for _ in range(20):
            assert len(loader.list("")) >= 2_000
            with pytest.raises(Unreadable):
                loader.get("none")
    finally:
        over.set()
        thread.join()
        sys.setswitchinterval(before)


def test_an_overlay_is_a_loader_over_a_loader(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(CHILD)

    class Overlay:
        def __init__(self, below: Loader) -> None:
            self.below, self.buffers = below, dict[str, bytes]()

        def get(self, name: str) -> bytes:
            return self.buffers[name] if name in self.buffers else self.below.get(name)

        def list(self, under: str = "") -> list[str]:
            return sorted({*self.below.list(under), *self.buffers})

        def watch(self) -> AsyncIterator[Reload]:
            return self.below.watch()

    overlay = Overlay(FileLoader(tmp_path))
    workspace = Workspace(overlay)
    assert [problem.code for problem in workspace.compile("c.yaml").problems] == ["W303"]
    overlay.buffers["c.yaml"] = CHILD.replace("n + 1", "m").encode()
    assert workspace.changed(["c.yaml"]) == {"c.yaml"}
    assert [problem.code for problem in workspace.compile("c.yaml").problems] == ["E211"]


def test_memory_tells_what_was_put_and_taken() -> None:
    asyncio.run(put_and_taken())


async def put_and_taken() -> None:
    memory = MemoryLoader(PROJECT)
    async with aclosing(memory.watch()) as changes:
        first = asyncio.ensure_future(anext(changes))
        await asyncio.sleep(0)
        memory.set("graphs/g.yaml", GRAPH)
        memory.set("graphs/n.yaml", GRAPH)
        memory.delete("graphs/c.yaml")
        memory.delete("graphs/c.yaml")
        assert await first == Reload(frozenset({"graphs/g.yaml", "graphs/n.yaml", "graphs/c.yaml"}))
    assert memory.list() == ["graphs/g.yaml", "graphs/n.yaml", "schemas/s.yaml"]
    assert memory.list("graphs") == ["graphs/g.yaml", "graphs/n.yaml"]


def test_files_are_listed_once_each_without_what_is_hidden_or_kept_for_programs(tmp_path: Path) -> None:
    for name in (
        "a.yaml",
        "b/c.yml",
        "b/d.md",
        "b/e.py",
        ".trellis/f.yaml",
        "node_modules/g.yaml",
        "env/pyvenv.cfg",
        "env/h.yaml",
        ".i.yaml",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "b" / "round").symlink_to(tmp_path)
    (tmp_path / "out").symlink_to(tmp_path.parent)
    files = FileLoader(tmp_path)
    assert files.list() == ["a.yaml", "b/c.yml", "b/d.md"]
    assert files.list("b/") == files.list("b") == ["b/c.yml", "b/d.md"]


def test_threads_that_end_load_graphs_one_after_the_other() -> None:
    program = f"""
import threading
from trellis.project import MemoryLoader, load
for _ in range(20):
    thread = threading.Thread(target=load, args=["graphs/g.yaml"], kwargs={{"loader": MemoryLoader({PROJECT!r})}})
    thread.start()
    thread.join()
print("loaded")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "loaded\n", "")
