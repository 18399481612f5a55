"""E211, E401-E403: every text can be read, names only what is known where it stands, and gives what is wanted there."""

from __future__ import annotations

from collections.abc import Iterator

from trellis.compiler.language import Scope
from trellis.compiler.sites import Text, View
from trellis.model.problems import Problem

CODES = ("E211", "E401", "E402", "E403")

PLACES = {
    "error": "only known in a node that `catch` leads to",
    "signal": "only known in a node that `upon` leads to",
    "item": "only known inside an `each`",
    "index": "only known inside an `each`",
    "value": "only known in the `check` of a field",
    "args": "only known in the words of a tool",
}


def check(view: View) -> Iterator[Problem]:
    """The problems of each text."""
    named = "fields" not in view.lost()
    for text in view.texts:
        yield from _text(view, text, named=named)
    for site in view.sites.values():
        for text in site.texts:
            if text.faults or not text.parsed.parts or (named and view.language.unknown(text.parsed, text.scope)):
                yield from _text(view, text, named=named)


def _text(view: View, text: Text, *, named: bool) -> Iterator[Problem]:
    problem, parsed = view.problem, text.parsed
    if parsed.reason:
        at = f" (at character {parsed.offset + 1})" if parsed.offset else ""
        if text.kind == "template":
            yield problem("E403", f"cannot read this text: {parsed.reason}{at}", text.steps)
        else:
            cut = parsed.offset >= len(text.text.rstrip())
            hint = "if YAML took a part of it away, quote the expression" if cut else ""
            yield problem("E401", f"cannot read `{text.text}`: {parsed.reason}{at}", text.steps, hint=hint)
        return
    for name in view.language.unknown(parsed, text.scope) if named else ():
        if not _lost(view, name):
            message, hint = _unknown(view, text, name, text.scope)
            yield problem("E211", message, text.steps, hint=hint)
    for reason in text.faults:
        yield problem("E402", reason, text.steps)


def _lost(view: View, name: str) -> bool:
    """Whether a way could not be read that may have brought this name."""
    way = {"error": "catch", "signal": "upon"}.get(name)
    return way is not None and any(
        view.torn(*steps, way) for steps in ((), *(site.steps for site in view.sites.values()))
    )


def _unknown(view: View, text: Text, name: str, scope: Scope) -> tuple[str, str]:
    """What to say of a name that is not in scope, and what to try."""
    if text.steps[0] == "tools":
        return f"the words of a tool know `args` alone, not '{name}'", "give it in the `with` of a node"
    if name in PLACES:
        return f"'{name}' is {PLACES[name]}", ""
    near = view.guesses.hint(f"name {id(scope)}", name, scope)
    return f"no field named '{name}'", near or _quoted(text, name)


def _quoted(text: Text, name: str) -> str:
    """The usual slip: a text where an expression is read."""
    if text.kind == "expression" and text.text.strip() == name and text.phase == "set":
        return f"to write the text itself, quote it twice: \"'{name}'\""
    return f"declare it: fields: {{{name}: {{type: …}}}}"
