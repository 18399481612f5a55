"""Every text is parsed once, however often it is written; what is wrong with it is a fact, not an exception.

Nothing is evaluated here but the check of a field whose value is known, so nothing else is compiled.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Literal

from trellis.errors import ExpressionError
from trellis.expr.check import Finding, check_parts, check_source, mismatch
from trellis.expr.expression import compile_expression
from trellis.expr.faults import ExpressionSyntax
from trellis.expr.syntax import Source
from trellis.expr.template import split_template
from trellis.model.types import Type

Kind = Literal["expression", "template"]
NO_NAMES: frozenset[str] = frozenset()
ANY = Type("any")
Scope = Mapping[str, Type]
"""Names and their types; it is never changed."""
Checked = tuple[Type, list[Finding]]


_LONE_NUMBER = re.compile(
    r"""([^0-9'"]*(?:(?<=\w)[0-9][^0-9'"]*)*)  # digits in names alone, no strings
    (?<![\w.])(?:0|[1-9][0-9]{0,14})(?![\w.])
    ([^0-9'"]*(?:(?<=\w)[0-9][^0-9'"]*)*)""",
    re.VERBOSE,
)
"""An expression with one number in it, a whole one of less than 64 bits: what is before and behind it."""
_SHORT = 1000
"""Characters; how long an expression is may not hang on the length of its number."""


class Snippet:
    """An expression, alone or in a text: the names it reads. `model`: see Language."""

    __slots__ = ("asked", "model", "names", "soft_names", "source", "text")

    names: frozenset[str]
    soft_names: frozenset[str]

    def __init__(self, text: str, model: Snippet | None = None) -> None:
        """Raises ExpressionSyntax; never where there is a model."""
        self.source: Source | None = None
        """The parsed text, until it was checked in one scope: most are in no other, and trees are large."""
        if model is None:
            self.source = Source(text)
        read = self.source or model
        assert read is not None
        self.text, self.model, self.names, self.soft_names = text, model, read.names, read.soft_names
        self.asked = False
        """It was checked in another scope too; then the tree, made again, is kept."""

    def take(self) -> Source:
        """The parsed text, for one check."""
        source = self.source
        if source is None:
            source = self.source = Source(self.text)
            self.asked = True
        elif not self.asked:
            self.source = None
        return source


Parts = list[str | tuple[int, Snippet]]


class Parsed:
    """A text in pieces, and what it reads; or why it is none of the language: `reason`, at character `offset` from 0.

    `parts` are those of a template; of an expression, itself alone; of what cannot be read, none.
    """

    __slots__ = ("every", "names", "offset", "parts", "reason", "soft_names", "text")

    def __init__(self, text: str, parts: Parts, reason: str = "", offset: int = 0) -> None:
        self.text, self.parts, self.reason, self.offset = text, parts, reason, offset
        names = soft_names = NO_NAMES
        for part in parts:
            if type(part) is tuple:
                snippet = part[1]
                names = names | snippet.names if names else snippet.names
                soft_names = soft_names | snippet.soft_names if soft_names else snippet.soft_names
        self.names, self.soft_names = names, soft_names
        self.every = names | soft_names if soft_names else names
        """The names of both kinds."""


class Scoped:
    """What is known of texts in one scope, which is kept so that its id stays its own."""

    __slots__ = ("checked", "models", "scope", "sound")

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.checked: dict[Snippet, Checked] = {}
        self.models: dict[Snippet, Checked | None] = {}
        """What holds for all that have this model; None where the number may count."""
        self.sound: set[frozenset[str]] = set()
        """Sets of names that all are in the scope."""

    def unknown(self, names: frozenset[str]) -> list[str]:
        """Those of `names` that are not in the scope, sorted."""
        if names in self.sound:
            return []
        found = sorted(name for name in names if name not in self.scope)
        if not found:
            self.sound.add(names)
        return found

    def check(self, snippet: Snippet) -> Checked:
        """The type of an expression, and what is wrong with it."""
        checked = self.checked.get(snippet)
        if checked is None:
            model = snippet.model
            if model is not None:
                checked = self.models[model] if model in self.models else self._modelled(model)
            if checked is None:
                checked = self._check(snippet)
            self.checked[snippet] = checked
        return checked

    def _check(self, snippet: Snippet) -> Checked:
        unknown = self.unknown(snippet.names | snippet.soft_names if snippet.soft_names else snippet.names)
        types = {**self.scope, **dict.fromkeys(unknown, ANY)} if unknown else self.scope
        return check_source(snippet.take(), types)

    def _modelled(self, model: Snippet) -> Checked | None:
        checked: Checked | None = self._check(model)
        assert checked is not None
        read = [self.scope[name] for name in model.names | model.soft_names if name in self.scope]
        if checked[1] or any(map(_lists_numbers, (checked[0], *read))):
            checked = None  # what is said shows the number, or it is compared with others
        self.models[model] = checked
        return checked

    def faults(self, parsed: Parsed, wants: Type | None) -> Sequence[str]:
        """What is wrong with the types in a text, or why it does not give what is wanted; of one that can be read.

        Names that are not in the scope may be anything.
        """
        if not parsed.parts:
            return ()
        given, findings = check_parts(parsed.parts, self.check)
        if findings:
            return [finding.reason for finding in findings]
        reason = None if wants is None else mismatch(wants, given)
        return () if reason is None else [f"`{parsed.text}`: {reason}"]


def _lists_numbers(given: Type) -> bool:
    """Whether the only values of a type, or of a part of it, are certain numbers."""
    parts = [*(given.keys or {}).values(), *([] if given.item is None else [given.item])]
    return any(not isinstance(value, str) for value in given.enum) or any(map(_lists_numbers, parts))


class Language:
    """The texts of one document, by kind and text.

    Expressions that differ in one number alone, in `n > 1` and `n > 2`, have the same model: it is parsed and checked, and
    what holds for it holds for them.
    """

    __slots__ = ("_expressions", "_models", "_scoped", "_snippets", "_templates")

    def __init__(self) -> None:
        self._snippets: dict[str, Snippet] = {}
        self._models: dict[str, Snippet | None] = {}
        self._expressions: dict[str, Parsed] = {}
        self._templates: dict[str, Parsed] = {}
        self._scoped: dict[int, Scoped] = {}

    def parse(self, kind: Kind, text: str) -> Parsed:
        """What `text` reads; the same object for the same text."""
        known = self._expressions if kind == "expression" else self._templates
        parsed = known.get(text)
        if parsed is None:
            try:
                if kind == "expression":
                    parsed = Parsed(text, [(0, self._snippet(text))])
                else:
                    parsed = Parsed(text, split_template(text, self._snippet))
            except ExpressionSyntax as error:
                parsed = Parsed(text, [], error.reason, error.offset)
            known[text] = parsed
        return parsed

    def unknown(self, parsed: Parsed, scope: Scope) -> list[str]:
        """The names in a text that mean nothing in `scope`, sorted."""
        return self.within(scope).unknown(parsed.every)

    def type_of(self, expression: str, scope: Scope) -> Type:
        """The type of what an expression gives; `any` where it cannot be told."""
        parsed = self.parse("expression", expression)
        return check_parts(parsed.parts, self.within(scope).check)[0] if parsed.parts else ANY

    def refuses(self, check: str, value: object) -> bool:
        """Whether the check of a field, an expression over `value`, surely does not hold for this one."""
        parsed = self.parse("expression", check)
        if not parsed.parts or parsed.names - {"value"}:
            return False
        try:
            return not compile_expression(check).evaluate({"value": value})
        except ExpressionError:
            return True

    def _snippet(self, text: str) -> Snippet:
        snippet = self._snippets.get(text)
        if snippet is None:
            snippet = self._snippets[text] = Snippet(text, self._model(text))
        return snippet

    def _model(self, text: str) -> Snippet | None:
        """The expression that this one is but for its number; None where it has another one, or a fault."""
        found = _LONE_NUMBER.fullmatch(text) if len(text) <= _SHORT and text.isascii() else None
        if found is None:
            return None
        written = f"{found[1]}1{found[2]}"
        if written not in self._models:
            try:
                self._models[written] = Snippet(written)
            except ExpressionSyntax:
                self._models[written] = None
        return self._models[written]

    def within(self, scope: Scope) -> Scoped:
        """What is known of texts in this scope."""
        scoped = self._scoped.get(id(scope))
        if scoped is None:
            scoped = self._scoped[id(scope)] = Scoped(scope)
        return scoped
