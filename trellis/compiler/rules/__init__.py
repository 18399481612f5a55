"""What is checked, as a list: one rule a module, each from the resolved view to problems, none aware of another."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from trellis.compiler.rules import (
    awaited,
    brought,
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
    one_name,
    parallel_writes,
    questions,
    reachable,
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
    undoing,
    unset,
)
from trellis.compiler.sites import View
from trellis.model.problems import Problem

Rule = Callable[[View], Iterator[Problem]]

RULES: tuple[Rule, ...] = (
    targets.check,
    tools.check,
    retries.check,
    fields.check,
    signals.check,
    reserved.check,
    questions.check,
    undoing.check,
    ends.check,
    idle.check,
    joins.check,
    declarations.check,
    reachable.check,
    dead_ends.check,
    unset.check,
    fallbacks.check,
    loops.check,
    parallel_writes.check,
    expressions.check,
    saves.check,
    secrets.check,
    languages.check,
    brought.check,
    schemas.check,
    state_names.check,
    one_name.check,
    contradictions.check,
    impossible_sets.check,
    rivals.check,
    awaited.check,
    migrations.check,
    schedules.check,
)
