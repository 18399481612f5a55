"""Relation machines inside this process: states with relations, handlers, a queue, waits."""

from trellis.machine.machine import Machine as Machine
from trellis.machine.result import Result as Result

__all__ = ["Machine", "Result"]
