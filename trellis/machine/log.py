"""A log is a tracer that tells what happens in one line each, the more of it the higher its level.

0  nothing
1  what the program itself says
2  states that changed:            [state] +A -B    [auto_] +X
3  mutations and what became of them:
                                   [queue:add] A    [prepend:add] A    [add] A    [source] parent/parent/7/12
                                   [reject] C(-D)   [rel:remove] D by C    [implied] B    [cancel:reject] C
                                   [prepend:check:add] A    [check:add] A
                                   [cancel] (D A) by DEnter    [error] DEnter: ValueError('no')    [auto] X
4  the same of auto passes, and of states that were not active:
                                   [add:auto] X     [reject:auto] X(-Y)    [rel:remove] X by C
5  handlers, and states that stay: [handle:binding-1] DEnter    [state] +A -B C
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from trellis.errors import MachineError
from trellis.machine.handlers import Call
from trellis.machine.mutation import Mutation
from trellis.machine.steps import Recount
from trellis.machine.transition import Transition

if TYPE_CHECKING:
    from logging import Logger

    from trellis.machine.body import Body


class Level(IntEnum):
    """How much is told."""

    NOTHING = 0
    EXTERNAL = 1
    CHANGES = 2
    OPERATIONS = 3
    DECISIONS = 4
    EVERYTHING = 5


class Log:
    """Gives lines to `sink`: a function that takes one, or a logging.Logger, which gets levels 1 and 2 as INFO, others
    as DEBUG. `args`: the names of arguments whose values are told; no other is. `with_id`: each line begins with the
    id of the machine. Raises MachineError for anything else.
    """

    def __init__(
        self,
        sink: Callable[[str], object] | Logger,
        level: int = Level.CHANGES,
        *,
        args: Iterable[str] = (),
        with_id: bool = False,
    ) -> None:
        if not callable(sink) and not callable(getattr(sink, "log", None)):
            raise MachineError(f"a log gives its lines to a function or a logging.Logger, Log(print), found {sink!r}")
        if level not in tuple(Level):
            raise MachineError(f"the level of a log is 0 to 5, as in Level, found {level!r}")
        if isinstance(args, str):
            raise MachineError(f"args of a log is a list of names, write [{args!r}]")
        self.level, self.args, self.with_id = Level(level), tuple(sorted(args)), with_id
        self._write = _to_logger(sink) if not callable(sink) else lambda _level, line: sink(line)

    def say(self, machine: Body[Any], text: str) -> None:
        """A line of the program itself."""
        self._line(Level.EXTERNAL, machine, f"[exter] {' '.join(text.splitlines())}")

    def mutation_queued(self, machine: Body[Any], mutation: Mutation) -> None:
        """`[queue:add] A`; of one that was prepended, `[prepend:add] A`; of a check, `[prepend:check:add] A`."""
        if self.level >= Level.OPERATIONS:
            how = ("queue" if mutation.tick else "prepend") + ":check" * mutation.check
            named = " ".join(mutation.names)
            self._line(Level.OPERATIONS, machine, f"[{how}:{mutation.kind}] {named}{self._told(mutation.args)}")

    def transition_init(self, tx: Transition) -> None:
        """What was called, and what the relations made of it."""
        if self.level < Level.OPERATIONS:
            return
        machine, change, auto = tx.machine, tx.change, ":auto" if tx.auto else ""
        normal = Level.DECISIONS if auto else Level.OPERATIONS
        if auto:
            self._line(Level.OPERATIONS, machine, f"[auto] {' '.join(tx.called)}")
        self._line(
            normal, machine, f"[{'check:' * tx.check}{tx.type}{auto}] {' '.join(tx.called)}{self._told(tx.args)}"
        )
        if tx.source is not None:
            source = tx.source
            self._line(Level.OPERATIONS, machine, f"[source] {source.machine}/{source.transition}/{source.time}")
        change = change.tried or change
        told = Recount(tx.relations, change)
        lacking = [
            f"{step.state}({' '.join(f'-{name}' for name in step.by)})" for step in told.steps if step.kind == "lack"
        ]
        if lacking:
            self._line(normal, machine, f"[reject{auto}] {' '.join(lacking)}")
        for step in told.steps:
            if step.kind in ("remove", "block"):
                level = Level.OPERATIONS if step.kind == "remove" else Level.DECISIONS
                self._line(level, machine, f"[rel:remove] {step.state} by {' '.join(step.by)}")
        implied = [state for state in change.target if state not in told.base]
        if implied:
            self._line(Level.OPERATIONS, machine, f"[implied] {' '.join(tx.relations.named(implied))}")
        if not change.accepted:
            rejected = [step.state for step in told.steps if step.kind == "reject"]
            self._line(Level.OPERATIONS, machine, f"[cancel:reject] {' '.join(rejected)}")

    def handler_start(self, tx: Transition, call: Call) -> None:
        """`[handle:binding] AEnter`."""
        self._line(Level.EVERYTHING, tx.machine, f"[handle:{call.binding}] {call.name}")

    def transition_finals(self, tx: Transition) -> None:
        """`[state] +A -B`."""
        if self.level < Level.CHANGES:
            return
        parts = [f"+{name}" for name in tx.added] + [f"-{name}" for name in tx.removed]
        if self.level >= Level.EVERYTHING:
            parts += [name for name in tx.after if name not in tx.added]
        if parts:
            label = "auto_" if tx.auto else "state"
            self._line(Level.CHANGES, tx.machine, f"[{label}] {' '.join(parts)}{self._told(tx.args)}")

    def transition_end(self, tx: Transition) -> None:
        """Who canceled it, or what was raised."""
        if tx.error is not None:
            self._line(Level.OPERATIONS, tx.machine, f"[error] {tx.name}: {tx.error!r}")
        if not tx.accepted and tx.change.accepted:
            self._line(Level.OPERATIONS, tx.machine, f"[cancel] ({' '.join(tx.target)}) by {tx.name}")

    def _told(self, args: Mapping[str, Any]) -> str:
        told = [f"{name}={args[name]}" for name in self.args if name in args]
        return f" ({' '.join(told)})" if told else ""

    def _line(self, level: Level, machine: Body[Any], line: str) -> None:
        if level <= self.level:
            line = line.rstrip()  # `[set]` of nothing
            self._write(level, f"[{machine.id}] {line}" if self.with_id else line)


def _to_logger(logger: Logger) -> Callable[[Level, str], object]:
    import logging

    levels = {Level.EXTERNAL: logging.INFO, Level.CHANGES: logging.INFO}
    return lambda level, line: logger.log(levels.get(level, logging.DEBUG), "%s", line)
