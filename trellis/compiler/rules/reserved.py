"""E213: no name hides another: fields and signals keep off names with a meaning, `as` off fields and outer items."""

from __future__ import annotations

from collections.abc import Iterator
from keyword import iskeyword

from trellis.compiler.sites import View
from trellis.model.problems import Problem

CODES = ("E213",)

GIVEN = {
    "item": "the item inside an `each`",
    "index": "the place of an item inside an `each`",
    "error": "what was caught, in the node that `catch` leads to",
    "signal": "what arrived, in the node that `upon` leads to",
    "value": "the new value in the `check` of a field",
    "args": "the arguments in the words of a tool",
}
WORDS = frozenset({"true", "false", "null"})


def check(view: View) -> Iterator[Problem]:
    """One problem for each field, signal and `as` whose name means something else already."""
    if "states" in view.definition.signals:
        message = "a signal cannot be named 'states': `upon: {states: …}` is for declared states"
        yield view.problem("E213", message, ("signals", "states"), key=True, hint="choose another name")
    for name in view.definition.fields:
        why = _taken(name)
        if why:
            message = f"a field cannot be named '{name}': {why}"
            yield view.problem("E213", message, ("fields", name), key=True, hint="choose another name")
    for site in view.sites.values():
        each = site.node.each
        if each is None:
            continue
        why = "" if each.item == "item" else _taken(each.item)
        if each.item in view.fields and each.item not in GIVEN and not why:
            why = "there is a field of that name"
        if each.item in site.region.locals and not why:
            why = "the `each` around it gives that name to its own item"
        if why:
            message = f"the item of {site.shown} cannot be named '{each.item}': {why}"
            written = "as" in site.data["each"]
            steps = (*site.steps, "each", "as") if written else (*site.steps, "each")
            hint = "choose another name" if written else "name it with `as`"
            yield view.problem("E213", message, steps, hint=hint)


def _taken(name: str) -> str:
    if name in GIVEN:
        return f"it is {GIVEN[name]}"
    if iskeyword(name) or name in WORDS:
        return "it is a word of the expression language"
    return ""
