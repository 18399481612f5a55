"""Compiled graphs, kept by the content they were compiled from. Whatever is wrong with the cache, work goes on without.

An entry is data only: a line with a digest of all that follows it, the graph's hash and, where the file names others, the
digest of each by its path; and the bytes of the definition. An entry that is stale, cut off, foreign or cannot be read is as
good as none; one that cannot be written is not written.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

import msgspec

from trellis.model.graph import FORMAT, Graph
from trellis.model.values import canonical, digest

KEPT = 256
"""How many entries a cache holds; with more, the oldest go."""
_SUFFIX = ".graph"
_digests = msgspec.json.Decoder(dict[str, str])
_SOURCES = ("compiler", "compiler/rules", "expr", "loaders", "loaders/schemas", "model", "project", "schedules")


def folder_of(root: Path) -> Path:
    """Where the graphs of the project at `root` are kept: `$TRELLIS_CACHE_DIR`, else `.trellis/cache`, below it."""
    return root / (os.environ.get("TRELLIS_CACHE_DIR") or Path(".trellis") / "cache")


def key_of(content: str, name: str, tools: Collection[str] | None) -> str:
    """The key of a graph compiled from the file, or folder, of the digest `content` called `name` by the program that runs
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


def recall(folder: Path, key: str, source: str, unchanged: Callable[[Mapping[str, str]], bool]) -> Graph | None:
    """The graph kept under `key`, or None; where its file names others, only while those are `unchanged`."""
    try:
        head, _, data = (folder / (key + _SUFFIX)).read_bytes().partition(b"\n")
        kept, graph_hash, *named = head.split(b" ", 2)
        if digest(b"".join([*named, data])) != kept.decode("ascii"):
            return None
        if named and not unchanged(_digests.decode(named[0])):
            return None
        return Graph.decode(data, graph_hash.decode("ascii"), source=source)
    except (OSError, ValueError):
        return None


def keep(folder: Path, key: str, graph: Graph, named: Mapping[str, str]) -> None:
    """Keep `graph` under `key`: all of it or nothing, in one step. `named` are the digests of the files it names."""
    entry = folder / (key + _SUFFIX)
    unfinished = folder / f"{key}.{os.getpid()}.tmp"
    try:
        _make(folder)
        about = [msgspec.json.encode(named)] if named else []
        head = [digest(b"".join([*about, graph.data])).encode("ascii"), graph.hash.encode("ascii"), *about]
        unfinished.write_bytes(b" ".join(head) + b"\n" + graph.data)
        unfinished.replace(entry)
        _forget_oldest(folder)
    except OSError:
        try:
            unfinished.unlink(missing_ok=True)
        except OSError:
            return


def _make(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    above = folder.parent
    if above.name == ".trellis":
        ignore = above / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n", "utf-8")


def _forget_oldest(folder: Path) -> None:
    with os.scandir(folder) as found:
        entries = [entry for entry in found if entry.name.endswith(_SUFFIX)]
    if len(entries) <= KEPT:
        return
    for entry in sorted(entries, key=lambda entry: entry.stat().st_mtime_ns)[: len(entries) - KEPT]:
        Path(entry.path).unlink(missing_ok=True)
