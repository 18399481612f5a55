"""What is wrong with an expression whatever the data: found from the types of the names, all of it in one pass.

`any` silences: where a type is not known, nothing is claimed. Whether a name is set is the compiler's question.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from trellis.expr.calls import call_type
from trellis.expr.expression import Expression
from trellis.expr.kinds import ANY, Report, an, family, item_of, keys_of, literal, plain, unify
from trellis.expr.kinds import mismatch as mismatch
from trellis.expr.reading import CONSTANTS
from trellis.expr.syntax import ARITHMETIC, COMPARISONS, Source
from trellis.expr.template import CompiledValue, Template, compile_template
from trellis.model.problems import did_you_mean, suggestion
from trellis.model.types import Type
from trellis.model.values import Value

Types = Mapping[str, Type]
Piece = TypeVar("Piece")
"""An expression in a text: compiled, or parsed alone."""
STRING, BOOLEAN = Type("string"), Type("boolean")


class Finding(msgspec.Struct, frozen=True):
    """A fault. `offset` counts characters in the text that was compiled; `path` leads to that text in nested data."""

    reason: str
    offset: int
    path: tuple[str | int, ...] = ()


def check_expression(expression: Expression, types: Types) -> tuple[Type, list[Finding]]:
    """The type of the result, and every fault, in reading order. Raises nothing."""
    return check_source(Source(expression.text), types)


def check_source(source: Source, types: Types) -> tuple[Type, list[Finding]]:
    """The same for a parsed text."""
    checker = _Checker(source, types)
    result = checker.form(source.tree)
    findings = checker.findings
    if len(findings) > 1:
        findings.sort(key=lambda finding: finding.offset)
    return result, findings


def check_template(template: Template, types: Types) -> tuple[Type, list[Finding]]:
    """The same for a text: a string, or the type of the only expression where that stands alone."""
    return check_parts(template.parts, lambda expression: check_expression(expression, types))


def check_parts(
    parts: Sequence[str | tuple[int, Piece]], check: Callable[[Piece], tuple[Type, list[Finding]]]
) -> tuple[Type, list[Finding]]:
    """The same for the parts of a template, each checked by `check`, which may remember."""
    findings: list[Finding] = []
    result = STRING
    for part in parts:
        if type(part) is tuple:
            offset, piece = part
            result, inside = check(piece)
            if inside:
                findings += [Finding(finding.reason, offset + finding.offset) for finding in inside]
    if len(parts) > 1:
        return STRING, findings
    return (Type("string", enum=(parts[0],)) if isinstance(parts[0], str) else result), findings


def check_value(value: CompiledValue, types: Types) -> tuple[Type, list[Finding]]:
    """The same for nested data; each finding has the path of its text."""
    findings: list[Finding] = []
    return _check_data(value.data, types, (), findings), findings


def _check_data(data: Value, types: Types, path: tuple[str | int, ...], findings: list[Finding]) -> Type:
    if isinstance(data, str):
        result, inside = check_template(compile_template(data), types)
        findings += [Finding(finding.reason, finding.offset, path) for finding in inside]
        return result
    if isinstance(data, dict):
        return Type("map", keys={key: _check_data(part, types, (*path, key), findings) for key, part in data.items()})
    if isinstance(data, list):
        parts = [_check_data(part, types, (*path, place), findings) for place, part in enumerate(data)]
        return Type("list", item=unify(parts) if parts else None)
    return literal(data)


class _Checker:
    def __init__(self, source: Source, types: Types) -> None:
        self.source, self.types = source, types
        self.loops: dict[str, Type] = {}
        self.findings: list[Finding] = []

    def report(self, reason: str, node: ast.expr) -> None:
        self.findings.append(Finding(reason, self.source.offset(node)))

    def form(self, node: ast.expr) -> Type:
        return _FORMS[type(node)](self, node)

    def constant(self, node: ast.Constant) -> Type:
        return literal(node.value)  # type: ignore[arg-type]

    def name(self, node: ast.Name) -> Type:
        if node.id in CONSTANTS:
            return literal(CONSTANTS[node.id])
        known = self.loops.get(node.id) or self.types.get(node.id)
        if known is not None:
            return known
        near = did_you_mean(node.id, [*self.types, *self.loops])
        self.report(f"unknown name '{node.id}'" + (f": {near}" if near else ""), node)
        return ANY

    def attribute(self, node: ast.Attribute) -> Type:
        return self._key(self.form(node.value), node.attr, node)

    def _key(self, holder: Type, key: str, node: ast.Attribute | ast.Subscript) -> Type:
        shown = self.source.shown(node.value)
        if family(holder) not in ("map", ""):
            self.report(f"`{shown}` is {an(holder)}: only maps have keys, not '{key}'", node)
            return ANY
        keys = keys_of(holder)
        if keys is None:
            return ANY
        if key not in keys:
            near = did_you_mean(key, keys)
            hint = near or f"its keys: {', '.join(keys)}"
            self.report(f"`{shown}` has no key '{key}' ({hint})", node)
            return ANY
        return keys[key]

    def subscript(self, node: ast.Subscript) -> Type:
        holder, shown = self.form(node.value), self.source.shown(node.value)
        kind = family(holder)
        if isinstance(node.slice, ast.Slice):
            for bound in (node.slice.lower, node.slice.upper, node.slice.step):
                if bound is not None:
                    self._place(self.form(bound), bound)
            if kind not in ("list", "string", ""):
                self.report(f"`{shown}` is {an(holder)}: only lists and strings are cut with [a:b]", node)
                return ANY
            return plain(holder)
        index = self.form(node.slice)
        if kind == "map":
            if isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str):
                return self._key(holder, node.slice.value, node)
            if family(index) not in ("string", ""):
                self.report(f"`{shown}` is a map: its keys are strings, found {an(index)}", node.slice)
            return ANY
        if kind in ("list", "string"):
            self._place(index, node.slice)
            return item_of(holder) if kind == "list" else STRING
        if kind:
            self.report(f"`{shown}` is {an(holder)}: only lists, maps and strings have parts", node)
        return ANY

    def _place(self, index: Type, node: ast.expr) -> None:
        if index.kind not in ("integer", "any"):
            self.report(f"places are integers, found {an(index)}", node)

    def unary(self, node: ast.UnaryOp) -> Type:
        operand = self.form(node.operand)
        if isinstance(node.op, ast.Not):
            return BOOLEAN
        if isinstance(node.operand, ast.Constant) and isinstance(node.op, ast.USub) and operand.enum:
            value: Any = node.operand.value
            if type(value) is int or type(value) is float:
                return literal(-value)
        if family(operand) not in ("number", ""):
            self.report(f"cannot take {'minus' if isinstance(node.op, ast.USub) else 'plus'} {an(operand)}", node)
            return ANY
        return plain(operand)

    def binary(self, node: ast.BinOp) -> Type:
        symbol, left, right = ARITHMETIC[type(node.op)], self.form(node.left), self.form(node.right)
        a, b = family(left), family(right)
        if symbol == "%" and a == "string":
            self.report("texts are not formatted with %: write {{ }} or join texts with +", node)
            return STRING
        if {a, b} <= {"number", ""}:
            if "" in (a, b):
                return ANY
            whole = left.kind == right.kind == "integer" and symbol not in ("/", "**")
            return Type("integer" if whole else "number")
        if symbol == "+" and {a, b} <= {"string", ""}:
            return STRING
        if symbol == "+" and {a, b} <= {"list", ""}:
            return unify([plain(left), plain(right)])
        if symbol == "*":
            for whole_type, count in ((left, right), (right, left)):
                if family(whole_type) in ("string", "list") and count.kind in ("integer", "any"):
                    return plain(whole_type)
        hint = ": write str(…) to make it a text" if symbol == "+" and "string" in (a, b) else ""
        self.report(f"`{symbol}` does not take {an(left)} and {an(right)}{hint}", node)
        return ANY

    def boolean(self, node: ast.BoolOp) -> Type:
        return unify([self.form(value) for value in node.values])

    def compare(self, node: ast.Compare) -> Type:
        operands = [node.left, *node.comparators]
        types = [self.form(operand) for operand in operands]
        for place, comparison in enumerate(node.ops):
            symbol = COMPARISONS[type(comparison)]
            pair = (operands[place], operands[place + 1])
            self._compare(symbol, pair, types[place], types[place + 1])
        return BOOLEAN

    def _compare(self, symbol: str, nodes: tuple[ast.expr, ast.expr], left: Type, right: Type) -> None:
        if symbol in ("in", "not in"):
            self._within(nodes, left, right)
        elif symbol in ("==", "!="):
            self._equal(nodes, left, right)
        else:
            self._order(symbol, nodes, left, right)

    def _equal(self, nodes: tuple[ast.expr, ast.expr], left: Type, right: Type) -> None:
        a, b = family(left), family(right)
        if "" in (a, b) or "null" in (a, b):
            return
        if a != b:
            self.report(f"{an(left)} and {an(right)} are never equal", nodes[0])
        elif left.enum and right.enum and not set(left.enum) & set(right.enum) and not all(map(_written_out, nodes)):
            named, value = (0, right) if not _written_out(nodes[0]) else (1, left)
            self._never(nodes[named], (left, right)[named], value, nodes[1 - named])

    def _never(self, named: ast.expr, declared: Type, value: Type, node: ast.expr) -> None:
        options = ", ".join(map(str, declared.enum))
        wanted = value.enum[0]
        hint = suggestion(wanted, [o for o in declared.enum if isinstance(o, str)]) if isinstance(wanted, str) else ""
        shown = ", ".join(repr(option) for option in value.enum)
        self.report(f"`{self.source.shown(named)}` is never {shown}: it is one of {options}{hint}", node)

    def _order(self, symbol: str, nodes: tuple[ast.expr, ast.expr], left: Type, right: Type) -> None:
        for operand in (left, right):
            if operand.kind in ("time", "duration"):
                a, b = (self.source.shown(node) for node in nodes)
                self.report(f"{operand.kind}s are texts: write seconds({a}) {symbol} seconds({b})", nodes[0])
                return
        a, b = family(left) or family(right), family(right) or family(left)
        if a != b or a not in ("number", "string", ""):
            self.report(f"cannot tell whether {an(left)} {symbol} {an(right)}", nodes[0])

    def _within(self, nodes: tuple[ast.expr, ast.expr], left: Type, right: Type) -> None:
        kind = family(right)
        if kind in ("string", "map") and family(left) not in ("string", ""):
            self.report(f"only a string is in {an(right)}, found {an(left)}", nodes[0])
        elif kind == "list" and isinstance(nodes[1], ast.List):
            for part in nodes[1].elts:
                if isinstance(part, ast.Constant):
                    self._equal((nodes[0], part), left, literal(part.value))  # type: ignore[arg-type]
        elif kind == "list":
            self._equal(nodes, left, item_of(right))
        elif kind not in ("string", "map", ""):
            self.report(f"nothing is in {an(right)}: `in` takes a list, a map or a string", nodes[1])

    def conditional(self, node: ast.IfExp) -> Type:
        self.form(node.test)
        return unify([self.form(node.body), self.form(node.orelse)])

    def list_of(self, node: ast.List) -> Type:
        return Type("list", item=unify([self.form(part) for part in node.elts]) if node.elts else None)

    def map_of(self, node: ast.Dict) -> Type:
        keys: dict[str, Type] | None = {}
        for key, value in zip(node.keys, node.values, strict=True):
            part = self.form(value)
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                if keys is not None:
                    keys[key.value] = part
            elif key is not None:
                keys = None
                self._string_key(self.form(key), key)
        return Type("map", keys=keys)

    def _string_key(self, key: Type, node: ast.expr) -> None:
        if family(key) not in ("string", ""):
            self.report(f"the keys of a map are strings, found {an(key)}", node)

    def list_loop(self, node: ast.ListComp | ast.GeneratorExp) -> Type:
        return Type("list", item=self._loop(node.generators, lambda: self.form(node.elt)))

    def map_loop(self, node: ast.DictComp) -> Type:
        def body() -> Type:
            self._string_key(self.form(node.key), node.key)
            return self.form(node.value)

        self._loop(node.generators, body)
        return Type("map")

    def _loop(self, clauses: list[ast.comprehension], body: Callable[[], Type]) -> Type:
        outer = dict(self.loops)
        for clause in clauses:
            whole = self.form(clause.iter)
            if family(whole) not in ("list", ""):
                hint = f"; write keys({self.source.shown(clause.iter)})" if family(whole) == "map" else ""
                self.report(f"`for … in` takes a list, found {an(whole)}{hint}", clause.iter)
            part = item_of(whole)
            if isinstance(clause.target, ast.Name):
                self.loops[clause.target.id] = part
            elif isinstance(clause.target, ast.Tuple):
                for target in clause.target.elts:
                    if isinstance(target, ast.Name):
                        self.loops[target.id] = item_of(part)
            for test in clause.ifs:
                self.form(test)
        result = body()
        self.loops = outer
        return result

    def call(self, node: ast.Call) -> Type:
        assert isinstance(node.func, ast.Name)
        given = [
            self.list_loop(argument) if isinstance(argument, ast.GeneratorExp) else self.form(argument)
            for argument in node.args
        ]
        report: Report = lambda reason, place: self.report(reason, node.args[place])  # noqa: E731
        return call_type(node.func.id, given, report)


def _written_out(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) or (isinstance(node, ast.UnaryOp) and isinstance(node.operand, ast.Constant))


_FORMS: dict[type[ast.expr], Callable[[_Checker, Any], Type]] = {
    ast.Constant: _Checker.constant,
    ast.Name: _Checker.name,
    ast.Attribute: _Checker.attribute,
    ast.Subscript: _Checker.subscript,
    ast.UnaryOp: _Checker.unary,
    ast.BinOp: _Checker.binary,
    ast.BoolOp: _Checker.boolean,
    ast.Compare: _Checker.compare,
    ast.IfExp: _Checker.conditional,
    ast.List: _Checker.list_of,
    ast.Dict: _Checker.map_of,
    ast.ListComp: _Checker.list_loop,
    ast.DictComp: _Checker.map_loop,
    ast.Call: _Checker.call,
}
