"""A mutation that is asked for while a transition runs: whether it waits for its turn, and with what result."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trellis.engine.relations import Kind
from trellis.errors import WrongThread
from trellis.machine.body import Body
from trellis.machine.mutation import Mutation, Source
from trellis.machine.options import no_event
from trellis.machine.result import CANCELED, EXECUTED, PREPENDED, Result
from trellis.machine.running import Tell
from trellis.model.states import EXCEPTION


def enqueue(
    machine: Body[Any], kind: Kind, names: tuple[str, ...], args: Mapping[str, Any], source: Source | None,
    prepend: bool, check: bool, tell: Tell | None = None,
) -> Result:  # fmt: skip
    """Queue a mutation while a transition runs. If it is queued, `tell` is told what came of it.

    Where nobody is to be told, a handler made it, and the transition that runs is its source.
    """
    if not machine.owned_here:
        raise WrongThread(machine.id)
    if args and "event" in args:
        raise no_event(names)
    if source is None and tell is None and machine.current is not None:
        source = machine.current.as_source()
    relations = machine.relations
    called = frozenset(relations.numbers(names))
    if prepend:
        mutation = Mutation(kind, names, called, args, 0, check, source, None, tell)
        machine.queue.insert(0, mutation)
        result = PREPENDED
    else:
        if len(machine.queue) >= machine.queue_limit and not _lets_in(machine, kind, names):
            return CANCELED
        if kind == "remove" and not machine.queue and not any(machine.config.mask >> state & 1 for state in called):
            return EXECUTED
        if not args and not any(relations.multi >> state & 1 for state in called):
            twin = _twin(machine, kind, called)
            if twin is not None:
                return EXECUTED if tell is None else twin.told(tell)
        machine.pending += 1
        tick = machine.pending + machine.queue_tick
        mutation = Mutation(kind, names, called, args, tick, check, source, None, tell)
        machine.queue.append(mutation)
        result = Result("queued", mutation.tick)
    if machine.hooks is not None:
        machine.hooks.enqueued(mutation)
    return result


def _lets_in(machine: Body[Any], kind: Kind, names: tuple[str, ...]) -> bool:
    """Whether a mutation passes the limit of the queue: one into Exception, or out of it."""
    return EXCEPTION in names and kind != "set" and machine.is_(EXCEPTION) == (kind == "remove")


def _twin(machine: Body[Any], kind: Kind, called: frozenset[int]) -> Mutation | None:
    """The queued mutation that makes another one of these states needless."""
    for entry in machine.queue:
        if (entry.kind, entry.called, entry.check, entry.call) == (kind, called, False, None) and not entry.args:
            return entry
    return None
