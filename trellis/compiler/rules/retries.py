"""E210: a retry says when it gives up: after `max_attempts`, or at the node's `deadline`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from trellis.compiler.sites import Steps, View
from trellis.model.problems import Problem

CODES = ("E210",)


def check(view: View) -> Iterator[Problem]:
    """One problem for each retry, of a node or of an undo, that would go on for ever."""
    for site in view.sites.values():
        data = site.data
        if _is_endless(data) and site.node.deadline is None and "deadline" not in view.lost(*site.steps):
            yield from _bound(view, data["retry"], (*site.steps, "retry"), "max_attempts, or the node a deadline")
        undo = data.get("undo")
        if undo and _is_endless(undo):
            yield from _bound(view, undo["retry"], (*site.steps, "undo", "retry"), "max_attempts of at least 1")


def _is_endless(data: dict[str, Any]) -> bool:
    return "retry" in data and not data["retry"].get("max_attempts")


def _bound(view: View, retry: dict[str, Any], steps: Steps, wanted: str) -> Iterator[Problem]:
    if view.lost(*steps) - retry.keys():  # that may be it, misspelled
        return
    found = "max_attempts 0 is unlimited" if "max_attempts" in retry else "nothing says when it gives up"
    yield view.problem("E210", f"this retry has no end: {found}", steps, key=True, hint=f"give it {wanted}")
