"""E212: what `upon` or `wait` takes is a declared signal, or `interrupt`, which is built in. E217: a node takes it once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from trellis.compiler.sites import Steps, View
from trellis.model.problems import Problem

CODES = ("E212", "E217")

INTERRUPT = "interrupt"


def check(view: View) -> Iterator[Problem]:
    """One problem for each unknown signal in an `upon`, of a node or of the graph, or in a `wait`."""
    if "signals" in view.lost():
        return
    data: dict[str, Any] = view.document.data  # type: ignore[assignment]
    known = {INTERRUPT, *view.definition.signals, *map(str, view.lost("signals"))}
    places: list[tuple[dict[str, Any], Steps]] = [(data, ())]
    places += [(site.data, site.steps) for site in view.sites.values() if "upon" in site.data]
    for written, steps in places:
        for name in written.get("upon") or ():
            if name != "states" and name not in known:
                yield _unknown(view, name, known, (*steps, "upon", name), key=True)
    for site in view.sites.values():
        wait = site.node.wait
        if wait is None or not wait.signal:
            continue
        if wait.signal not in known:
            yield _unknown(view, wait.signal, known, (*site.steps, "wait", "signal"), key=False)
        if wait.signal in site.node.upon:
            message = f"{site.shown} waits for signal '{wait.signal}', so its `upon` never takes it"
            hint = f"choose the way on in `to`, or let `upon` alone take '{wait.signal}'"
            yield view.problem("E217", message, (*site.steps, "upon", wait.signal), key=True, hint=hint)


def _unknown(view: View, name: str, known: set[str], steps: Steps, *, key: bool) -> Problem:
    hint = view.guesses.hint("signal", name, known) or f"declare it: signals: {{{name}: {{}}}}"
    return view.problem("E212", f"no signal named '{name}'", steps, key=key, hint=hint)
