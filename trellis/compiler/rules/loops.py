"""E305, W305: a loop of nodes that wait for nothing must be left, or it runs into the limit of steps."""

from __future__ import annotations

from collections.abc import Iterator

from trellis.compiler.sites import View
from trellis.compiler.walks import rounds
from trellis.model.graph import Node
from trellis.model.problems import Problem

CODES = ("E305", "W305")

SHOWN = 5
"""How many nodes of a loop are named."""


def check(view: View) -> Iterator[Problem]:
    """An error for each loop without a way out, a warning for each whose conditions nothing in it can change."""
    pure = {name: site.node for name, site in view.sites.items() if site.node.verb in ("say", "pass")}
    graph = {name: [edge.to for edge in node.to] for name, node in pure.items()}
    for found in rounds(graph):
        loop = set(found)
        nodes = [pure[name] for name in found]
        if any(node.catch for node in nodes) or any(view.torn(*view.sites[name].steps) for name in found):
            continue
        site, named = view.sites[found[0]], _named(found)
        if not any(_taken(node, loop) for node in nodes):
            message = f"{named} for ever: no edge leads out, and nothing in it waits"
            hint = "let one of its edges lead out, or let one of its nodes wait"
            yield view.problem("E305", message, (*site.steps, "to"), hint=hint)
            continue
        written = {name for node in nodes for name in node.set}
        deciding = [when for node in nodes for when in _deciding(node, loop)]
        read = {name for when in deciding for name in _names(view, when)}
        unread = any(view.language.parse("expression", when).reason for when in deciding)  # told of there
        if deciding and not unread and not read & written:
            message = f"{named} for ever unless its first round leads out: nothing in it changes its conditions"
            listed = ", ".join(f"'{name}'" for name in sorted(read))
            hint = f"let one of its nodes set {listed}" if read else "its conditions read no field"
            yield view.problem("W305", message, (*site.steps, "to"), hint=hint, severity="warning")


def _taken(node: Node, loop: set[str]) -> bool:
    """Whether an edge out of the loop can be taken here: one that does not stand behind an edge that always is."""
    for edge in node.to:
        if edge.to not in loop:
            return True
        if edge.when is None:
            return False
    return False


def _deciding(node: Node, loop: set[str]) -> list[str]:
    """The conditions on which it hangs whether a node leads out: of the edges that do, and of those before them."""
    leading = max((place for place, edge in enumerate(node.to) if edge.to not in loop), default=-1)
    return [edge.when for edge in node.to[: leading + 1] if edge.when is not None]


def _names(view: View, when: str) -> frozenset[str]:
    parsed = view.language.parse("expression", when)
    return parsed.names | parsed.soft_names


def _named(found: list[str]) -> str:
    if len(found) == 1:
        return f"'{found[0]}' goes to itself"
    listed = ", ".join(f"'{name}'" for name in found[:SHOWN])
    return f"{listed}{' and others' * (len(found) > SHOWN)} go round"
