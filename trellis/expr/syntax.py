"""Which forms an expression may have. The builder and the checker meet only what this let through."""

from __future__ import annotations

import ast
import re
from typing import NoReturn

from trellis.expr.faults import ExpressionSyntax
from trellis.expr.functions import FUNCTIONS
from trellis.expr.reading import CONSTANTS, PARTS, Unbound, names_read
from trellis.expr.slips import explain
from trellis.model.problems import did_you_mean
from trellis.model.values import reject

LONGEST = 10_000
"""Characters in one expression."""
DEEPEST = 50
"""How many forms may hold each other."""

COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
    ast.In: "in", ast.NotIn: "not in",
}  # fmt: skip
ARITHMETIC: dict[type[ast.operator], str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%", ast.Pow: "**",
}  # fmt: skip

_INSTEAD: dict[type[ast.AST], str] = {
    ast.Is: "write == instead of `is`",
    ast.IsNot: "write != instead of `is not`",
    ast.BitOr: "write `or` instead of |",
    ast.BitAnd: "write `and` instead of &",
    ast.BitXor: "^ is not known; write ** for a power",
    ast.Invert: "~ is not known; write `not`",
    ast.Lambda: "functions cannot be written here",
    ast.NamedExpr: "nothing is assigned in an expression: := is not known",
    ast.JoinedStr: "f-strings are not known: join texts with + and str()",
    ast.Tuple: "write a list: [a, b]",
    ast.Set: "write a list [a, b] or a map {key: value}",
    ast.SetComp: "write a list: [… for … in …]",
    ast.GeneratorExp: "write a list: [… for … in …]",
    ast.Starred: "* is not known here; add lists with +",
}
_ESCAPES = frozenset("\\'\"ntrxuU")
_GLUED = re.compile(r"\d(?:and|or|if|else|in|is|for|not)\b")
NO_NAMES: frozenset[str] = frozenset()
_SMALL_FACTOR = 16
_FEW = 2
"""So many `x * n` with n up to _SMALL_FACTOR cannot make much of a little, so they need no budget."""
_AMPLIFIERS = frozenset(("range", "replace", "join"))


class Source:
    """A parsed text, and the names that it reads, see Expression.

    `metered`: it holds a form that can make much of little, so its evaluation gets a budget.
    """

    __slots__ = ("_factors", "_plain", "_read", "lead", "line", "metered", "names", "soft_names", "text", "tree")

    def __init__(self, text: str) -> None:
        """Raises ExpressionSyntax."""
        if len(text) > LONGEST:
            raise ExpressionSyntax(f"{len(text):,} characters are too many: an expression has at most {LONGEST:,}", 0)
        self.text = text
        self.lead = len(text) - len(text.lstrip())
        self.line = _one_line(text.strip(), self.lead)
        self.metered, self._factors = False, 0
        try:
            self.tree = ast.parse(self.line, mode="eval").body
        except SyntaxError as error:
            # no offset, or one on a second line, is the end of the text
            at = min(error.offset - 1, len(self.line)) if error.offset and error.lineno == 1 else len(self.line)
            reason, at = explain(self.line, str(error.msg), at)
            raise ExpressionSyntax(reason, self.lead + at) from None
        except (MemoryError, RecursionError):
            raise ExpressionSyntax(f"nested deeper than {DEEPEST}", self.lead) from None
        self._read: set[str] = set()
        self._plain = True
        self._form(self.tree, 1)
        if self._plain:  # no loop binds a name, and none is soft
            self.names, self.soft_names = frozenset(self._read - CONSTANTS.keys()), NO_NAMES
            return
        try:
            self.names, self.soft_names = names_read(self.tree)
        except Unbound as error:
            self._refuse(f"`{error.node.id}` is read before its `for`", error.node)

    def offset(self, node: ast.expr) -> int:
        """Where `node` begins in the text, in characters."""
        return self.lead + self._characters(node.col_offset)

    def shown(self, node: ast.expr) -> str:
        """The text of `node`."""
        end = node.end_col_offset if node.end_col_offset is not None else node.col_offset
        return self.line[self._characters(node.col_offset) : self._characters(end)]

    def _characters(self, octets: int) -> int:
        # ast counts octets of UTF-8
        return octets if self.line.isascii() else len(self.line.encode()[:octets].decode())

    def _refuse(self, reason: str, node: ast.expr) -> NoReturn:
        raise ExpressionSyntax(reason, self.offset(node))

    def _form(self, node: ast.expr, depth: int) -> None:
        if depth > DEEPEST:
            self._refuse(f"nested deeper than {DEEPEST}", node)
        depth += 1
        kind = type(node)
        if isinstance(node, ast.Name):
            self._read.add(node.id)
            return
        if isinstance(node, ast.Constant):
            self._constant(node)
            return
        if isinstance(node, ast.Call):
            self._call(node, depth)
            return
        if isinstance(node, ast.Compare):
            for comparison in node.ops:
                if type(comparison) not in COMPARISONS:
                    self._unknown(comparison, node)
        elif isinstance(node, ast.BinOp):
            if type(node.op) not in ARITHMETIC:
                self._unknown(node.op, node)
            if isinstance(node.op, ast.Mult):
                self._factors += 1 if _small(node.left) or _small(node.right) else _FEW + 1
                self.metered = self.metered or self._factors > _FEW
        elif isinstance(node, ast.UnaryOp):
            if isinstance(node.op, ast.Invert):
                self._unknown(node.op, node)
        elif isinstance(node, ast.Subscript):
            self._subscript(node, depth)
            return
        elif isinstance(node, ast.Dict):
            self._map(node, depth)
            return
        elif isinstance(node, ast.ListComp | ast.DictComp):
            self._comprehension(node, depth)
            return
        elif isinstance(node, ast.Set) and isinstance(node.elts[0], ast.Set):
            self._refuse("this is an expression already: leave out {{ }}", node)
        elif kind not in PARTS:
            self._unknown(node, node)
        for part in PARTS[kind](node):
            self._form(part, depth)

    def _subscript(self, node: ast.Subscript, depth: int) -> None:
        self._form(node.value, depth)
        if not isinstance(node.slice, ast.Slice):
            self._form(node.slice, depth)
            return
        for bound in (node.slice.lower, node.slice.upper, node.slice.step):
            if bound is not None:
                self._form(bound, depth)

    def _map(self, node: ast.Dict, depth: int) -> None:
        if None in node.keys:
            self._refuse("** is not known in a map: name its keys", node)
        for part in (*node.keys, *node.values):
            if part is not None:
                self._form(part, depth)

    def _unknown(self, form: ast.AST, node: ast.expr) -> NoReturn:
        hint = _INSTEAD.get(type(form))
        self._refuse(hint or f"{type(form).__name__} is not part of the expression language", node)

    def _constant(self, node: ast.Constant) -> None:
        value = node.value
        if not (value is None or isinstance(value, str | int | float)):
            self._refuse(f"`{self.shown(node)}` is no string, number, true, false or null", node)
        reason = reject(value)
        if reason:
            self._refuse(reason, node)

    def _call(self, node: ast.Call, depth: int) -> None:
        if not isinstance(node.func, ast.Name):
            method = node.func.attr if isinstance(node.func, ast.Attribute) else ""
            inside = self.shown(node.func.value) if isinstance(node.func, ast.Attribute) else ""
            hint = f": write {method}({inside})" if method in FUNCTIONS and len(inside) < 40 else ""
            self._refuse(f"nothing but the functions of the language can be called{hint}", node)
        function = FUNCTIONS.get(node.func.id)
        if function is None:
            hint = did_you_mean(node.func.id, FUNCTIONS)
            self._refuse(f"unknown function '{node.func.id}'" + (f": {hint}" if hint else ""), node)
        if node.keywords:
            self._refuse(f"{function.name} takes its arguments by place, not by name", node)
        if not function.least <= len(node.args) <= function.most:
            self._refuse(f"{function.name} is called {function.signature}, found {len(node.args)} arguments", node)
        if function.name in _AMPLIFIERS:
            self.metered = True
        if function.name == "default":
            self._plain = False
        for argument in node.args:
            if isinstance(argument, ast.GeneratorExp) and len(node.args) == 1:
                self._comprehension(argument, depth)
            else:
                self._form(argument, depth)

    def _comprehension(self, node: ast.ListComp | ast.DictComp | ast.GeneratorExp, depth: int) -> None:
        self.metered, self._plain = True, False
        for clause in node.generators:
            if clause.is_async:
                self._refuse("`async` is not known", node)
            targets = clause.target.elts if isinstance(clause.target, ast.Tuple) else [clause.target]
            for target in targets:
                if not isinstance(target, ast.Name) or target.id in CONSTANTS:
                    self._refuse("after `for` stand names: [… for name in list] or [… for a, b in list]", clause.target)
            for part in (clause.iter, *clause.ifs):
                self._form(part, depth)
        for part in (node.key, node.value) if isinstance(node, ast.DictComp) else (node.elt,):
            self._form(part, depth)


def _small(node: ast.expr) -> bool:
    if isinstance(node, ast.UnaryOp):
        node = node.operand
    if not isinstance(node, ast.Constant):
        return False
    return isinstance(node.value, float) or (isinstance(node.value, int) and node.value <= _SMALL_FACTOR)


def _one_line(source: str, lead: int) -> str:
    """The text on one line, position for position; refuses what Python would read otherwise than YAML's readers."""
    if not source:
        raise ExpressionSyntax("an expression is missing", 0)
    if not source.isascii():
        try:
            source.encode()
        except UnicodeEncodeError as error:
            raise ExpressionSyntax("text holds a lone surrogate, which UTF-8 cannot say", lead + error.start) from None
    brackets = source.count("(") + source.count("[") + source.count("{")
    if brackets > DEEPEST or not source.isprintable() or "#" in source or "\\" in source or _GLUED.search(source):
        return _scan(source, lead)
    if "'''" in source or '"""' in source:
        return _scan(source, lead)
    return source


def _scan(source: str, lead: int) -> str:
    line, quote, depth, position = list(source), "", 0, 0
    glued = {match.start() + 1 for match in _GLUED.finditer(source)}
    number = False
    while position < len(source):
        mark = source[position]
        reason = ""
        if mark == "\0":
            reason = "text holds U+0000"
        elif quote:
            if mark == "\\":
                escape = source[position + 1 : position + 2]
                if escape in _ESCAPES:
                    position += 1
                else:
                    reason = f"unknown escape \\{escape} in a string; \\\\ is one \\"
            elif mark == quote:
                quote = ""
            elif mark in "\n\r":
                reason = "a string ends on the line where it begins; \\n is a line break"
        elif mark in "'\"":
            quote = mark
            if source.startswith(mark * 3, position):
                reason = "a string has one quote on each side"
        elif mark in "([{":
            depth += 1
            if depth > DEEPEST:
                reason = f"nested deeper than {DEEPEST}"
        elif mark in ")]}":
            depth -= 1
        elif mark in "\n\r\t\f":
            line[position] = " "
        elif mark == "#":
            reason = "an expression holds no comment"
        elif mark == "\\":
            reason = "\\ belongs in strings"
        elif number and position in glued:
            reason = "a blank is missing after the number"
        if reason:
            raise ExpressionSyntax(reason, lead + position)
        if not (number and (mark.isalnum() or mark in "._")):
            before = source[position - 1 : position]
            number = mark.isdigit() and not (before.isalnum() or before == "_")
        position += 1
    return "".join(line)
