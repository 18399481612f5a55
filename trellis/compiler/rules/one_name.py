"""E502: nodes and declared states share one name space, so a name is one or the other."""

from __future__ import annotations

from collections.abc import Iterator

from trellis.compiler.sites import View
from trellis.model.problems import Problem

CODES = ("E502",)


def check(view: View) -> Iterator[Problem]:
    """One problem for each node of the graph that is named as a state is."""
    for name in view.regions[""].names:
        declared = view.states.get(name)
        if declared is not None:
            whose = f" of '{declared.mixin}'" if declared.mixin else ""
            message = f"'{name}' is both a node and a state{whose}"
            yield view.problem("E502", message, ("nodes", name), key=True, hint="choose another name for one of them")
