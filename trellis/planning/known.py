"""What is known of the fields at some place, and what an expression or a text comes to with only that."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from trellis.engine.program import LinkedField, Program
from trellis.engine.writes import failed_check
from trellis.errors import ExpressionError
from trellis.expr.expression import Expression, ExpressionSyntax, compile_expression
from trellis.expr.syntax import Source
from trellis.expr.template import compile_template
from trellis.model.saying import Saying, first
from trellis.model.values import Value

UNKNOWN: Final = object()
"""A value that only a run can tell."""
LOCALS = frozenset(("error", "signal", "index"))
"""Names that may mean something else than the field of that name."""
LONGEST = 10_000
"""Bytes of a value that is followed; a longer one is as good as unknown."""


class Known:
    """The fields whose values are known, unset ones as null. Never a secret. Equal knowledge has an equal `key`."""

    __slots__ = ("key", "values")

    def __init__(self, values: dict[str, Value]) -> None:
        self.values = values
        self.key = msgspec.json.encode(values, order="sorted")

    def without(self, names: Iterable[str]) -> Known:
        """The same but for these."""
        gone = self.values.keys() & names
        return Known({name: value for name, value in self.values.items() if name not in gone}) if gone else self

    def learned(self, changes: dict[str, Any]) -> Known:
        """What is known after these writes; UNKNOWN forgets."""
        if not changes:
            return self
        values = {**self.values, **changes}
        return Known({name: value for name, value in values.items() if value is not UNKNOWN})


class Reader:
    """Reads the texts of one graph with what is known. `hidden` are names that are not those of fields everywhere."""

    def __init__(self, program: Program, hidden: frozenset[str]) -> None:
        self._program = program
        self._hidden = hidden | LOCALS
        self._expressions: dict[str, Expression] = {}
        self._trees: dict[str, ast.expr] = {}

    def names(self, text: str) -> frozenset[str]:
        """The names that an expression reads."""
        expression = self._expression(text)
        return expression.names | expression.soft_names

    def value(self, text: str, known: Known) -> Any:
        """What an expression gives, or UNKNOWN. Raises ExpressionError where it surely fails."""
        expression = self._expression(text)
        if not self._all_known(expression.names | expression.soft_names, known):
            return UNKNOWN
        return expression.evaluate(known.values)

    def decide(self, text: str, known: Known) -> bool | None:
        """Whether a condition holds, None where that is not known. Raises ExpressionError where it surely fails."""
        return self._decide(text, self._tree(text), known)

    def text(self, template: str, known: Known) -> tuple[Value, bool]:
        """A text with all filled in that is known, and whether that is everything. Fails never: then nothing is."""
        if "{{" not in template:
            return template, True
        try:
            parts = compile_template(template, self._expression).parts
            values = [part if isinstance(part, str) else self.value(part[1].text, known) for part in parts]
            if len(parts) == 1 and values[0] is not UNKNOWN:
                return values[0], True
            if UNKNOWN not in values:
                return compile_template(template, self._expression).evaluate(known.values), True
        except (ExpressionError, ExpressionSyntax):
            return template, False
        shown = [
            value if isinstance(value, str) else _spelt(part) if value is UNKNOWN else compact(value)
            for part, value in zip(parts, values, strict=True)
        ]
        return "".join(shown), False

    def says(self, said: Saying, known: Known) -> tuple[str, bool]:
        """What a node says, and whether all of it is known; of several texts all that may be said, in the first language."""
        value, sure = self.text(said if isinstance(said, str) else first(said), known)
        return value if isinstance(value, str) else compact(value), sure and isinstance(said, str)

    def data(self, value: Value, known: Known) -> tuple[Value, bool]:
        """The same for data whose texts are templates."""
        if isinstance(value, str):
            return self.text(value, known)
        if isinstance(value, dict):
            pairs = {key: self.data(part, known) for key, part in value.items()}
            return {key: part for key, (part, _) in pairs.items()}, all(sure for _, sure in pairs.values())
        if isinstance(value, list):
            parts = [self.data(part, known) for part in value]
            return [part for part, _ in parts], all(sure for _, sure in parts)
        return value, True

    def stored(self, linked: LinkedField, value: Any, known: Known) -> Any:
        """The value as the field keeps it, or UNKNOWN. Raises ValueError where it surely refuses it."""
        if value is UNKNOWN or linked.field.secret:
            return UNKNOWN
        fitted = linked.fit(value)
        check = linked.field.check
        if check is not None and self._all_known(self.names(check) - {"value"}, known):
            reason = failed_check(linked, fitted, known.values)
            if reason:
                raise ValueError(reason)
        return fitted if len(msgspec.json.encode(fitted)) <= LONGEST else UNKNOWN

    def _all_known(self, names: frozenset[str], known: Known) -> bool:
        return names <= known.values.keys() and names.isdisjoint(self._hidden)

    def _decide(self, text: str, tree: ast.expr, known: Known) -> bool | None:
        if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.Not):
            inner = self._decide(ast.unparse(tree.operand), tree.operand, known)
            return None if inner is None else not inner
        if isinstance(tree, ast.BoolOp):
            decisive = isinstance(tree.op, ast.Or)
            parts: set[bool | None] = set()
            for part in tree.values:
                try:
                    parts.add(self._decide(ast.unparse(part), part, known))
                except ExpressionError:
                    if None not in parts:
                        raise
                    parts.add(None)  # an unknown part before it may decide first
                if decisive in parts and None not in parts:
                    return decisive
            # An unknown part may still fail, but it cannot make the whole other than what one part decides.
            return decisive if decisive in parts else None if None in parts else not decisive
        value = self.value(text, known)
        return None if value is UNKNOWN else bool(value)

    def _expression(self, text: str) -> Expression:
        found = self._expressions.get(text)
        if found is None:
            found = self._expressions[text] = compile_expression(text)
        return found

    def _tree(self, text: str) -> ast.expr:
        found = self._trees.get(text)
        if found is None:
            tree: Any = Source(text).tree
            found = self._trees[text] = tree.body if isinstance(tree, ast.Expression) else tree
        return found


def compact(value: Value) -> str:
    """A value as JSON."""
    return msgspec.json.encode(value).decode()


def _spelt(part: Any) -> str:
    return f"{{{{ {part[1].text.strip()} }}}}"


def short(values: dict[str, Value]) -> dict[str, Value]:
    """Without the values that are too long to be followed."""
    return {name: value for name, value in values.items() if len(Known({name: value}).key) <= LONGEST}
