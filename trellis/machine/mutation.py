"""A mutation that was asked for: what is called, with which arguments, and who asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import msgspec

from trellis.engine.relations import Kind
from trellis.machine.result import Result


class Source(NamedTuple):
    """The transition in whose handler a mutation was made: machine id, transition id, machine time before it."""

    machine: str
    transition: str
    time: int


class Mutation(msgspec.Struct):
    """One entry of the queue."""

    kind: Kind
    names: tuple[str, ...]
    called: frozenset[int] = frozenset()
    args: Mapping[str, Any] = {}
    tick: int = 0
    """The queue tick at which it runs; 0 for one that does not count as one."""
    check: bool = False
    source: Source | None = None
    call: Callable[[], object] | None = None
    """What to call instead of mutating."""
    tell: Callable[[Result], object] | None = None
    """Who is told what came of it."""

    def told(self, tell: Callable[[Result], object]) -> Result:
        """Tell one more; gives what that one is to know until then."""
        known = self.tell

        def both(result: Result) -> None:
            if known is not None:
                known(result)
            tell(result)

        self.tell = both
        return Result("queued", self.tick)

    def __str__(self) -> str:
        return f"{self.kind} {' '.join(self.names)}".rstrip()
