"""E404: a secret is passed on whole or not at all: where expressions are read there is only a mark in its place."""

from __future__ import annotations

from collections.abc import Iterator

from trellis.compiler.sites import Site, Steps, Text, View
from trellis.model.problems import Problem

CODES = ("E404",)

HINT = "its value is known only where a tool is called"
NULLS = ("null", "None")


def check(view: View) -> Iterator[Problem]:
    """One problem for each secret that a text computes with, or reads where no tool is called; and for each `set` of one."""
    secret = frozenset(name for name, field in view.definition.fields.items() if field.secret)
    if not secret:
        return
    for text in view.texts:
        # In the check of a field, `value` is that field.
        own = str(text.steps[1]) if text.steps[0] == "fields" else ""
        yield from _read(view, text, secret, {"value": own} if own in secret else {})
    for site in view.sites.values():
        for text in site.texts:
            yield from _read(view, text, _computed(text, secret) if _passes_on(site, text) else secret, {})
        for name, expression in site.node.set.items():
            if name in secret and expression.strip() not in NULLS:
                yield _set(view, name, (*site.steps, "set", "fields", name))


def _passes_on(site: Site, text: Text) -> bool:
    """Whether a text of a node is an argument of a call, or said, which shows a mask."""
    if text.kind != "template":
        return False
    below = text.steps[len(site.steps) :]
    if below[0] in ("undo", "remind", "escalate"):
        return any(part in ("say", "with") for part in below[1:3])
    return below[0] in ("say", "with")


def _computed(text: Text, secret: frozenset[str]) -> frozenset[str]:
    """The secrets that a template does anything with but write them as they are."""
    template = text.parsed
    if not secret & (template.names | template.soft_names):
        return frozenset()
    computed: set[str] = set()
    for part in template.parts:
        if not isinstance(part, str) and part[1].text.strip() not in secret:
            computed |= part[1].names | part[1].soft_names
    return secret & computed


def _read(view: View, text: Text, secret: frozenset[str], also: dict[str, str]) -> Iterator[Problem]:
    parsed = text.parsed
    read = parsed.names | parsed.soft_names
    for name in sorted((read & secret) | {also[name] for name in read & also.keys()}):
        if "emit" in text.steps:
            message = f"secret field '{name}' cannot be sent: the other run would keep it in clear"
            yield view.problem("E404", message, text.steps, hint="let the other run read it at its own start")
            continue
        message = f"secret field '{name}' can only be passed on whole, as {{{{ {name} }}}}"
        yield view.problem("E404", message, text.steps, hint=HINT)


def _set(view: View, name: str, steps: Steps) -> Problem:
    message = f"secret field '{name}' cannot be set by an expression, whose value is no secret"
    hint = f"a secret comes from `ask: {{secret: {name}}}`, from a tool by `save: {name}`, or from the start"
    return view.problem("E404", message, steps, key=True, hint=hint)
