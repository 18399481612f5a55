"""One task sends no more than a message to the server may have: what has no room left is asked for in the next one.

A server that gets more ends the workflow, whatever its run is worth. How much there is depends on the history alone, so a
replay comes to the same commands; so what a store of claims would make smaller counts in full.
"""

from __future__ import annotations

from temporalio import workflow

ROOM = 3_000_000
"""Bytes of arguments in one task. A message of the server's has 4 MiB."""
EACH = 1_000
"""Bytes that a command may have beside its arguments."""
SOON_S = 0.001
"""After so many seconds the next task asks for more."""


class Room:
    """What the present task of a workflow may still send."""

    def __init__(self) -> None:
        self._task, self._left = -1, ROOM

    def takes(self, size: int) -> bool:
        """Whether arguments of `size` bytes go with this task; once one does not, none does. The first always does."""
        task = workflow.info().get_current_history_length()
        if task != self._task:
            self._task, self._left = task, ROOM
        size += EACH
        if size > self._left and self._left < ROOM:
            self._left = 0
            return False
        self._left -= size
        return True
