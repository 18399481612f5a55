"""Every text is parsed once, however often it is written; what is wrong with it is a fact, not an exception.

Nothing is evaluated here but the check of a field whose value is known, so nothing else is compiled.
"""

from __future__ import annotations

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


class Snippet:
    """An expression, alone or in a text: the names it reads."""

    __slots__ = ("asked", "names", "soft_names", "source", "text")

    def __init__(self, text: str) -> None:
        """Raises ExpressionSyntax."""
        source = Source(text)
        self.text, self.names, self.soft_names = text, source.names, source.soft_names
        self.source: Source | None = source
        """The parsed text, until it was checked in one scope: most are in no other, and trees are large."""
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

    __slots__ = ("checked", "scope", "sound")

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.checked: dict[Snippet, Checked] = {}
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
            unknown = self.unknown(snippet.names | snippet.soft_names if snippet.soft_names else snippet.names)
            types = {**self.scope, **dict.fromkeys(unknown, ANY)} if unknown else self.scope
            checked = self.checked[snippet] = check_source(snippet.take(), types)
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


class Language:
    """The texts of one document, by kind and text."""

    __slots__ = ("_expressions", "_scoped", "_snippets", "_templates")

    def __init__(self) -> None:
        self._snippets: dict[str, Snippet] = {}
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
            snippet = self._snippets[text] = Snippet(text)
        return snippet

    def within(self, scope: Scope) -> Scoped:
        """What is known of texts in this scope."""
        scoped = self._scoped.get(id(scope))
        if scoped is None:
            scoped = self._scoped[id(scope)] = Scoped(scope)
        return scoped
