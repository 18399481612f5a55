"""An expression is compiled once and evaluated on any scope. The parser loads with the first one."""

from __future__ import annotations

from trellis.expr.compiled import Expression as Expression
from trellis.expr.compiled import Scope as Scope
from trellis.expr.faults import ExpressionSyntax as ExpressionSyntax


def compile_expression(text: str) -> Expression:
    """Raises ExpressionSyntax, with the reason and the offset, where `text` is no expression of ours."""
    from trellis.expr.building import build  # a run of a graph without expressions never loads the parser
    from trellis.expr.syntax import Source

    return build(Source(text))
