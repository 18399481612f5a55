"""Texts that hold `{{ expressions }}`, and nested data that holds such texts. What holds none costs nothing to compile."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from trellis.errors import ExpressionError
from trellis.expr.expression import Expression, Scope, compile_expression
from trellis.expr.faults import ExpressionSyntax, Fault
from trellis.model.values import DEPTH, Value

Part = str | tuple[int, Expression]
"""A piece of text, or an expression and where it begins in the template."""


class Template:
    """A compiled text. `constant` is its value where it holds no expression, else None.

    `evaluate(scope)` gives a text: strings bare, other values as canonical JSON, whole floats without `.0`; null is an
    ExpressionError. A text that is one `{{ e }}` alone gives the value of `e` as it is, null too.
    """

    __slots__ = ("constant", "evaluate", "names", "parts", "soft_names", "text")

    def __init__(self, text: str, parts: tuple[Part, ...]) -> None:
        self.text, self.parts = text, parts
        expressions = [part[1] for part in parts if not isinstance(part, str)]
        self.names = frozenset().union(*(expression.names for expression in expressions))
        self.soft_names = frozenset().union(*(expression.soft_names for expression in expressions))
        self.constant: str | None = None
        self.evaluate: Callable[[Scope], Any]
        if not expressions:
            constant = self.constant = "".join(part for part in parts if isinstance(part, str))
            self.evaluate = lambda _: constant
        elif len(parts) == 1:
            self.evaluate = expressions[0].evaluate
        else:
            self.evaluate = _writer(text, parts)

    def __repr__(self) -> str:
        return f"Template({self.text!r})"


class CompiledValue:
    """Nested data whose texts are templates. `evaluate(scope)` gives the data; parts without `{{ }}` are shared."""

    __slots__ = ("data", "evaluate", "names", "soft_names")

    def __init__(
        self, data: Value, names: frozenset[str], soft_names: frozenset[str], evaluate: Callable[[Scope], Any]
    ) -> None:
        self.data, self.names, self.soft_names, self.evaluate = data, names, soft_names, evaluate

    def __repr__(self) -> str:
        return f"CompiledValue({self.data!r})"


Piece = TypeVar("Piece")
"""What is made of the text between `{{` and `}}`."""


def compile_template(text: str, compile: Callable[[str], Expression] = compile_expression) -> Template:
    """`{{{{` writes `{{`. Raises ExpressionSyntax; its offset counts in `text`. `compile` may remember what it compiled."""
    return Template(text, tuple(split_template(text, compile)))


def split_template(text: str, compile: Callable[[str], Piece]) -> list[str | tuple[int, Piece]]:
    """The pieces of a template in order, one at least; texts with no text beside them. Raises ExpressionSyntax."""
    if "{{" not in text:
        return [text]
    parts: list[str | tuple[int, Piece]] = []
    written, position = "", 0
    while True:
        opened = text.find("{{", position)
        if opened < 0:
            written += text[position:]
            break
        written += text[position:opened]
        if text.startswith("{{{{", opened):
            written, position = written + "{{", opened + 4
            continue
        closed = _closing(text, opened)
        if written:
            parts.append(written)
            written = ""
        try:
            expression = compile(text[opened + 2 : closed])
        except ExpressionSyntax as error:
            raise ExpressionSyntax(error.reason, opened + 2 + error.offset) from None
        parts.append((opened + 2, expression))
        position = closed + 2
    if written or not parts:
        parts.append(written)
    return parts


def _closing(text: str, opened: int) -> int:
    """Where the `}}` of the `{{` at `opened` stands: outside of strings and of the maps inside."""
    closed = text.find("}}", opened + 2)
    inside = text[opened + 2 : max(closed, 0)]
    if closed >= 0 and not ("{" in inside or "}" in inside or "'" in inside or '"' in inside):
        return closed
    quote, depth, position = "", 0, opened + 2
    while position < len(text):
        mark = text[position]
        if quote:
            if mark == "\\":
                position += 1
            elif mark == quote:
                quote = ""
        elif mark in "'\"":
            quote = mark
        elif mark == "{":
            depth += 1
        elif mark == "}":
            if depth == 0 and text.startswith("}}", position):
                return position
            depth -= 1
        position += 1
    why = "a quote inside is open" if quote else "write }} after the expression, or {{{{ for {{ itself"
    raise ExpressionSyntax(f"this {{{{ is never closed: {why}", opened)


def _writer(text: str, parts: Sequence[Part]) -> Callable[[Scope], str]:
    from trellis.expr.operators import TEXT, text_of

    def written(piece: Expression, scope: Scope) -> str:
        value = piece.evaluate(scope)
        if type(value) is str:
            return value
        if value is None:
            raise ExpressionError(piece.text.strip(), "it is null; default(…, …) says what to write then")
        try:
            return text_of(value)
        except Fault as fault:
            raise ExpressionError(piece.text.strip(), str(fault)) from None

    pieces = [part if isinstance(part, str) else part[1] for part in parts]

    def write(scope: Scope) -> str:
        whole = "".join([piece if isinstance(piece, str) else written(piece, scope) for piece in pieces])
        if len(whole) > TEXT:
            raise ExpressionError(text, f"the text gets longer than {TEXT:,} characters")
        return whole

    return write


def compile_value(data: Value) -> CompiledValue:
    """Every text inside, but no key, is a template. Raises ExpressionSyntax; its offset counts in that text."""
    names: set[str] = set()
    soft_names: set[str] = set()
    evaluate = _value(data, names, soft_names, DEPTH)
    return CompiledValue(data, frozenset(names), frozenset(soft_names), evaluate or (lambda _: data))


def _value(data: Value, names: set[str], soft_names: set[str], depth: int) -> Callable[[Scope], Any] | None:
    """How to evaluate `data`, or None where it is constant."""
    if isinstance(data, str):
        if "{{" not in data:
            return None
        template = compile_template(data)
        names |= template.names
        soft_names |= template.soft_names
        return template.evaluate
    if not isinstance(data, dict | list):
        return None
    if depth == 0:
        raise ExpressionSyntax("nested too deep", 0)
    parts: Iterable[tuple[Any, Any]] = data.items() if isinstance(data, dict) else enumerate(data)
    live = []
    for key, part in parts:
        evaluate = _value(part, names, soft_names, depth - 1)
        if evaluate is not None:
            live.append((key, evaluate))
    if not live:
        return None

    def fill(scope: Scope) -> Any:
        filled: Any = data.copy()
        for key, evaluate in live:
            filled[key] = evaluate(scope)
        return filled

    return fill
