"""Every text is compiled once, however often it is written; what is wrong with it is a fact, not an exception."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from trellis.errors import ExpressionError
from trellis.expr.expression import Expression, ExpressionSyntax
from trellis.expr.template import Template, compile_template
from trellis.model.types import Type

if TYPE_CHECKING:
    from trellis.expr.syntax import Source

Kind = Literal["expression", "template"]
NO_NAMES: frozenset[str] = frozenset()
ANY = Type("any")


class Parsed:
    """A text compiled, and what it reads; or why it is none of the language: `reason`, at character `offset` from 0."""

    __slots__ = ("compiled", "names", "offset", "reason", "soft_names")

    def __init__(self, compiled: Expression | Template | None, reason: str = "", offset: int = 0) -> None:
        self.compiled, self.reason, self.offset = compiled, reason, offset
        self.names = NO_NAMES if compiled is None else compiled.names
        self.soft_names = NO_NAMES if compiled is None else compiled.soft_names


class Language:
    """The texts of one document, by kind and text."""

    __slots__ = ("_checked", "_expressions", "_parsed", "_sources")

    def __init__(self) -> None:
        self._sources: dict[str, Source] = {}
        self._expressions: dict[str, Expression] = {}
        self._parsed: dict[tuple[Kind, str], Parsed] = {}
        self._checked: dict[tuple[Kind, str, int], tuple[Mapping[str, Type], Type, list[str]]] = {}

    def parse(self, kind: Kind, text: str) -> Parsed:
        """What `text` reads; the same object for the same text."""
        key = kind, text
        parsed = self._parsed.get(key)
        if parsed is None:
            try:
                compiled = self._expression(text) if kind == "expression" else compile_template(text, self._expression)
                parsed = Parsed(compiled)
            except ExpressionSyntax as error:
                parsed = Parsed(None, error.reason, error.offset)
            self._parsed[key] = parsed
        return parsed

    def _expression(self, text: str) -> Expression:
        expression = self._expressions.get(text)
        if expression is None:
            from trellis.expr.building import build
            from trellis.expr.syntax import Source

            source = self._sources[text] = Source(text)
            expression = self._expressions[text] = build(source)
        return expression

    def type_of(self, expression: str, scope: Mapping[str, Type]) -> Type:
        """The type of what an expression gives; `any` where it cannot be told."""
        return self._check("expression", expression, scope)[1]

    def faults(self, kind: Kind, text: str, scope: Mapping[str, Type], wants: Type | None) -> list[str]:
        """What is wrong with the types in a text that can be read; names that are not in `scope` may be anything."""
        _, given, reasons = self._check(kind, text, scope)
        if wants is None or reasons:
            return reasons
        from trellis.expr.check import mismatch

        reason = mismatch(wants, given)
        return [] if reason is None else [f"`{text}`: {reason}"]

    def refuses(self, check: str, value: object) -> bool:
        """Whether the check of a field, an expression over `value`, surely does not hold for this one."""
        compiled = self.parse("expression", check).compiled
        if compiled is None or compiled.names - {"value"}:
            return False
        try:
            return not compiled.evaluate({"value": value})
        except ExpressionError:
            return True

    def _check(self, kind: Kind, text: str, scope: Mapping[str, Type]) -> tuple[Mapping[str, Type], Type, list[str]]:
        key = kind, text, id(scope)  # the scope is kept beside the outcome, so its id stays its own
        checked = self._checked.get(key)
        if checked is None:
            checked = self._checked[key] = (scope, *self._find(kind, text, scope))
        return checked

    def _find(self, kind: Kind, text: str, scope: Mapping[str, Type]) -> tuple[Type, list[str]]:
        from trellis.expr.check import check_expression, check_template

        parsed = self.parse(kind, text)
        compiled = parsed.compiled
        if compiled is None:
            return ANY, []
        unknown = [name for name in parsed.names | parsed.soft_names if name not in scope]
        types = {**scope, **dict.fromkeys(unknown, ANY)} if unknown else scope
        if isinstance(compiled, Expression):
            given, findings = check_expression(compiled, types, self._sources.__getitem__)
        else:
            given, findings = check_template(compiled, types, self._sources.__getitem__)
        return given, [finding.reason for finding in findings]
