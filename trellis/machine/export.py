"""What a machine was, as JSON, and a machine that goes on from there: clocks and active states, not its queue or errors.

{"id": "door", "state_names": ["Open", "Exception"], "time": [3, 0], "queue_tick": 4, "machine_tick": 0}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec

from trellis.errors import BadImport
from trellis.machine.reschema import renumber, reordered
from trellis.model.problems import suggestion

if TYPE_CHECKING:
    from trellis.machine.body import Body

RESTORED: Final = "MachineRestored"
"""The state that is added after an import, where a schema has it."""

_Count = Annotated[int, msgspec.Meta(ge=0)]


class _Exported(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    id: str
    state_names: tuple[str, ...]
    time: tuple[_Count, ...]
    queue_tick: _Count = 1
    machine_tick: _Count = 0


def exported(machine: Body[Any]) -> dict[str, Any]:
    """Its id, names and ticks in index order, and its counters."""
    return {
        "id": machine.id,
        "state_names": list(machine.names),
        "time": list(machine.ticks),
        "queue_tick": machine.queue_tick,
        "machine_tick": machine.machine_tick,
    }


def import_into(machine: Body[Any], data: Mapping[str, Any]) -> None:
    """Make the machine what was exported: same id, same states, in the exported order. Active is what has an odd tick,
    in index order; `machine_tick` is one more; the queue tick stays. Then MachineRestored is added where there is one.

    Raises BadImport, naming every fault; then nothing changed.
    """
    machine._check_thread()
    try:
        found = msgspec.convert(data, _Exported)
    except msgspec.ValidationError as error:
        raise BadImport(machine.id, [str(error)]) from None
    names, index = found.state_names, machine.relations.index
    faults: list[str] = []
    if machine.running:
        faults.append("a transition runs")
    if found.id != machine.id:
        faults.append(f"it was exported from '{found.id}'")
    if len(names) != len(found.time):
        faults.append(f"it has {len(names)} states and {len(found.time)} ticks")
    if len(names) != len(set(names)):
        faults.append("it names a state twice")
    faults += [f"it has the unknown state '{name}'{suggestion(name, index)}" for name in names if name not in index]
    faults += [f"it lacks the state '{name}'" for name in machine.names if name not in names]
    if faults:
        raise BadImport(machine.id, faults)
    clock = dict(zip(names, found.time, strict=True))
    relations = machine.relations if names == machine.names else reordered(machine.relations, names)
    renumber(machine, relations, clock, [name for name, tick in clock.items() if tick % 2])
    machine.machine_tick = found.machine_tick + 1
    if machine.has(RESTORED):
        machine.mutate("add", (RESTORED,))
