"""Compiled graphs, kept by the content they were compiled from. Whatever is wrong with the cache, work goes on without.

An entry is data only: a line with a digest of its own name and of all that follows, the graph's hash and, where the file
names others, the digest of each by its path; and the bytes of the definition. The problems of a folder are kept likewise.
An entry that is stale, cut off, foreign or cannot be read is as good as none; one that cannot be written is not written.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from threading import get_ident

import msgspec

from trellis.model.graph import FORMAT, Graph
from trellis.model.problems import Problem
from trellis.model.values import canonical, digest
from trellis.project.writing import make_own

KEPT = 256
"""How many entries a cache holds; with more, the oldest go."""
_SUFFIX, _PROBLEMS, _UNFINISHED = ".graph", ".problems", ".tmp"
_digests = msgspec.json.Decoder(dict[str, str])
_SOURCES = ("compiler", "compiler/rules", "expr", "loaders", "loaders/schemas", "model", "project", "schedules")


def folder_of(root: Path) -> Path:
    """Where the graphs of the project at `root` are kept: `$TRELLIS_CACHE_DIR`, else `.trellis/cache`, below it."""
    return root / (os.environ.get("TRELLIS_CACHE_DIR") or Path(".trellis") / "cache")


def key_of(content: str, name: str, tools: Collection[str] | None) -> str:
    """The key of a graph compiled from the document of the digest `content` called `name` by the program that runs
    now."""
    known = None if tools is None else sorted(tools)
    facts = [content, name, sys.modules["trellis"].__version__, FORMAT, known, _program()]
    return digest(canonical(facts))


def _program() -> list[str]:
    """What tells this compiler from one whose sources were edited since: without it, who works on it sees old graphs."""
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    facts = []
    for folder in _SOURCES:
        try:
            with os.scandir(os.path.join(package, folder)) as entries:
                for entry in entries:
                    if not entry.name.startswith("__pycache__"):
                        about = entry.stat()
                        facts.append(f"{folder}/{entry.name} {about.st_size} {about.st_mtime_ns}")
        except OSError:  # an archive has no folders; its content does not change either
            continue
    return sorted(facts)


Unchanged = Callable[[Mapping[str, str]], bool]
"""Whether documents are what they were: digest by path."""


def recall(folder: Path, key: str, source: str, unchanged: Unchanged) -> Graph | None:
    """The graph kept under `key`, or None; where its file names others, only while those are `unchanged`."""
    found = _read(folder / (key + _SUFFIX), unchanged)
    try:
        return Graph.decode(found[1], found[0], source=source) if found is not None else None
    except ValueError:
        return None


def keep(folder: Path, key: str, graph: Graph, named: Mapping[str, str]) -> None:
    """Keep `graph` under `key`: all of it or nothing, in one step. `named` are the digests of the files it names."""
    _write(folder, key + _SUFFIX, graph.hash, graph.data, named)


def recall_problems(folder: Path, key: str, unchanged: Unchanged) -> list[Problem] | None:
    """The problems kept under `key`, or None; where the file names others, only while those are `unchanged`."""
    found = _read(folder / (key + _PROBLEMS), unchanged)
    try:
        return msgspec.json.decode(found[1], type=list[Problem]) if found is not None else None
    except ValueError:
        return None


def keep_problems(folder: Path, key: str, problems: Iterable[Problem], named: Mapping[str, str]) -> None:
    """Keep all problems that a file has, and so that it has no other one, under `key`. `named`: see `keep`."""
    _write(folder, key + _PROBLEMS, "problems", msgspec.json.encode(tuple(problems)), named)


def _read(entry: Path, unchanged: Unchanged) -> tuple[str, bytes] | None:
    """What an entry is called, and its data; None where it is as good as none."""
    try:
        head, _, data = entry.read_bytes().partition(b"\n")
        kept, called, *named = head.split(b" ", 2)
        if _seal(entry.name, [called, *named], data) != kept:
            return None
        if named and not unchanged(_digests.decode(named[0])):
            return None
        return called.decode("ascii"), data
    except (OSError, ValueError):
        return None


def _write(folder: Path, name: str, called: str, data: bytes, named: Mapping[str, str]) -> None:
    unfinished = folder / f"{name}.{os.getpid()}.{get_ident()}{_UNFINISHED}"
    try:
        make_own(folder)
        head = [called.encode("ascii"), *([msgspec.json.encode(named)] if named else [])]
        unfinished.write_bytes(b" ".join([_seal(name, head, data), *head]) + b"\n" + data)
        unfinished.replace(folder / name)
        _forget_oldest(folder)
    except OSError:
        try:
            unfinished.unlink(missing_ok=True)
        except OSError:
            return


def _seal(name: str, head: list[bytes], data: bytes) -> bytes:
    """What tells an entry of this name from one that is not whole, was changed, or belongs to another name."""
    return digest(b" ".join([name.encode(), *head, data])).encode("ascii")


def _forget_oldest(folder: Path) -> None:
    with os.scandir(folder) as found:
        entries = [entry for entry in found if entry.name.endswith((_SUFFIX, _PROBLEMS, _UNFINISHED))]
    if len(entries) <= KEPT:
        return
    for entry in sorted(entries, key=lambda entry: entry.stat().st_mtime_ns)[: len(entries) - KEPT]:
        Path(entry.path).unlink(missing_ok=True)
