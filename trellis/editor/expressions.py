"""What may stand in an expression: fields with their types, functions, what is local to the place; and keys behind a full stop."""

from __future__ import annotations

import re
from typing import Any

from trellis.editor.names import Drawn, Project
from trellis.editor.sketch import Part, value_of
from trellis.model.documents import Step
from trellis.model.types import APPROVAL_KEYS, Type, describe, parse_type

_PATH = re.compile(r"(?<![\w.\"'])([A-Za-z_]\w*(?:\.\w+|\[\d+\])*)\.(\w*)$")
_WORD = re.compile(r"(?<![\w.])[A-Za-z_]\w*$")
_OPEN_TEXT = re.compile(r"""(?:[^"']|"[^"]*"|'[^']*')*(["'])(?P<written>[^"']*)$""")
_COMPARED = re.compile(r"([A-Za-z_]\w*(?:\.\w+)*)\s*(?:==|!=|\bin\b\s*\[?)\s*(?:[\"'][^\"']*[\"']\s*,\s*)*$")
ANY, MAP, STRING, INTEGER = Type("any"), Type("map"), Type("string"), Type("integer")
ERROR = Type("map", keys={"code": STRING, "message": STRING, "node": STRING, "attempt": INTEGER})
SIGNAL = Type("map", keys={"name": STRING, "data": MAP})


class Offer:
    """A name that may stand there, and what it is; `start` is where the word begins, in the expression."""

    __slots__ = ("about", "kind", "name", "start")

    def __init__(self, name: str, kind: str, about: str, start: int) -> None:
        self.name, self.kind, self.about, self.start = name, kind, about, start


def offers(written: str, scope: dict[str, Type], *, states: list[str]) -> list[Offer]:
    """What may stand behind `written`, an expression up to the cursor, where these names are known. Never raises."""
    text = _OPEN_TEXT.match(written)
    if text is not None:
        compared = _COMPARED.search(written[: text.start(1)])
        found = _type(compared[1], scope) if compared else None
        return [Offer(str(value), "value", "", text.start("written")) for value in (found.enum if found else ())]
    path = _PATH.search(written)
    if path is not None:
        keys = _keys(_type(path[1], scope))
        return [Offer(key, "key", described(kept), path.start(2)) for key, kept in keys.items()]
    word = _WORD.search(written)
    start = word.start() if word else len(written)
    if not word and re.search(r"[\w)\]\"']\s*$", written):  # behind a value comes an operator
        return [Offer(name, "keyword", "", start) for name in ("and", "or", "in", "not in", "if", "else", "==", "!=")]
    from trellis.expr.functions import FUNCTIONS

    found_names = [
        Offer(name, "local" if kept in (ERROR, SIGNAL) else "field", described(kept), start)
        for name, kept in scope.items()
    ]
    found_names += [
        Offer(name, "state", "a state: whether it is active", start) for name in states if name not in scope
    ]
    found_names += [Offer(name, "function", function.signature, start) for name, function in FUNCTIONS.items()]
    return found_names + [Offer(name, "keyword", "", start) for name in ("true", "false", "null", "not")]


def _type(path: str, scope: dict[str, Type]) -> Type | None:
    first, *rest = re.split(r"\.|(?=\[)", path)
    found = scope.get(first)
    for step in rest:
        if found is None:
            return None
        found = found.item if step.startswith("[") else _keys(found).get(step)
    return found


def _keys(kept: Type | None) -> dict[str, Type]:
    if kept is None:
        return {}
    return APPROVAL_KEYS if kept.kind == "approval" else kept.keys or {}


def described(kept: Type) -> str:
    """A type as one writes it, with what else may be."""
    return describe(kept) + " or null" * kept.optional


def field_type(declared: Any) -> Type:
    """The type of a field as it is declared; `any` where nobody can tell."""
    if not isinstance(declared, dict):
        return ANY
    enum, optional = declared.get("enum"), declared.get("optional")
    try:
        found = parse_type(declared.get("type"), enum if isinstance(enum, list) else None, optional is True)
    except (ValueError, TypeError):
        return ANY
    return found


def fields_of(project: Project, drawn: Drawn) -> dict[str, Type]:
    """Every field that is declared around a document, with its type."""
    found = project.declared(drawn, "field")
    return {name: field_type(value_of(occurrence.part)) for name, (_, occurrence) in found.items()}


def scope_at(project: Project, drawn: Drawn, steps: tuple[Step, ...], chain: list[Part]) -> dict[str, Type]:
    """What an expression may name at these steps: `chain` are the maps and lists around it, from the document down."""
    if steps[:1] == ("tools",):
        return {"args": MAP}
    scope = fields_of(project, drawn)
    if steps[:1] == ("fields",) and len(steps) > 1:
        return {"value": scope.get(str(steps[1]), ANY)} | scope
    for place, step in enumerate(steps):
        if step == "each" and place < len(chain):
            each = chain[place + 1] if place + 1 < len(chain) else None
            named = value_of(each.get("as")) if each is not None and each.kind == "map" else None
            listed = value_of(each.get("in")) if each is not None and each.kind == "map" else None
            known = scope.get(listed) if isinstance(listed, str) else None
            item = known.item if known is not None and known.item is not None else ANY
            if steps[place + 1 :] != ("in",):
                scope = {str(named or "item"): item, "index": INTEGER} | scope
    if steps and (steps[0] == "nodes" or drawn.kind == "node"):
        scope = scope | {"error": ERROR, "signal": SIGNAL}
    return scope
