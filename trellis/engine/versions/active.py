"""The declared states of a run as the new version has them: what is true stays true, so it must be able to be."""

from __future__ import annotations

from trellis.engine.state import State
from trellis.engine.versions.names import Versions


def carry_active(versions: Versions, state: State) -> tuple[tuple[str, ...], dict[str, int]]:
    """What is active, in its order, and the clocks: of the states, and of the nodes that states of the version require.

    The clock of a state that is gone and not active is dropped.
    """
    old, new = versions.old_program.declared, versions.new_program.declared
    here = new.relations.index if new is not None else {}
    old_nodes, new_nodes = (old.nodes if old is not None else {}), (new.nodes if new is not None else {})
    active: list[str] = []
    for name in state.active:
        if name in old_nodes:
            if versions.node(name) in new_nodes:
                active.append(versions.node(name))
        elif name in here:
            active.append(name)
        else:
            versions.findings.blocked(
                f"state '{name}' is active, and the new version does not have it; keep it until no run is in it"
            )
    clock = {
        (versions.node(name) if name in old_nodes else name): tick
        for name, tick in state.clock.items()
        if (versions.node(name) in new_nodes if name in old_nodes else name in here and name not in new_nodes)
    }
    for token in state.tokens.values():
        name = versions.node(token.node)
        if not token.parent and name in new_nodes and name not in active:
            active.append(name)
            clock[name] = 1
    if not versions.findings.mappable:  # a node that lost its name would be told of twice
        _check_relations(versions, active)
    return tuple(active), clock


def _check_relations(versions: Versions, active: list[str]) -> None:
    """What is active can be active together, as far as its relations are others than before."""
    for name in active:
        new, old = versions.new.states.get(name), versions.old.states.get(name)
        if new is None:
            continue
        lacking = [other for other in new.require if other not in active]
        if lacking:
            shown = ", ".join(f"'{other}'" for other in lacking)
            versions.findings.blocked(
                f"state '{name}' is active, and in the new version requires {shown}; let the run leave it first, or keep "
                "its relations"
            )
        against = [other for other in new.remove if other in active and other != name]
        # Some that remove each other are active together, as the last that others bring: that was so before.
        if against and (old is None or new.remove != old.remove):
            shown = ", ".join(f"'{other}'" for other in against)
            versions.findings.blocked(
                f"state '{name}' is active, and in the new version removes {shown}, active as well; let the run leave one "
                "of them first, or keep its relations"
            )
