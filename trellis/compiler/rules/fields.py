"""E211: what a node writes, or says it needs, is a declared field. Names in expressions are read by the rule on expressions."""

from __future__ import annotations

from collections.abc import Iterator

from trellis.compiler.sites import Site, Steps, View
from trellis.model.problems import Problem

CODES = ("E211",)


def check(view: View) -> Iterator[Problem]:
    """One problem for each unknown field that an `ask`, a `save`, a `set` or `needs` names."""
    if "fields" in view.lost():
        return
    known = view.fields.keys()
    for site in view.sites.values():
        node = site.node
        if (
            node.ask is None
            and not site.needs
            and node.set.keys() <= known
            and (node.save is None or node.save in known)
        ):
            continue
        for name, steps, key in (*written(site), *needed(site)):
            if name not in view.fields:
                hint = view.guesses.hint("field", name, view.fields) or f"declare it: fields: {{{name}: {{type: …}}}}"
                yield view.problem("E211", f"no field named '{name}'", steps, key=key, hint=hint)


def written(site: Site) -> Iterator[tuple[str, Steps, bool]]:
    """The fields a node itself writes, each with its place, and whether its name is a key there."""
    node = site.node
    if node.ask is not None:
        steps = (*site.steps, "ask", node.ask.kind)
        for place, name in enumerate(node.ask.fields):
            yield name, (*steps, place) if node.ask.form else steps, False
    if node.save is not None:
        yield node.save, (*site.steps, "save"), False
    for name in node.set:
        yield name, (*site.steps, "set", "fields", name), True


def needed(site: Site) -> Iterator[tuple[str, Steps, bool]]:
    """The fields a node says it needs."""
    for text in site.needs:
        yield text.text, text.steps, False
