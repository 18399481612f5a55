"""E216: `end` ends the run, so it stands at the graph's own nodes; a body ends with `to: $end`."""

from __future__ import annotations

from collections.abc import Iterator

from trellis.compiler.sites import View
from trellis.model.problems import Problem

CODES = ("E216",)


def check(view: View) -> Iterator[Problem]:
    """One problem for each `end` inside a body."""
    for site in view.sites.values():
        if site.node.verb == "end" and site.region.inner:
            message = f"`end` would end the run from inside the body '{site.region.id}'"
            hint = "write to: $end to end the body, to: $fail to fail"
            yield view.problem("E216", message, (*site.steps, "end"), key=True, hint=hint)
