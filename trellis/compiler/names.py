"""What a name means: a target is a node of the same region, or none; a state is one, or for `require` a node of the graph.

A typo means its nearest name.
"""

from __future__ import annotations

from itertools import chain

from trellis.compiler.sites import Reference, Region, Role, Steps, View
from trellis.model.graph import TARGETS
from trellis.model.states import EXCEPTION


def resolve(view: View, region: Region, name: str, steps: Steps) -> str | None:
    """The id of the node that `name` means at `steps`; for a name that means none, that of its best guess, or None."""
    found = name if name in TARGETS else region.names.get(name)
    view.references.append(Reference(name, region.id, steps, found))
    return _guess(view, region, name) if found is None else found


def resolve_start(view: View, region: Region, name: str, steps: Steps) -> str:
    """The same for a `start`, which is a node; empty where there is no best guess."""
    found = region.names.get(name)
    view.references.append(Reference(name, region.id, steps, found))
    meant = _guess(view, region, name) if found is None else found
    return "" if meant is None or meant in TARGETS else meant


def guess(view: View, region: Region, name: str) -> str | None:
    """The name in `region`, or the target, that `name` is best taken for."""
    return view.guesses.near(f"node {region.id}", name, chain(TARGETS, region.names))


def _guess(view: View, region: Region, name: str) -> str | None:
    near = guess(view, region, name)
    return near if near is None or near in TARGETS else region.names[near]


def resolve_state(view: View, name: str, role: Role) -> tuple[str | None, bool]:
    """The state that `name` means in this role, or the node; and whether it does: where not, its best guess or None."""
    if name in view.states or name == EXCEPTION:
        return name, True
    root = view.regions[""].names
    if role == "require" and name in root:
        return name, True
    if name in root:  # told of as what it is
        return None, False
    return near_state(view, name, role), False


def near_state(view: View, name: str, role: Role) -> str | None:
    """The state, or for `require` the node, that `name` is best taken for."""
    nodes = view.regions[""].names if role == "require" else ()
    return view.guesses.near("state or node" if nodes else "state", name, chain(view.states, (EXCEPTION,), nodes))


def elsewhere(view: View) -> dict[str, Region]:
    """The names that mean nothing where they stand, but are nodes of another region: each with the outermost such."""
    missing = {reference.name for reference in view.references if reference.found is None}
    homes: dict[str, Region] = {}
    for region in view.regions.values() if missing else ():
        for name in missing & region.names.keys():
            homes.setdefault(name, region)
    return homes
