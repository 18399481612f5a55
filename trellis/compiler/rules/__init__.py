"""What is checked, as a list: one rule a module, each from the resolved view to problems, none aware of another.

A rule names its codes in `CODES`. An `E…` is an error, a `W…` a warning; what each means is in trellis/pages.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from trellis.compiler.rules import (
    awaited,
    brought,
    command_lines,
    contradictions,
    dead_ends,
    declarations,
    ends,
    expressions,
    fallbacks,
    fields,
    idle,
    impossible_sets,
    joins,
    languages,
    loops,
    migrations,
    moments,
    never_active,
    one_name,
    parallel_writes,
    questions,
    reachable,
    reminders,
    reserved,
    retries,
    rivals,
    saves,
    schedules,
    schemas,
    secrets,
    signals,
    state_names,
    targets,
    tools,
    unanswered,
    undoing,
    unset,
    unused,
    vain_undos,
    vain_waits,
)
from trellis.compiler.sites import View
from trellis.model.problems import Problem


class Rule(Protocol):
    """A module that checks one thing."""

    @property
    def CODES(self) -> tuple[str, ...]:  # noqa: N802 - a constant of the module
        """The codes of its problems."""

    def check(self, view: View) -> Iterator[Problem]:
        """Every problem of its codes in a view."""


RULES: tuple[Rule, ...] = (
    targets,
    tools,
    retries,
    fields,
    signals,
    reserved,
    questions,
    reminders,
    undoing,
    ends,
    idle,
    joins,
    declarations,
    reachable,
    dead_ends,
    unset,
    fallbacks,
    loops,
    parallel_writes,
    expressions,
    saves,
    secrets,
    command_lines,
    languages,
    brought,
    schemas,
    state_names,
    one_name,
    contradictions,
    impossible_sets,
    rivals,
    awaited,
    moments,
    vain_waits,
    migrations,
    schedules,
    unanswered,
)
IN_VAIN: tuple[Rule, ...] = (vain_undos, unused, never_active)
"""The rules that tell of what nothing leads to. An error may be why, so they are asked only where there is none."""
