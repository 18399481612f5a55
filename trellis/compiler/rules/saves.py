"""E402: what a join gives fits the field that `save` names: a map of branches, a list of items, or both for `collect`."""

from __future__ import annotations

from collections.abc import Iterator

from trellis.compiler.sites import View
from trellis.model.problems import Problem
from trellis.model.types import describe


def check(view: View) -> Iterator[Problem]:
    """One problem for each `all`, `race` or `each` whose field can never take what it gives."""
    for site in view.sites.values():
        node = site.node
        if node.join is None or node.save not in view.fields:
            continue
        given = "list" if node.each is not None and node.join.mode != "collect" else "map"
        declared = view.fields[node.save]
        if declared.kind not in (given, "any"):
            gives = {"list": "a list with the value of each item", "map": "a map by the names of its branches"}[given]
            if node.join.mode == "collect":
                gives = "a map {done: […], failed: […]}"
            message = f"{site.shown} gives {gives}, and field '{node.save}' is {describe(declared)}"
            yield view.problem("E402", message, (*site.steps, "save"))
