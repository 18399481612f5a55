"""What was compiled once is kept as data, believed only when whole, and never needed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from msgspec.structs import replace

import trellis
from trellis.errors import InvalidGraph
from trellis.model.graph import Graph
from trellis.project import load
from trellis.project.cache import KEPT, keep, key_of

TEXT = """trellis: 1
name: g
fields: {n: {type: integer, default: 0}}
nodes:
  a: {do: t, with: {n: "{{ n + 1 }}"}, to: [{if: n > 1, to: $fail}, {to: $end}]}
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "trellis.toml").touch()
    file = tmp_path / "g.yaml"
    file.write_text(TEXT)
    return file


def entries(path: Path) -> list[Path]:
    return sorted((path.parent / ".trellis" / "cache").glob("*"))


def lie(entry: Path) -> tuple[bytes, bytes]:
    """The hash that an entry gives, and another one."""
    told = entry.read_bytes().split(b" ", 2)[1].partition(b"\n")[0]
    return told, bytes(reversed(told))


def no_compiling(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("this was compiled before")

    monkeypatch.setattr("trellis.project.workspace.Workspace.compile", refuse)


def test_a_graph_is_compiled_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cold = load(path)
    no_compiling(monkeypatch)
    warm = load(path)
    assert (warm.hash, warm.definition, warm.data, warm.source) == (cold.hash, cold.definition, cold.data, str(path))


def test_an_entry_is_data_alone(path: Path) -> None:
    graph = load(path)
    (entry,) = entries(path)
    head, _, data = entry.read_bytes().partition(b"\n")
    assert head.decode().split(" ")[1] == graph.hash
    assert json.loads(data)["name"] == "g"


def test_the_folder_of_the_cache_is_kept_out_of_version_control(path: Path) -> None:
    load(path)
    assert (path.parent / ".trellis" / ".gitignore").read_text() == "*\n"


def test_an_edited_file_is_compiled_anew(path: Path) -> None:
    before = load(path)
    path.write_text(TEXT.replace("n > 1", "n > 2"))
    assert load(path) != before
    assert len(entries(path)) == 2
    path.write_text(TEXT)
    assert load(path) == before
    assert len(entries(path)) == 2


def test_other_tools_another_name_and_another_version_are_other_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = [key_of("x", "g.yaml", None), key_of("x", "g.yaml", []), key_of("x", "g.yaml", ["t"])]
    keys += [key_of("y", "g.yaml", None), key_of("x", "h.yaml", None)]
    assert key_of("x", "g.yaml", ["b", "a"]) == key_of("x", "g.yaml", ("a", "b"))
    monkeypatch.setattr(trellis, "__version__", "99")
    keys.append(key_of("x", "g.yaml", None))
    assert len(set(keys)) == len(keys)


def test_a_graph_with_errors_is_not_kept(path: Path) -> None:
    path.write_text(TEXT.replace("$end", "nowhere"))
    for _ in range(2):
        with pytest.raises(InvalidGraph):
            load(path)
    assert entries(path) == []


@pytest.mark.parametrize(
    "spoil",
    [
        lambda entry: entry.write_bytes(b""),
        lambda entry: entry.write_bytes(entry.read_bytes()[:-1]),
        lambda entry: entry.write_bytes(entry.read_bytes().replace(b"n > 1", b"n > 9")),
        lambda entry: entry.write_bytes(b"\xff\n{}"),
        lambda entry: entry.write_bytes(b"0 0\n" + entry.read_bytes().partition(b"\n")[2]),
        lambda entry: entry.write_bytes(entry.read_bytes().replace(*lie(entry))),
        lambda entry: entry.write_bytes(b" " + entry.read_bytes()),
        lambda entry: (entry.unlink(), entry.mkdir()),
    ],
    ids=["empty", "cut off", "changed", "no text", "another digest", "another hash", "a gap", "a folder"],
)
def test_an_entry_that_is_not_whole_is_as_good_as_none(path: Path, spoil: object) -> None:
    before = load(path)
    (entry,) = entries(path)
    spoil(entry)  # type: ignore[operator]
    again = load(path)
    assert (again.hash, again.definition) == (before.hash, before.definition)
    load(path)
    assert [kept.name for kept in entries(path) if kept.suffix != ".graph"] == []


def test_an_entry_of_another_graph_is_as_good_as_none(path: Path) -> None:
    load(path)
    (first,) = entries(path)
    path.write_text(TEXT.replace("n > 1", "n > 2"))
    other = load(path)
    (second,) = set(entries(path)) - {first}
    second.write_bytes(first.read_bytes())
    assert load(path).hash == other.hash


def test_many_who_keep_the_same_graph_at_once_keep_it_whole(path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        graphs = list(threads.map(load, [path] * 40))
    assert len(set(graphs)) == 1
    assert [entry.suffix for entry in entries(path)] == [".graph"]


def test_what_a_killed_process_was_about_to_keep_makes_room_too(path: Path) -> None:
    folder = path.parent / ".trellis" / "cache"
    folder.mkdir(parents=True)
    for number in range(KEPT + 5):
        (folder / f"{number}.graph.1.1.tmp").touch()
    load(path)
    assert len(entries(path)) == KEPT


def test_the_parser_is_told_to_give_memory_back_and_nobody_else_is(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.delenv("MIMALLOC_PURGE_DELAY", raising=False)
    monkeypatch.delitem(sys.modules, "yaml_rs", raising=False)
    monkeypatch.setattr("trellis.loaders.fast.load_parser", lambda: seen.append(os.environ["MIMALLOC_PURGE_DELAY"]))
    load(path)
    assert (seen, os.environ.get("MIMALLOC_PURGE_DELAY")) == (["0"], None)


def test_an_entry_of_another_format_is_as_good_as_none(path: Path) -> None:
    before = load(path)
    (entry,) = entries(path)
    keep(entry.parent, entry.stem, Graph(replace(before.definition, format=2, name="other")), {})
    assert load(path).definition == before.definition


def test_a_cache_that_cannot_be_written_is_no_obstacle(path: Path) -> None:
    (path.parent / ".trellis").write_text("a file, where a folder is wanted")
    assert load(path) == load(path)
    assert (path.parent / ".trellis").read_text() == "a file, where a folder is wanted"


def test_without_the_cache_nothing_is_written(path: Path) -> None:
    assert load(path, cache=False) == load(path, cache=False)
    assert not (path.parent / ".trellis").exists()


@pytest.mark.parametrize("named", ["kept", "/"])
def test_the_environment_names_another_folder(
    path: Path, named: str, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = path.parent / named if named == "kept" else tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("TRELLIS_CACHE_DIR", named if named == "kept" else str(folder))
    load(path)
    assert [kept.suffix for kept in folder.iterdir()] == [".graph"]
    assert not (path.parent / ".trellis").exists()


def test_the_oldest_entries_make_room(path: Path) -> None:
    folder = path.parent / ".trellis" / "cache"
    folder.mkdir(parents=True)
    for number in range(KEPT + 5):
        (folder / f"{number}.graph").touch()
    load(path)
    assert len(entries(path)) == KEPT
    assert load(path).name == "g"


LAZY = ("ruamel", "yaml_rs", "jsonschema", "networkx", "trellis.loaders", "trellis.compiler", "trellis.expr")


def test_a_warm_load_imports_neither_parsers_nor_compiler(path: Path) -> None:
    load(path)
    program = f"""
import sys
from trellis.project import load
print(load({str(path)!r}).name, [name for name in {LAZY!r} if name in sys.modules])
"""
    root = Path(trellis.__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout == "g []\n"


def test_two_graphs_of_one_text_are_equal(path: Path) -> None:
    assert isinstance(load(path), Graph)
    assert load(path) == load(path, cache=False)
