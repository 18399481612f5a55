"""Another schema, or another order of the same states, for a machine that lives: clocks and active states stay.

Only ever more states, and never while a transition runs. Handlers and waits go on as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from msgspec import structs

from trellis.engine.relations import Relations
from trellis.errors import BadSchema
from trellis.machine.handlers import Handlers
from trellis.machine.schema import compiled, declared_with
from trellis.model.problems import suggestion

if TYPE_CHECKING:
    from trellis.machine.body import Body


def set_schema(machine: Body[Any], schema: object, order: Sequence[str] | None) -> None:
    """Give the machine a schema that has all its states and more. Raises BadSchema; then nothing changed."""
    relations = compiled(schema, order)
    faults = _running(machine) + list(relations.problems)
    missing = [name for name in machine.names if name not in relations.index]
    faults += [f"the new schema lacks the state '{name}'{suggestion(name, relations.index)}" for name in missing]
    if not missing and len(relations.names) <= len(machine.names):
        faults.append(f"the new schema has no more states than the {len(machine.names)} of the old one")
    if faults:
        raise BadSchema(faults)
    if order is None:  # numbers of states that are known stay as they are
        more = [name for name in relations.names if name not in machine.relations.index]
        relations = reordered(relations, (*machine.names, *more))
    before = machine.relations.states
    renumber(machine, relations, machine.clock, machine.active)
    machine.groups = declared_with(schema, "groups") or machine.groups
    machine.arguments = declared_with(schema, "arguments") or machine.arguments
    machine.replan()
    if machine.hooks is not None:
        machine.hooks.schema_change(before)


def verify_states(machine: Body[Any], names: Sequence[str]) -> None:
    """Check that these are exactly the machine's states, and make them the index order. Raises BadSchema, with every
    unknown and missing name; then nothing changed.
    """
    index = machine.relations.index
    wanted = tuple(dict.fromkeys(names))
    faults = _running(machine)
    faults += [f"'{name}' is no state{suggestion(name, index)}" for name in wanted if name not in index]
    faults += [f"the state '{name}' is missing" for name in machine.names if name not in wanted]
    if faults:
        raise BadSchema(faults)
    if wanted != machine.names:
        renumber(machine, reordered(machine.relations, wanted), machine.clock, machine.active)
    if machine.hooks is not None:
        machine.hooks.verify_states()


def reordered(relations: Relations, names: Sequence[str]) -> Relations:
    """The same definitions in another index order.

    Compiling cleans them once more, and takes from each state one mention of itself: so they are given one more.
    """
    states = {
        name: structs.replace(
            state,
            remove=(name, *state.remove) if name in state.remove else state.remove,
            after=(name, *state.after) if name in state.after else state.after,
        )
        for name, state in relations.states.items()
    }
    return compiled(states, names)


def renumber(machine: Body[Any], relations: Relations, clock: Mapping[str, int], active: Sequence[str]) -> None:
    """Let a machine at rest go on with other relations, these ticks by name (0 for all else) and these active states.

    Waits see clocks that differ as if a mutation had moved them.
    """
    before = machine.clock
    machine.relations = relations
    machine.ticks = [clock.get(name, 0) for name in relations.names]
    machine.config = relations.config(relations.numbers(active))
    machine._last, machine.seen = None, []
    if machine.handlers is not None:
        machine.handlers = Handlers(relations, machine.handlers.bindings)
    if machine.waits is not None:
        machine.waits.quiet = set()  # changes of the old relations
        machine.waits.moved([name for name, tick in machine.clock.items() if tick != before.get(name, 0)])
        machine.waits.drained()
    machine.replan()


def _running(machine: Body[Any]) -> list[str]:
    machine._check_thread()
    return ["the states cannot change while a transition runs"] if machine.running else []
