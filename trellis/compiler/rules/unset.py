"""W303: what a node reads has been written on every path to it, or a run needs it at start. E306: so has what it needs."""

from __future__ import annotations

from collections.abc import Iterator

from trellis.compiler.rules.fields import written
from trellis.compiler.sites import Unset, View
from trellis.model.problems import Problem

CODES = ("W303", "E306")

SHOWN = 7
"""How many nodes of a path are shown."""


def check(view: View) -> Iterator[Problem]:
    """A warning for each field that some path reads before any write, at the first place that does; E306 for `needs`."""
    if not view.unset and not view.unproved:
        return
    writers = {name for site in view.sites.values() for name, _, _ in written(site)}
    for name, unset in view.unset.items():
        if view.torn("fields", name):  # its default may be what could not be read
            continue
        guard = f"the guard of {unset.state.shown} reads field '{name}', which" if unset.state else ""
        hint = f"give it a default, make it optional, or start with --set {name}=…"
        if name in writers and unset.site is not None:
            message = (
                f"{guard or f'field {name!r}'} may be unset in {unset.site.shown}{_way(unset)}: a run needs it at start"
            )
            hint = f"write it on that path, {hint}"
        elif unset.site is None or guard:
            message = f"{guard} no node writes: a run needs it at start"
        else:
            message = f"{unset.site.shown} reads field '{name}', which no node writes: a run needs it at start"
        yield view.problem("W303", message, unset.text.steps, hint=hint, severity="warning")
    for unset in view.unproved:
        name = unset.text.text
        assert unset.site is not None
        message = f"{unset.site.shown} needs '{name}', which may be unset{_way(unset)}"
        hint = (
            "write it on that path, or give it a default"
            if name in writers
            else f"no node writes it: start with --set {name}=…"
        )
        yield view.problem("E306", message, unset.text.steps, hint=hint)


def _way(unset: Unset) -> str:
    path = unset.path
    if len(path) == 1:
        return ", where a run starts"
    if len(path) > SHOWN:
        path = [*path[: SHOWN // 2], "…", *path[-(SHOWN // 2) :]]
    return f" on the path {' → '.join(path)}" if path else ""
