"""E219: what is declared makes sense: types are types, defaults and enums fit them, `from` names a variable.

A secret is a text of its own: nothing about its value stands in the file, and nothing is found or joined by it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from trellis.compiler.sites import Steps, View
from trellis.model.problems import Problem
from trellis.model.types import Type, describe, fit, parse_type

CODES = ("E219",)

FROM = "env:"
UNSECRET = {
    "default": "it would stand here in clear",
    "enum": "what it may be would stand here in clear",
    "index": "no run is found by a value that no store keeps",
    "merge": "only whole values are passed on",
}
"""Key of a field -> why a secret has none."""
MERGED = {
    "sum": ("numbers, texts and lists", ("integer", "number", "string", "list", "any")),
    "max": ("numbers and texts", ("integer", "number", "string", "any")),
    "append": ("lists", ("list", "any")),
    "union": ("lists", ("list", "any")),
}
"""A way of `merge` -> what it can join, and the kinds of types that are."""


def check(view: View) -> Iterator[Problem]:
    """The problems of each declared field and signal by itself."""
    data: dict[str, Any] = view.document.data  # type: ignore[assignment]
    for name, written in (data.get("fields") or {}).items():
        if isinstance(written, dict):
            yield from _field(view, name, written, ("fields", name))
        else:
            yield from _type(view, f"field '{name}'", written, ("fields", name))
    for name, signal in view.definition.signals.items():
        for key, written in signal.data.items():
            yield from _type(view, f"signal '{name}'", written, ("signals", name, key))


def _field(view: View, name: str, data: dict[str, Any], steps: Steps) -> Iterator[Problem]:
    problem = view.problem
    wrong = list(_type(view, f"field '{name}'", data.get("type", "any"), (*steps, "type")))
    yield from wrong
    if wrong or "type" in view.lost(*steps):
        return
    declared, enum = parse_type(data.get("type", "any")), data.get("enum")
    if enum:
        try:
            declared = parse_type(data.get("type", "any"), enum)
        except ValueError as error:
            reason = str(error).removeprefix("enum: ")
            yield problem("E219", f"the enum of field '{name}': {reason}", (*steps, "enum"))
    if data.get("secret") is True:
        yield from _secret(view, name, declared, data, steps)
    elif data.get("default") is not None:
        yield from _default(view, name, declared, data["default"], (*steps, "default"))
    joins, kinds = MERGED.get(data.get("merge", ""), ("", (declared.kind,)))
    if declared.kind not in kinds and data.get("secret") is not True:
        message = f"field '{name}' is {describe(declared)}, and merge: {data['merge']} joins {joins}"
        yield problem("E219", message, (*steps, "merge"), hint="merge: last keeps the last write")
    source = data.get("from")
    if source is not None and not (source.startswith(FROM) and source[len(FROM) :].isidentifier()):
        message = f"field '{name}' cannot be read from '{source}'"
        yield problem("E219", message, (*steps, "from"), hint="write env:NAME, a variable of the environment")


def _secret(view: View, name: str, declared: Type, data: dict[str, Any], steps: Steps) -> Iterator[Problem]:
    problem = view.problem
    if declared.kind != "string":
        message = f"secret field '{name}' is {describe(declared)}, and a secret is a text"
        yield problem("E219", message, (*steps, "type"), hint="write type: string")
    for key, why in UNSECRET.items():
        if data.get(key) in (None, False) or (key, data[key]) == ("merge", "last"):
            continue
        hint = "read it at the start with from: env:NAME" if key == "default" else f"remove `{key}`"
        message = f"secret field '{name}' cannot have `{key}`: {why}"
        yield problem("E219", message, (*steps, key), key=True, hint=hint)


def _default(view: View, name: str, declared: Type, default: Any, steps: Steps) -> Iterator[Problem]:
    try:
        stored = fit(declared, default)
    except ValueError as error:
        yield view.problem("E219", f"the default of field '{name}': {error}", steps)
        return
    check = view.definition.fields[name].check
    if check is not None and view.language.refuses(check, stored):
        message = f"the default of field '{name}' does not pass its own check `{check}`"
        yield view.problem("E219", message, steps)


def _type(view: View, whose: str, written: Any, steps: Steps) -> Iterator[Problem]:
    try:
        parse_type(written)
    except ValueError as error:
        yield view.problem("E219", f"the type of {whose}: {error}", steps)
