"""A parsed expression becomes one closure over its scope; common small forms get a closure of their own.

A metered expression (one with loops, or with forms that make much of little) is evaluated on a small scope of its
own, which holds the names it reads, the names of its loops, and under METER, no name of the language, its budget.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from typing import Any

from trellis.errors import ExpressionError
from trellis.expr.closures import (
    METER,
    Run,
    Turns,
    compare_constant,
    comparing,
    loop_clause,
    metered_call,
    null,
    plain_call,
    string_key,
    unset,
)
from trellis.expr.compiled import Expression, Scope
from trellis.expr.faults import Fault
from trellis.expr.functions import FUNCTIONS
from trellis.expr.operators import ARITHMETIC, Meter, cost, cut, item, negative, no_key, positive
from trellis.expr.reading import CONSTANTS, Comprehension, targets
from trellis.expr.syntax import ARITHMETIC as ARITHMETIC_FORMS
from trellis.expr.syntax import COMPARISONS, Source
from trellis.model.values import reject


def build(source: Source) -> Expression:
    """The compiled expression."""
    text, names, soft_names = source.text, source.names, source.soft_names
    run = _Builder(source).form(source.tree)
    evaluate = _metered(text, run, names | soft_names) if source.metered else _plain(text, run)
    return Expression(text, names, soft_names, evaluate)


def _plain(text: str, run: Run) -> Callable[[Scope], Any]:
    def evaluate(scope: Scope) -> Any:
        try:
            return run(scope)
        except Fault as fault:
            raise ExpressionError(text, str(fault)) from None

    return evaluate


def _metered(text: str, run: Run, names: frozenset[str]) -> Callable[[Scope], Any]:
    def evaluate(scope: Scope) -> Any:
        own: dict[str, Any] = {name: scope[name] for name in names if name in scope}
        own[METER] = Meter()
        try:
            value = run(own)
        except Fault as fault:
            raise ExpressionError(text, str(fault)) from None
        # Repeated parts are shared, so a small result in memory may be an endless one in JSON.
        reason = reject(value)
        if reason:
            raise ExpressionError(text, f"its result is no value to keep: {reason}")
        return value

    return evaluate


class _Builder:
    def __init__(self, source: Source) -> None:
        self.source = source

    def form(self, node: ast.expr) -> Run:
        return _FORMS[type(node)](self, node)

    # Names and parts

    def constant(self, node: ast.Constant) -> Run:
        value = node.value
        return lambda _: value

    def name(self, node: ast.Name) -> Run:
        name = node.id
        if name in CONSTANTS:
            value = CONSTANTS[name]
            return lambda _: value

        def read(scope: Scope) -> Any:
            try:
                return scope[name]
            except KeyError:
                raise unset(name) from None

        return read

    def attribute(self, node: ast.Attribute) -> Run:
        key, shown = node.attr, self.source.shown(node.value)
        if isinstance(node.value, ast.Name) and node.value.id not in CONSTANTS:
            name = node.value.id

            def read_key(scope: Scope) -> Any:
                try:
                    return scope[name][key]
                except (KeyError, TypeError):  # only maps take a text as their place, so nothing else gets through
                    raise (no_key(shown, scope[name], key) if name in scope else unset(name)) from None

            return read_key
        whole = self.form(node.value)

        def read_part(scope: Scope) -> Any:
            holder = whole(scope)
            try:
                return holder[key]
            except (KeyError, TypeError):
                raise no_key(shown, holder, key) from None

        return read_part

    def subscript(self, node: ast.Subscript) -> Run:
        whole, shown = self.form(node.value), self.source.shown(node.value)
        if not isinstance(node.slice, ast.Slice):
            index = self.form(node.slice)
            return lambda scope: item(shown, whole(scope), index(scope))
        bounds = (node.slice.lower, node.slice.upper, node.slice.step)
        start, stop, step = (null if bound is None else self.form(bound) for bound in bounds)
        if not self.source.metered:
            return lambda scope: cut(shown, whole(scope), start(scope), stop(scope), step(scope))

        def cut_metered(scope: Scope) -> Any:
            part = cut(shown, whole(scope), start(scope), stop(scope), step(scope))
            scope[METER].spend(cost(part))
            return part

        return cut_metered

    # Operators

    def unary(self, node: ast.UnaryOp) -> Run:
        operand = self.form(node.operand)
        if isinstance(node.op, ast.Not):
            return lambda scope: not operand(scope)
        change = negative if isinstance(node.op, ast.USub) else positive
        return lambda scope: change(operand(scope))

    def binary(self, node: ast.BinOp) -> Run:
        operation = ARITHMETIC[ARITHMETIC_FORMS[type(node.op)]]
        left, right = self.form(node.left), self.form(node.right)
        if not self.source.metered:
            if isinstance(node.right, ast.Constant):
                constant = node.right.value
                return lambda scope: operation(left(scope), constant)
            return lambda scope: operation(left(scope), right(scope))

        def work_metered(scope: Scope) -> Any:
            value = operation(left(scope), right(scope))
            scope[METER].spend(cost(value))
            return value

        return work_metered

    def boolean(self, node: ast.BoolOp) -> Run:
        parts = [self.form(value) for value in node.values]
        if len(parts) == 2:
            first, second = parts
            if isinstance(node.op, ast.And):
                return lambda scope: first(scope) and second(scope)
            return lambda scope: first(scope) or second(scope)
        *most, last = parts
        stop_at = isinstance(node.op, ast.Or)

        def join(scope: Scope) -> Any:
            for part in most:
                value = part(scope)
                if bool(value) is stop_at:
                    return value
            return last(scope)

        return join

    def compare(self, node: ast.Compare) -> Run:
        symbols = [COMPARISONS[type(comparison)] for comparison in node.ops]
        if len(symbols) == 1 and not self.source.metered:
            constant = _constant_of(node.comparators[0])
            if constant is not None:
                return compare_constant(symbols[0], self.form(node.left), constant)
        comparisons = [comparing(symbol, metered=self.source.metered) for symbol in symbols]
        first, *others = [self.form(operand) for operand in (node.left, *node.comparators)]
        if len(symbols) == 1:
            comparison, other = comparisons[0], others[0]
            return lambda scope: comparison(scope, first(scope), other(scope))
        chain = list(zip(comparisons, others, strict=True))

        def compare_chain(scope: Scope) -> Any:
            left = first(scope)
            for comparison, operand in chain:
                right = operand(scope)
                if not comparison(scope, left, right):
                    return False
                left = right
            return True

        return compare_chain

    def conditional(self, node: ast.IfExp) -> Run:
        test, then, otherwise = self.form(node.test), self.form(node.body), self.form(node.orelse)
        return lambda scope: then(scope) if test(scope) else otherwise(scope)

    # Lists, maps, loops

    def list_of(self, node: ast.List) -> Run:
        parts = [self.form(part) for part in node.elts]
        return lambda scope: [part(scope) for part in parts]

    def map_of(self, node: ast.Dict) -> Run:
        pairs = [(self.form(key), self.form(value)) for key, value in zip(node.keys, node.values, strict=True) if key]
        return lambda scope: {string_key(key(scope)): value(scope) for key, value in pairs}

    def list_loop(self, node: ast.ListComp) -> Run:
        turns = self._turns(node)
        return lambda scope: list(turns(dict(scope)))

    def map_loop(self, node: ast.DictComp) -> Run:
        turns = self._turns(node)
        return lambda scope: {string_key(key): value for key, value in turns(dict(scope))}

    def _turns(self, node: Comprehension) -> Turns:
        """The values of the loop, one by one. It binds its names in the scope it is given."""
        price = 1 + sum(1 for _ in ast.walk(node)) // 16
        clauses = []
        for clause in node.generators:
            names = targets(clause)
            parts = self.form(clause.iter)
            shown = self.source.shown(clause.iter)
            tests = [self.form(test) for test in clause.ifs]
            bind = names[0] if isinstance(clause.target, ast.Name) else names
            clauses.append((bind, parts, shown, tests))
        if isinstance(node, ast.DictComp):
            key, value = self.form(node.key), self.form(node.value)
            body: Run = lambda scope: (key(scope), value(scope))  # noqa: E731
        else:
            body = self.form(node.elt)

        def inmost(scope: dict[str, Any]) -> Iterator[Any]:
            yield body(scope)

        step: Turns = inmost
        for bind, parts, shown, tests in reversed(clauses):
            step = loop_clause(bind, parts, shown, tests, step, price)
        return step

    # Calls

    def call(self, node: ast.Call) -> Run:
        assert isinstance(node.func, ast.Name)
        function = FUNCTIONS[node.func.id]
        if function.name == "default":
            value, other = self.soft(node.args[0]), self.form(node.args[1])

            def choose(scope: Scope) -> Any:
                found = value(scope)
                return other(scope) if found is None else found

            return choose
        if isinstance(node.args[0], ast.GeneratorExp):
            turns = self._turns(node.args[0])
            if function.name in ("any", "all"):
                decide = function.run
                return lambda scope: decide(turns(dict(scope)))
            arguments: list[Run] = [lambda scope: list(turns(dict(scope)))]
        else:
            arguments = [self.form(argument) for argument in node.args]
        return (metered_call if self.source.metered else plain_call)(function, arguments)

    def soft(self, node: ast.expr) -> Run:
        """Like `form`, but a path that ends early gives null."""
        if isinstance(node, ast.Name) and node.id not in CONSTANTS:
            name = node.id
            return lambda scope: scope.get(name)
        if isinstance(node, ast.Attribute):
            whole, key, shown = self.soft(node.value), node.attr, self.source.shown(node.value)

            def read_key(scope: Scope) -> Any:
                holder = whole(scope)
                if type(holder) is dict:
                    return holder.get(key)
                if holder is None:
                    return None
                raise no_key(shown, holder, key)

            return read_key
        if isinstance(node, ast.Subscript) and not isinstance(node.slice, ast.Slice):
            whole, index, shown = self.soft(node.value), self.form(node.slice), self.source.shown(node.value)

            def read_item(scope: Scope) -> Any:
                holder, place = whole(scope), index(scope)
                if holder is None:
                    return None
                if type(holder) is dict and type(place) is str:
                    return holder.get(place)
                if type(holder) is list and type(place) is int and not -len(holder) <= place < len(holder):
                    return None
                return item(shown, holder, place)

            return read_item
        return self.form(node)


_FORMS: dict[type[ast.expr], Callable[[_Builder, Any], Run]] = {
    ast.Constant: _Builder.constant,
    ast.Name: _Builder.name,
    ast.Attribute: _Builder.attribute,
    ast.Subscript: _Builder.subscript,
    ast.UnaryOp: _Builder.unary,
    ast.BinOp: _Builder.binary,
    ast.BoolOp: _Builder.boolean,
    ast.Compare: _Builder.compare,
    ast.IfExp: _Builder.conditional,
    ast.List: _Builder.list_of,
    ast.Dict: _Builder.map_of,
    ast.ListComp: _Builder.list_loop,
    ast.DictComp: _Builder.map_loop,
    ast.Call: _Builder.call,
}


def _constant_of(node: ast.expr) -> int | float | str | None:
    """The number or text that stands there, or None for any other form (bool included: it has no order)."""
    sign = 1
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        node, sign = node.operand, -1
    if not isinstance(node, ast.Constant) or type(node.value) not in (int, float, str):
        return None
    if sign < 0:
        return -node.value if isinstance(node.value, int | float) else None
    return node.value  # type: ignore[return-value]
