"""Machines inside a machine: who makes one with a parent is told of by the parent's tracers, and ends before it.

Ending always ends: what is called on the way may raise, then the rest is called all the same, and the first error is
raised when everything is over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trellis.machine.body import Body


def adopt(parent: Body[Any], child: Body[Any]) -> None:
    """Make a machine the child of another, for its lifetime. With a parent that has ended, it ends at once."""
    if parent.disposed:
        child.dispose()
        return
    parent.children = (*parent.children, child)
    if parent.hooks is not None:
        parent.hooks.submachine(child)


def end(machine: Body[Any]) -> None:
    """Do all that is due when a machine has ended: children first, the last made before the others; then its pipes
    and waits, its tracers, and what `on_dispose` was told, in order.
    """
    errors: list[Exception] = []
    for call in _due(machine):
        try:
            call()
        except Exception as error:  # noqa: BLE001 - raised below, when nothing is left undone
            errors.append(error)
    if errors:
        for other in errors[1:]:
            errors[0].add_note(f"then, while machine '{machine.id}' ended: {other!r}")
        raise errors[0]


def _due(machine: Body[Any]) -> Iterator[Callable[[], object]]:
    for child in reversed(machine.children):
        yield child.dispose
    for pipe in machine.pipes:
        yield pipe.detach
    machine.config, machine.ticks = machine.relations.empty, [0] * len(machine.relations.names)
    if machine.waits is not None:
        yield machine.waits.close
    if machine.hooks is not None:
        yield machine.hooks.disposed
    machine.handlers = None
    if machine.parent is not None:
        machine.parent.children = tuple(child for child in machine.parent.children if child is not machine)
    calls, machine._on_dispose = machine._on_dispose, ()
    yield from calls
