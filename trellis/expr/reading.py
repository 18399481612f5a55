"""Which names an expression reads: those it needs set, and those whose absence `default` makes good."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import Any

CONSTANTS = {"true": True, "false": False, "null": None}
"""JSON's names for what Python calls True, False and None; both are read."""

Comprehension = ast.ListComp | ast.DictComp | ast.GeneratorExp

PARTS: dict[type[ast.expr], Callable[[Any], Sequence[ast.expr]]] = {
    ast.Attribute: lambda node: (node.value,),
    ast.BinOp: lambda node: (node.left, node.right),
    ast.BoolOp: lambda node: node.values,
    ast.Compare: lambda node: (node.left, *node.comparators),
    ast.Constant: lambda _: (),
    ast.IfExp: lambda node: (node.test, node.body, node.orelse),
    ast.List: lambda node: node.elts,
    ast.UnaryOp: lambda node: (node.operand,),
}
"""The parts of the forms that hold nothing but parts."""


class Unbound(Exception):
    """A name of a loop that is read before its `for`."""

    def __init__(self, node: ast.Name) -> None:
        self.node = node
        super().__init__(node.id)


def names_read(tree: ast.expr) -> tuple[frozenset[str], frozenset[str]]:
    """The names that are needed, and the soft ones, of an expression that has only our forms. Raises Unbound."""
    walk = _Walk()
    walk.form(tree)
    return frozenset(walk.names), frozenset(walk.soft_names)


def targets(clause: ast.comprehension) -> list[str]:
    """The names that a clause of a loop binds."""
    found = clause.target.elts if isinstance(clause.target, ast.Tuple) else [clause.target]
    return [target.id for target in found if isinstance(target, ast.Name)]


class _Walk:
    """In the order in which an expression is built."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.soft_names: set[str] = set()
        self.bound: set[str] = set()
        self.unbound: set[str] = set()
        """Names of a loop whose `for` comes later."""

    def form(self, node: ast.expr) -> None:
        if isinstance(node, ast.Name):
            self.read(node, self.names)
            return
        parts = PARTS.get(type(node))
        if parts is not None:
            for part in parts(node):
                self.form(part)
        elif isinstance(node, ast.Call):
            assert isinstance(node.func, ast.Name)
            first, *others = node.args
            (self.soft if node.func.id == "default" else self.form)(first)
            for part in others:
                self.form(part)
        elif isinstance(node, Comprehension):
            self.loop(node)
        elif isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if key is not None:
                    self.form(key)
                self.form(value)
        else:
            assert isinstance(node, ast.Subscript)
            self.form(node.value)
            self.place(node.slice)

    def place(self, node: ast.expr) -> None:
        """What stands in the brackets of `x[…]`."""
        if isinstance(node, ast.Slice):
            for bound in (node.lower, node.upper, node.step):
                if bound is not None:
                    self.form(bound)
        else:
            self.form(node)

    def soft(self, node: ast.expr) -> None:
        """Like `form`, for a path that may end early."""
        if isinstance(node, ast.Name):
            self.read(node, self.soft_names)
        elif isinstance(node, ast.Attribute):
            self.soft(node.value)
        elif isinstance(node, ast.Subscript) and not isinstance(node.slice, ast.Slice):
            self.soft(node.value)
            self.form(node.slice)
        else:
            self.form(node)

    def read(self, node: ast.Name, names: set[str]) -> None:
        name = node.id
        if name in CONSTANTS:
            return
        if name in self.unbound:
            raise Unbound(node)
        if name not in self.bound:
            names.add(name)

    def loop(self, node: Comprehension) -> None:
        bound, unbound = self.bound, self.unbound
        self.unbound = unbound | {name for clause in node.generators for name in targets(clause)}
        for place, clause in enumerate(node.generators):
            if place == 0:  # as in Python, the first list is read outside of the loop
                inside, self.unbound = self.unbound, unbound
                self.form(clause.iter)
                self.unbound = inside
            else:
                self.form(clause.iter)
            bind = targets(clause)
            self.bound = self.bound.union(bind)
            self.unbound = self.unbound.difference(bind)
            for test in clause.ifs:
                self.form(test)
        for part in (node.key, node.value) if isinstance(node, ast.DictComp) else (node.elt,):
            self.form(part)
        self.bound, self.unbound = bound, unbound
