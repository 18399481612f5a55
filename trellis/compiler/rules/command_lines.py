"""W316: a secret that a call gives to a process is on no command line, which everybody on the machine may read."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from trellis.compiler.sites import Site, Text, View, notices
from trellis.model.graph import Call
from trellis.model.problems import Problem
from trellis.model.values import Value

CODES = ("W316",)
HINT = "a process reads its arguments as JSON on stdin; or give it in the environment: env: {NAME: …}"


def check(view: View) -> Iterator[Problem]:
    """A warning for each word of a command line that a secret would stand in, by the first call that gives one."""
    secret = frozenset(name for name, field in view.definition.fields.items() if field.secret)
    words = [text for text in view.texts if text.steps[0] == "tools" and text.steps[2] == "process"] if secret else []
    if not words:
        return
    given: dict[str, dict[str, tuple[str, str]]] = {}
    for site in view.sites.values():
        for call in _calls(site):
            for name, value in call.args.items():
                for field in sorted(_read(view, value) & secret):
                    for tool in (call.tool, *call.allow):
                        given.setdefault(tool, {}).setdefault(name, (field, site.shown))
    for text in words:
        tool = str(text.steps[1])
        for name, (field, shown) in given.get(tool, {}).items():
            if _shows(text, name):
                message = (
                    f"tool '{tool}' would have secret field '{field}', which {shown} gives it, on its command line"
                )
                yield view.problem("W316", message, text.steps, hint=HINT, severity="warning")
                break


def _calls(site: Site) -> Iterator[Call]:
    node = site.node
    if node.do is not None:
        yield node.do
    if node.undo is not None:
        yield node.undo.call
    if node.remind is not None or node.escalate:
        for notice, _, _ in notices(site):
            if notice.call is not None:
                yield notice.call


def _read(view: View, value: Value) -> frozenset[str]:
    """What the texts in a value read."""
    if isinstance(value, str):
        return view.language.parse("template", value).every if "{{" in value else frozenset()
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return frozenset().union(*(_read(view, part) for part in parts))


def _shows(text: Text, name: str) -> bool:
    """Whether a word reads this argument, or all of them."""
    for part in text.parsed.parts:
        if isinstance(part, str):
            continue
        whole = 0
        for found in ast.walk(ast.parse(part[1].text.strip(), mode="eval")):
            if isinstance(found, ast.Name) and found.id == "args":
                whole += 1
            elif _of_args(found) is not None:
                whole -= 1
                if _of_args(found) == name:
                    return True
        if whole:
            return True
    return False


def _of_args(found: ast.AST) -> str | None:
    """The argument that `args.NAME` or `args["NAME"]` is; None for all else."""
    if isinstance(found, ast.Attribute) and isinstance(found.value, ast.Name) and found.value.id == "args":
        return found.attr
    if isinstance(found, ast.Subscript) and isinstance(found.value, ast.Name) and found.value.id == "args":
        return (
            found.slice.value if isinstance(found.slice, ast.Constant) and isinstance(found.slice.value, str) else None
        )
    return None
