"""E212: what `upon` waits for is a declared signal, or `interrupt`, which is built in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from trellis.compiler.sites import Steps, View
from trellis.model.problems import Problem

INTERRUPT = "interrupt"


def check(view: View) -> Iterator[Problem]:
    """One problem for each unknown signal in an `upon`, of a node or of the graph."""
    if "signals" in view.lost():
        return
    data: dict[str, Any] = view.document.data  # type: ignore[assignment]
    known = {INTERRUPT, *view.definition.signals, *map(str, view.lost("signals"))}
    places: list[tuple[dict[str, Any], Steps]] = [(data, ())]
    places += [(site.data, site.steps) for site in view.sites.values() if "upon" in site.data]
    for written, steps in places:
        for name in written.get("upon") or ():
            if name != "states" and name not in known:
                hint = view.guesses.hint("signal", name, known) or f"declare it: signals: {{{name}: {{}}}}"
                yield view.problem("E212", f"no signal named '{name}'", (*steps, "upon", name), key=True, hint=hint)
