"""A state schema from a YAML file, for a machine: its relations, without what only a workflow can do with it."""

from __future__ import annotations

import os

from trellis.errors import BadSchema
from trellis.model.states import StateDef
from trellis.project import load_states


class WrittenSchema:
    """The states and groups of the state schema at `path`.

    Raises InvalidGraph with every problem of the documents; BadSchema where a state has a guard or acts: fields and
    tools belong to a run, a machine binds handlers instead.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        declared, self.groups, self.name = load_states(path)
        faults = [
            f"state '{name}' has `{key}`, which needs a workflow; bind a handler `{name}{moment}` instead"
            for name, state in declared.items()
            for key, moment in (("enter_if", "Enter"), ("exit_if", "Exit"), ("entered", "State"), ("exited", "End"))
            if getattr(state, key) is not None
        ]
        if faults:
            raise BadSchema(faults)
        self._states = {
            name: StateDef(state.auto, state.multi, state.require, state.add, state.remove, state.after, state.tags)
            for name, state in declared.items()
        }

    def states(self) -> dict[str, StateDef]:
        """The definitions, by name, in order."""
        return self._states
