"""Files of a project become its nodes and tools, each by its id; what is odd about them is noted, what is wrong a fault."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from trellis.loaders.fast import parse_fast
from trellis.loaders.judge import BROKEN, judge
from trellis.loaders.text import decode
from trellis.model.problems import suggestion

EXTENSIONS = (".md", ".json", ".yaml", ".yml", ".csv")
"""Where one id has several files, the first of these is taken."""
CATALOGUE = "tools.yaml"
ENTRIES = ("start", "main", "index")

_TEXT, _FLAG, _LIST, _MAP = "a text", "true or false", "a list", "a map"
KEYS: dict[str, tuple[str, type | tuple[type, ...]]] = {
    "id": (_TEXT, str), "type": (_TEXT, str), "content": (_TEXT, str), "wait": (_FLAG, bool), "to": (_TEXT, str),
    "transitions": (_LIST, list), "options": (_LIST, list), "input_type": (_TEXT, str), "input_options": (_LIST, list),
    "input_default": ("a value", (str, bool, int, float)), "save_to": (_TEXT, str), "required_context": (_LIST, list),
    "default_context": (_MAP, dict), "context_schema": (_MAP, dict), "do": (_MAP, dict), "tool_call": (_MAP, dict),
    "undo": (_MAP, dict), "tools": (_LIST, list), "on_error": (_TEXT, str), "on_denied": (_TEXT, str),
    "on_signal": (_MAP, dict), "on_timeout": (_TEXT, str), "on_interrupt": (_TEXT, str),
    "on_signal_default": (_MAP, dict), "timeout": (_TEXT, str), "metadata": (_MAP, dict), "messages": (_MAP, dict),
}  # fmt: skip
"""What a node may say -> what that is."""


class Note(msgspec.Struct, frozen=True):
    """Something that could not be kept, or with `fault` something that stops the graph from running, and where."""

    path: str
    text: str
    fault: bool = False

    def __str__(self) -> str:
        return f"{self.path}: {self.text}"


class Theirs(msgspec.Struct, frozen=True):
    """One node of theirs: its id (the path without its extension), its file, its keys, and its text."""

    id: str
    path: str
    data: dict[str, Any]
    content: str


class Project(msgspec.Struct):
    """All of it. `nodes` by id; `tools` by name; `entry` is the id that a run begins with."""

    nodes: dict[str, Theirs]
    tools: dict[str, dict[str, Any]]
    entry: str
    notes: list[Note]

    def find(self, target: str) -> str | None:
        """The id of the node that a target means: by its path, else by the `id` that it gives itself."""
        target = target.strip().replace("\\", "/")
        if target in self.nodes:
            return target
        bare = target.rpartition(".")[0] if target.endswith(EXTENSIONS) else target
        if bare in self.nodes:
            return bare
        return next((node.id for node in self.nodes.values() if _own_id(node) == bare), None)


def read_project(files: Mapping[str, bytes], folder: str) -> Project:
    """Read the files of a project, by their paths under it with `/`; `folder` is its name."""
    notes: list[Note] = []
    nodes: dict[str, Theirs] = {}
    for path in sorted(files, key=lambda name: (EXTENSIONS.index(_extension(name)), name)):
        if path.rpartition(".")[0] == "tools":
            continue
        text, faults = decode(path, files[path])
        if faults and not text:
            notes.append(Note(path, faults[0].message, fault=True))
            continue
        if path.endswith(".md") and not files[path].endswith((b"\n", b"\r")):
            text = text.removesuffix("\n")  # a text that ends without a line feed was said without
        for node in _nodes(path, text, notes):
            if node.id in nodes:
                other = nodes[node.id].path
                notes.append(Note(path, f"left out: '{node.id}' is {other}, which is taken first"))
            else:
                nodes[node.id] = node
    entry = next((name for name in (*ENTRIES, folder) if name in nodes), "start")
    return Project(nodes, _tools(files, notes), entry, notes)


def _extension(path: str) -> str:
    return f".{path.rpartition('.')[2]}"


def _own_id(node: Theirs) -> str:
    given = str(node.data.get("id", "")).replace("\\", "/")
    return given.rpartition(".")[0] if given.endswith(EXTENSIONS) else given


def _nodes(path: str, text: str, notes: list[Note]) -> Iterator[Theirs]:
    name, extension = path.rpartition(".")[0], _extension(path)
    if extension == ".csv":
        yield from _rows(name, path, text, notes)
        return
    body: str | None = None
    if extension == ".md":
        head, body = _front_matter(text)
        if head is None:
            notes.append(Note(path, "the front matter is never closed: end it with a line `---`", fault=True))
            return
    else:
        head = text
    data = _value(path, head, notes) if head.strip() else {}
    if data is BROKEN:
        return
    if not isinstance(data, dict):
        notes.append(Note(path, f"a node is a map of keys, found {_kind(data)}", fault=True))
        return
    kept = _checked(path, data, notes)
    yield Theirs(name, path, kept, kept.get("content", "") if body is None else body)


def _front_matter(text: str) -> tuple[str | None, str]:
    """The front matter and the text below it; None where it is open. Its lines keep their numbers."""
    if not text.startswith("---\n"):
        return "", text
    lines = text.split("\n")
    for number, line in enumerate(lines[1:], 1):
        if line.rstrip() == "---":
            return "\n".join(["", *lines[1:number], ""]), "\n".join(lines[number + 1 :])
    return None, ""


def _rows(name: str, path: str, text: str, notes: list[Note]) -> Iterator[Theirs]:
    for number, row in enumerate(csv.DictReader(text.splitlines(keepends=True)), 2):
        data: dict[str, Any] = {}
        for key, cell in row.items():
            if key is None or not cell:
                continue
            kind = KEYS.get(key.strip(), (_TEXT, str))[1]
            data[key.strip()] = cell if kind is str else _value(path, f"{cell}\n", notes)
        if not data.get("id"):
            notes.append(Note(path, f"row {number} has no id and is left out"))
            continue
        kept = _checked(path, {key: value for key, value in data.items() if value is not BROKEN}, notes)
        yield Theirs(
            f"{name}/{data['id']}",
            path,
            {key: part for key, part in kept.items() if key != "id"},
            kept.get("content", ""),
        )


def _value(path: str, text: str, notes: list[Note]) -> Any:
    if text.lstrip()[:1] in ("{", "["):  # JSON may hold tabs
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            pass
    value = parse_fast(text)
    if value is BROKEN:
        verdict = judge(path, text)
        value = verdict.value
        notes += [Note(f"{path}:{one.line}:{one.column}", one.message, fault=True) for one in verdict.problems]
        if verdict.problems:
            return BROKEN
    return {} if value is None else value


def _checked(path: str, data: dict[str, Any], notes: list[Note]) -> dict[str, Any]:
    """What has the right kind. Keys that mean nothing are noted."""
    kept = {}
    for key, value in data.items():
        if key not in KEYS:
            notes.append(Note(path, f"key '{key}' means nothing there and is left out{suggestion(key, KEYS)}"))
        elif value is None:
            continue
        elif not isinstance(value, KEYS[key][1]):
            notes.append(Note(path, f"`{key}` is {KEYS[key][0]}, found {_kind(value)}", fault=True))
        else:
            kept[key] = value
    return kept


def _tools(files: Mapping[str, bytes], notes: list[Note]) -> dict[str, dict[str, Any]]:
    path = next((name for name in (CATALOGUE, "tools.yml", "tools.json") if name in files), None)
    if path is None:
        return {}
    data = _value(path, decode(path, files[path])[0], notes)
    found = data.get("tools") if isinstance(data, dict) else None
    if not isinstance(found, list):
        notes.append(Note(path, "there is no list `tools` in it: no tool is taken from it"))
        return {}
    tools = {}
    for tool in found:
        if not isinstance(tool, dict) or not tool.get("name") or not tool.get("command"):
            notes.append(Note(path, "a tool without name or command is left out"))
        else:
            tools[str(tool["name"])] = tool
    return tools


def _kind(value: object) -> str:
    kinds = {
        bool: _FLAG,
        str: _TEXT,
        list: _LIST,
        dict: _MAP,
        int: "a number",
        float: "a number",
        type(None): "nothing",
    }
    return kinds.get(type(value), "something else")
