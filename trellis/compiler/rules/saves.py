"""E402: what a join or a signal gives fits the field that `save` names.

A join gives a map of branches, a list of items, or both for `collect`; a signal a map of what it carries.
"""

from __future__ import annotations

from collections.abc import Iterator

from trellis.compiler.parts import field_type
from trellis.compiler.sites import Site, View
from trellis.model.problems import Problem
from trellis.model.types import Type, describe

CODES = ("E402",)


def check(view: View) -> Iterator[Problem]:
    """One problem for each `all`, `race`, `each` or `wait` whose field can never take what it gives."""
    for site in view.sites.values():
        node = site.node
        if node.save not in view.fields:
            continue
        if node.wait is not None:
            yield from _carried(view, site, node.wait.signal, view.fields[node.save])
        if node.join is None:
            continue
        given = "list" if node.each is not None and node.join.mode != "collect" else "map"
        declared = view.fields[node.save]
        if declared.kind not in (given, "any"):
            gives = {"list": "a list with the value of each item", "map": "a map by the names of its branches"}[given]
            if node.join.mode == "collect":
                gives = "a map {done: […], failed: […]}"
            message = f"{site.shown} gives {gives}, and field '{node.save}' is {describe(declared)}"
            yield view.problem("E402", message, (*site.steps, "save"))


def _carried(view: View, site: Site, signal: str, declared: Type) -> Iterator[Problem]:
    carried = view.definition.signals.get(signal)
    if carried is None or view.lost("signals", signal):
        return
    from trellis.expr.check import mismatch

    keys = {key: field_type({"type": written}) for key, written in carried.data.items()}
    reason = mismatch(declared, Type("map", keys=keys))
    if reason:
        yield view.problem(
            "E402", f"what signal '{signal}' carries goes to '{site.node.save}': {reason}", (*site.steps, "save")
        )
