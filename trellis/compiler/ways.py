"""Where one can go from a node."""

from __future__ import annotations

from trellis.compiler.sites import Region, Steps, View
from trellis.model.graph import Node
from trellis.model.problems import did_you_mean

LEADS = ("to", "catch", "upon", "all", "race", "each", "end")
LEADS_ELSEWHERE = frozenset({"next", "goto", "go_to", "then", "else", "on", "transitions", "edges", "error"})
"""What other formats call their ways on."""
LEADS_NOWHERE = frozenset(
    {"say", "ask", "do", "use", "with", "save", "set", "retry", "timeout", "deadline", "undo", "commit", "wait", "emit"}
)


def may_lead(view: View, steps: Steps) -> bool:
    """Whether something in the node at `steps` could not be read that may have been a way on."""
    if not view.torn(*steps):
        return False
    if any(view.torn(*steps, key) for key in ("to", "catch", "upon")):
        return True
    return any(
        key in LEADS or key in LEADS_ELSEWHERE or key.startswith("on_") or did_you_mean(key, LEADS) != ""
        for key in map(str, view.lost(*steps))
        if key not in LEADS_NOWHERE
    )


def targets(node: Node) -> list[str]:
    """Every target that may follow, by whatever way, those that are no nodes too; with repetitions."""
    found = [edge.to for edge in node.to]
    for routes in (node.catch, node.upon, node.upon_states):
        if routes:
            found += routes.values()
    return found


def entries(view: View, region: Region) -> list[str]:
    """Where one may enter a region from outside: its start, and for the graph what it catches and reacts to."""
    found = [region.start]
    if not region.inner:
        definition = view.definition
        found += [
            to for routes in (definition.catch, definition.upon, definition.upon_states) for to in routes.values()
        ]
    return [name for name in found if name in view.sites]
