"""How expressions fail: before a run as ExpressionSyntax, inside one as Fault, which no caller outside ever sees."""

from __future__ import annotations


class ExpressionSyntax(ValueError):
    """A text that is no expression or template of ours. `offset` counts characters from 0, in the text as given."""

    def __init__(self, reason: str, offset: int) -> None:
        self.reason, self.offset = reason, offset
        super().__init__(f"{reason} (at character {offset + 1})")


class Fault(Exception):
    """Why an operation cannot be done on these values; the expression turns it into an ExpressionError."""
