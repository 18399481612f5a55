"""What compiling an expression gives: its names, and one function of a scope that always gives the same value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Scope = Mapping[str, Any]
"""Names and their values; a name that is absent is not set."""


class Expression:
    """A compiled expression.

    `names` are the names it reads and needs set, `soft_names` those it reads inside `default(name, …)`, where
    absence is fine; a name may be in both. `evaluate(scope)` gives a value that shares parts with the scope, or raises
    ExpressionError, never anything else.
    """

    __slots__ = ("evaluate", "names", "soft_names", "text")

    def __init__(
        self, text: str, names: frozenset[str], soft_names: frozenset[str], evaluate: Callable[[Scope], Any]
    ) -> None:
        self.text, self.names, self.soft_names, self.evaluate = text, names, soft_names, evaluate

    def __repr__(self) -> str:
        return f"Expression({self.text!r})"
