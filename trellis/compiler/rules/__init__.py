"""What is checked, as a list: one rule a module, each from the resolved view to problems, none aware of another."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from trellis.compiler.rules import (
    brought,
    dead_ends,
    declarations,
    ends,
    expressions,
    fallbacks,
    fields,
    idle,
    joins,
    loops,
    parallel_writes,
    questions,
    reachable,
    reserved,
    retries,
    saves,
    secrets,
    signals,
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
    brought.check,
)
