"""Relation machines inside this process: states with relations, handlers, a queue, waits."""

from trellis.machine.aio import AsyncMachine as AsyncMachine
from trellis.machine.aio import ThreadSafe as ThreadSafe
from trellis.machine.log import Log as Log
from trellis.machine.machine import Machine as Machine
from trellis.machine.result import Result as Result
from trellis.machine.states import Group as Group
from trellis.machine.states import Schema as Schema
from trellis.machine.states import State as State
from trellis.machine.transition import Transition as Transition
from trellis.machine.transition import TransitionRecord as TransitionRecord

__all__ = [
    "Machine",
    "AsyncMachine",
    "ThreadSafe",
    "Result",
    "Schema",
    "State",
    "Group",
    "Log",
    "Transition",
    "TransitionRecord",
]
