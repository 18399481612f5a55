"""What may stand where the cursor is: keys by the schema, names by what is declared, and what expressions are made of."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from trellis.editor.enriched import process_arguments
from trellis.editor.expressions import described, fields_of, offers, scope_at
from trellis.editor.names import Drawn, Project
from trellis.editor.roles import Role, is_expression, roles_of
from trellis.editor.shapes import Shape, alternatives, description_of, kinds_of, resolved, rivals_of, shapes_at
from trellis.editor.signatures import functions_beside, signature_of
from trellis.editor.sketch import value_of
from trellis.editor.spots import Spot, spot_at
from trellis.model.folders import TESTS, beside
from trellis.model.graph import TARGETS
from trellis.model.mixins import MIXINS
from trellis.model.states import EXCEPTION

VERBS = ("say", "ask", "do", "all", "race", "each", "use", "wait", "emit", "end")
_ABOUT_TARGETS = {
    "$end": "The run ends as completed.",
    "$fail": "The run fails.",
    "$rollback": "What completed is undone.",
}
SNIPPETS = {
    "say": "say: ${1:text}\nto: ${0:\\$end}",
    "ask": "say: ${1:question}\nask: {${2|text,choice,confirm,int,number,date,multi,form,secret,approve|}: ${3:field}}\nto: ${0:\\$end}",
    "do": "do: ${1:tool}\nwith: {${2:argument}: ${3:value}}\nsave: ${4:field}\nto: ${0:\\$end}",
    "all": "all:\n  ${1:first}: {do: ${2:tool}}\n  ${3:second}: {do: ${4:tool}}\nto: ${0:\\$end}",
    "race": "race:\n  ${1:first}: {do: ${2:tool}}\n  ${3:second}: {do: ${4:tool}}\nto: ${0:\\$end}",
    "each": "each:\n  in: ${1:list}\n  as: ${2:item}\n  do: ${3:tool}\nto: ${0:\\$end}",
    "use": "use: ${1:./graph.yaml}\nsave: ${2:field}\nto: ${0:\\$end}",
    "wait": "wait: {${1|time,until,signal,if,states|}: ${2:1h}}\nto: ${0:\\$end}",
    "emit": "emit: {signal: ${1:name}, to: \"{{ ${2:run} }}\"}\nto: ${0:\\$end}",
    "end": "end: ${0|ok,failed,cancelled|}",
    "approve": "say: ${1:question}\nask: {approve: ${2:field}, by: [${3:name}]}\ntimeout: ${4:24h}\n"
    "to: [{if: ${2:field}.ok, to: ${5:node}}, {to: \\$fail}]",
}  # fmt: skip
"""Whole nodes to begin with."""


class Item(msgspec.Struct, frozen=True):
    """One thing that may stand there: `insert` takes the place of the characters `start` to `end`.

    `kind` says what it is; a `snippet` has places to fill in, `$1`, as editors know them.
    """

    label: str
    kind: str
    insert: str
    start: int
    end: int
    detail: str = ""
    about: str = ""
    snippet: bool = False
    rank: int = 1


def complete(project: Project, name: str, text: str, offset: int) -> list[Item]:
    """Everything that may stand at character `offset` of the document `name`, whose text is this. Never raises for a text.

    What is declared is taken from the project, so a long document may be a few keystrokes behind there.
    """
    drawn = project.document(name, recent=True)
    if drawn is None or (drawn.kind == "other" and (drawn.root.entries or drawn.name.endswith((".md", *TESTS)))):
        return []
    spot = spot_at(text, offset, markdown=name.endswith(".md"))
    if spot is None:
        return []
    found = list(_items(project, drawn, spot))
    return sorted({item.label: item for item in reversed(found)}.values(), key=lambda item: (item.rank, item.label))


def _items(project: Project, drawn: Drawn, spot: Spot) -> Iterator[Item]:
    if spot.braced:
        yield from _expression(project, drawn, spot)
        return
    holders = [one for shape in shapes_at(drawn.shape, spot.steps) for one in alternatives(shape)]
    if spot.kind == "key":
        yield from _keys(project, drawn, spot, holders)
        return
    if is_expression(holders) and spot.style not in ("|", ">"):
        yield from _expression(project, drawn, spot)
        return
    yield from _values(project, drawn, spot, holders)
    if spot.alone and not spot.flow:
        yield from _keys(project, drawn, spot, holders)


def _item(spot: Spot, label: str, kind: str, **more: Any) -> Item:
    return Item(label, kind, more.pop("insert", label), spot.start, spot.end, **more)


def _keys(project: Project, drawn: Drawn, spot: Spot, holders: list[Shape]) -> Iterator[Item]:
    """The keys that the map may have beside those it has; and whole nodes, where a node begins."""
    beside = spot.beside if spot.kind == "key" else None
    present = {entry.key for entry in beside.entries if not entry.half} if beside is not None else set()
    for shape in holders:
        excluded = present | rivals_of(shape, present)
        for place, (key, part) in enumerate(shape.get("properties", {}).items()):
            if key not in excluded:
                kinds = kinds_of(part)
                insert = (
                    f"{key}: "
                    if spot.flow or not kinds <= {"object", "array"}
                    else f"{key}:\n{' ' * (spot.column + 2)}"
                )
                if kinds == {"array"}:
                    insert = f"{key}: "
                about = description_of(part)
                rank = 0 if key in VERBS or key in shape.get("required", ()) else 1 + place // 1000
                yield _item(spot, key, "key", insert=insert, detail=_expected(part), about=about, rank=rank)
        yield from _named_keys(project, drawn, spot, shape, present)
        if {"say", "do", "to"} <= shape.get("properties", {}).keys() and not present and not spot.flow:
            for verb, body in SNIPPETS.items():
                insert = body.replace("\n", "\n" + " " * spot.column)
                yield _item(
                    spot,
                    f"{verb} …",
                    "snippet",
                    insert=insert,
                    about=f"A node that has `{verb}`.",
                    snippet=True,
                    rank=2,
                )
    if not any("properties" in shape for shape in holders) and spot.steps[-1:] == ("with",):
        for argument, detail, about in _arguments(project, drawn, spot):
            if argument not in present:
                yield _item(spot, argument, "argument", insert=f"{argument}: ", detail=detail, about=about)


def _named_keys(project: Project, drawn: Drawn, spot: Spot, shape: Shape, present: set[str]) -> Iterator[Item]:
    roles = roles_of([shape], "x-keys")
    for role in roles:
        for name, detail in _names(project, drawn, role, spot).items():
            if name not in present:
                yield _item(spot, name, role, insert=f"{name}: ", detail=detail)


def _expected(part: Shape) -> str:
    whole = resolved(part)
    if whole.get("format", "").startswith("trellis-"):
        return str(whole["format"]).removeprefix("trellis-")
    if "enum" in whole:
        return " | ".join(map(str, whole["enum"]))
    words = {"object": "map", "array": "list"}
    return " | ".join(sorted(words.get(kind, kind) for kind in kinds_of(part)))


def _arguments(project: Project, drawn: Drawn, spot: Spot) -> Iterator[tuple[str, str, str]]:
    """What may be given in the `with` at the cursor: of a tool, a graph that is used, or a signal."""
    holder = spot.chain[-2] if spot.kind == "key" and len(spot.chain) > 1 else spot.beside
    if holder is None or holder.kind != "map":
        return
    tool, used, sent = (value_of(holder.get(key)) for key in ("do", "use", "signal"))
    if isinstance(used, str):
        other = project.document(beside(drawn.name, used))
        for name, kept in (fields_of(project, other) if other is not None else {}).items():
            yield name, described(kept), "A field of the graph that is used."
    elif isinstance(sent, str):
        for document in project.all():
            for occurrence in document.occurrences:
                if occurrence.declares and occurrence.means("signal", sent):
                    data = value_of(occurrence.part)
                    yield from ((key, str(kept), "") for key, kept in (data or {}).items() if key != "buffer")
    elif isinstance(tool, str):
        yield from arguments_of(project, drawn, tool)


def arguments_of(project: Project, drawn: Drawn, tool: str) -> Iterator[tuple[str, str, str]]:
    """Name, type and description of each argument of a tool, as far as its declaration and its source say."""
    found = project.declared(drawn, "tool").get(tool)
    written = value_of(found[1].part) if found else None
    if found is None or not isinstance(written, dict):
        return
    if not isinstance(written.get("python"), str):
        yield from ((name, "", "Given to the command.") for name in process_arguments(written))
        return
    signature = signature_of(written["python"], project.folder(found[0]))
    for parameter in signature.parameters if signature is not None else ():
        yield parameter.name, parameter.shown, "" if parameter.default is not None else "Needed."


def _values(project: Project, drawn: Drawn, spot: Spot, holders: list[Shape]) -> Iterator[Item]:
    for role in roles_of(holders, "x-names"):
        for name, detail in _names(project, drawn, role, spot).items():
            yield _item(spot, name, role, detail=detail, about=_ABOUT_TARGETS.get(name, ""), insert=_quoted(name, spot))
    quiet = bool(roles_of(holders, "x-names"))
    for shape in holders:
        for value in shape.get("enum", ()):
            yield _item(spot, str(value), "value", insert=_quoted(value, spot))
        if "const" in shape:
            yield _item(spot, str(shape["const"]), "value")
        if shape.get("type") == "boolean":
            yield from (_item(spot, word, "value") for word in ("true", "false"))
        if not quiet:
            examples = [
                each for each in shape.get("examples", ()) if isinstance(each, str | int) and not isinstance(each, bool)
            ]
            default = shape.get("default")
            for value in dict.fromkeys([*([default] if isinstance(default, str | int) else []), *examples]):
                yield _item(spot, _quoted(value, spot), "value", detail="default" if value == default else "", rank=2)
    yield from _of_a_field(project, drawn, spot)
    if spot.steps[-1:] == ("python",) and spot.steps[:1] == ("tools",):
        for function in functions_beside(project.folder(drawn) or "."):
            yield _item(spot, function.name, "function", insert=_quoted(function.name, spot), about=function.docstring)


def _of_a_field(project: Project, drawn: Drawn, spot: Spot) -> Iterator[Item]:
    """The values that fit an argument which is an enum in the signature of its tool."""
    if len(spot.steps) < 2 or spot.steps[-2] != "with" or spot.beside is None or len(spot.chain) < 2:
        return
    tool = value_of(spot.chain[-2].get("do")) if spot.chain[-2].kind == "map" else None
    found = project.declared(drawn, "tool").get(tool) if isinstance(tool, str) else None
    target = value_of(found[1].part.get("python")) if found and found[1].part.kind == "map" else None
    signature = signature_of(target, project.folder(found[0])) if found and isinstance(target, str) else None
    for parameter in signature.parameters if signature else ():
        if parameter.name == spot.steps[-1]:
            for value in parameter.schema.get("enum", ()):
                yield _item(spot, str(value), "value", insert=_quoted(value, spot))
    for name, kept in fields_of(project, drawn).items():
        if not spot.before and not spot.style:
            insert = f'"{{{{ {name} }}}}"'
            yield _item(spot, insert, "field", detail=described(kept), rank=2)


def _quoted(value: Any, spot: Spot) -> str:
    """A value as it is written there: in quotes where YAML would read it otherwise."""
    if not isinstance(value, str):
        return json.dumps(value)
    if spot.style in ('"', "'"):
        return value
    odd = value != value.strip() or any(sign in value for sign in (": ", " #", "{{")) or value[:1] in "*&!|>%@`{["
    return (
        json.dumps(value, ensure_ascii=False)
        if odd or (spot.flow and any(sign in value for sign in ",[]{}"))
        else value
    )


def _names(project: Project, drawn: Drawn, role: Role, spot: Spot) -> dict[str, str]:
    """Every name of this role that means something at the cursor, with a few words about it."""
    if role == "node":
        targets = {} if spot.steps[-1:] == ("start",) else dict.fromkeys(TARGETS, "")
        return {name: _verb(found[1].part) for name, found in project.nodes(drawn, region_of(spot)).items()} | targets
    if role == "file":
        return _files(project, drawn, spot)
    found = project.declared(drawn, role)
    if role == "field":
        return {name: described(kept) for name, kept in fields_of(project, drawn).items()}
    if role == "signal":
        built_in = {"interrupt": "Ctrl-C, or a runs cancel that asks"} if spot.kind == "key" else {}
        return dict.fromkeys(found, "") | built_in
    if role == "state":
        return {name: one.name if one.name != drawn.name else "" for name, (one, _) in found.items()} | {EXCEPTION: ""}
    if role == "tool":
        return {name: _code(value_of(occurrence.part)) for name, (_, occurrence) in found.items()}
    return dict.fromkeys(found, "")


def region_of(spot: Spot) -> tuple[str | int, ...]:
    """The steps of the map of nodes whose names may stand at the cursor."""
    if spot.steps[-1:] == ("start",):
        return (*spot.steps[:-1], "nodes")
    for place in range(len(spot.steps) - 1, -1, -1):
        if spot.steps[place] == "nodes":
            return spot.steps[: place + 1]
    return ("nodes",)


def _verb(node: Any) -> str:
    keys = {entry.key for entry in node.entries} if node.kind == "map" else set()
    return ", ".join(verb for verb in VERBS if verb in keys)


def _code(written: Any) -> str:
    if not isinstance(written, dict):
        return ""
    process = written.get("process")
    return str(written.get("python") or (" ".join(map(str, process)) if isinstance(process, list) else ""))


def _files(project: Project, drawn: Drawn, spot: Spot) -> dict[str, str]:
    """The documents that may be named there, by the path from this one."""
    wanted = "graph" if spot.steps[-1:] == ("use",) else "state schema"
    found = dict.fromkeys(MIXINS, "built in") if "extends" in spot.steps else {}
    here = posixpath.dirname(drawn.name) or "."
    for other in project.all():
        if other.kind == wanted and other.name != drawn.name:
            path = posixpath.relpath(other.name, here)
            found[path if path.startswith("../") else f"./{path}"] = wanted
    return found


_KINDS = {
    "field": "field",
    "function": "function",
    "key": "field",
    "state": "state",
    "keyword": "keyword",
    "value": "value",
}


def _expression(project: Project, drawn: Drawn, spot: Spot) -> Iterator[Item]:
    written = spot.expression
    scope = scope_at(project, drawn, spot.steps, spot.chain)
    waits = spot.steps[-2:] == ("wait", "if")
    states = list(project.declared(drawn, "state")) if waits else []
    for offer in offers(written, scope, states=states):
        typed = len(written) - offer.start
        at = spot.cursor - typed
        insert = f"{offer.name}(" if offer.kind == "function" else offer.name
        rank = {"field": 0, "key": 0, "value": 0, "state": 1, "local": 1, "function": 2}.get(offer.kind, 3)
        yield Item(offer.name, _KINDS.get(offer.kind, "field"), insert, at, spot.word_end, offer.about, rank=rank)


def labels(items: Iterable[Item]) -> list[str]:
    """What an editor lists."""
    return [item.label for item in items]
