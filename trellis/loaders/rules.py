"""The shipped JSON Schema, prepared for one quick walk: a rule for each of its parts.

Understood is the part of draft 2020-12 that the schema uses, and nothing else: a keyword without a meaning here is an
error at once, so the schema and the walk cannot drift apart. What only we say stands in keywords that begin with `x-`:

    x-noun    what messages call a map, or the members of one        x-later   keys of versions to come
    x-member  the members of a map that has keys of its own too
    x-hint    what to write where the kind of value is wrong         x-hints   what to do about one key
    x-one, x-none    the words for two of what there may be one of, and for none of what is needed
    x-expected       the words for a pattern

Of those, this walk passes over what tells an editor of names: `x-names` is what a text here is the name of, `x-keys` what
the keys of a map name, `x-declares` what they declare.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import Any

import msgspec

from trellis.model.durations import parse_duration
from trellis.model.sizes import parse_size

KINDS: dict[str, tuple[type, ...]] = {
    "string": (str,), "integer": (int,), "number": (int, float), "boolean": (bool,), "array": (list,), "object": (dict,),
    "null": (type(None),),
}  # fmt: skip
WORDS = {"array": "list", "object": "map"}
"""Kinds that we call by another word than JSON Schema does."""
_IGNORED = frozenset(
    ("$schema", "$id", "$defs", "title", "description", "examples", "default", "x-names", "x-keys", "x-declares")
)
_EXTENSION = "^x-"


class Rule:
    """What a value must be. `kinds` is None where any value is right."""

    __slots__ = (
        "closed", "enum", "exclusive", "expected", "expression", "form", "hint", "hints", "items", "kinds", "later", "least", "maximum",
        "member", "members", "minimum", "needed", "needs", "none", "noun", "one", "parse", "pattern", "plain", "properties",
        "required", "rivals", "several", "whole", "words",
    )  # fmt: skip

    def __init__(self) -> None:
        self.kinds: dict[type, Rule] | None = None
        """The types that fit, each with the rule that says more about it."""
        self.plain: frozenset[type] = frozenset()
        """The types about which there is no more to say."""
        self.words: list[str] = []
        self.expected = "a value"
        self.noun = self.member = self.hint = self.one = self.none = ""
        self.hints: dict[str, str] = {}
        self.later: frozenset[str] = frozenset()
        self.enum: tuple[Any, ...] = ()
        self.pattern: re.Pattern[str] | None = None
        self.form = ""
        """What the pattern asks for, or those of the keys of a map; without it, the pattern is that of a name."""
        self.parse: Any = None
        self.minimum: float | None = None
        self.maximum: float | None = None
        self.least = 0
        """How many items or keys there are at least."""
        self.properties: dict[str, Rule] = {}
        self.members: list[tuple[re.Pattern[str], Rule]] = []
        self.closed = False
        """Unknown keys are faults; without it everything inside is free."""
        self.required: tuple[str, ...] = ()
        self.needs: tuple[str, ...] = ()
        """At least one of these keys is there."""
        self.rivals: list[tuple[str, str]] = []
        """Pairs of keys of which at most one is there."""
        self.exclusive: frozenset[str] = frozenset()
        """All keys of such pairs."""
        self.needed: dict[str, tuple[str, ...]] = {}
        """Key -> the keys that it goes with."""
        self.several: tuple[str, int, tuple[str, ...]] | None = None
        """(key, n, keys): where the map at `key` has n keys or more, these keys are there too."""
        self.items: Rule | None = None
        self.expression = False
        """A text here is an expression."""
        self.whole = False
        """A number here is an integer, so 3.0 is one too."""


@cache
def document_rule() -> Rule:
    """The rule for a whole document."""
    return _compiler().rule({"$ref": "#"})


@cache
def head_rule() -> Rule:
    """The rule for the head of a folder graph: a document whose nodes, and so its start, may be in other files."""
    compiler = _compiler()
    return compiler.rule({key: part for key, part in compiler.schema.items() if key not in _OF_NODES})


@cache
def node_rule() -> Rule:
    """The rule for one node."""
    document_rule()  # a rule that holds itself is made from the outside in
    return _compiler().rule({"$ref": "#/$defs/node"})


_OF_NODES = ("anyOf", "dependentRequired", "if", "then")
"""What the schema says of documents that have, or have not, nodes."""


@cache
def _compiler() -> _Compiler:
    # The package's own data, not a file of the user's: the loader that imported this module reads it.
    from pkgutil import get_data

    data = get_data("trellis.loaders", "schemas/graph.schema.json")
    assert data is not None
    return _Compiler(msgspec.json.decode(data))


class _Compiler:
    def __init__(self, schema: dict[str, Any]) -> None:
        self.schema = schema
        self.known: dict[str, Rule] = {}

    def rule(self, schema: dict[str, Any]) -> Rule:
        """The rule of a schema; one for each `$ref`, so that schemas may hold themselves."""
        ref = ""
        while "$ref" in schema:
            ref = schema["$ref"]
            schema = self.schema if ref == "#" else self.schema["$defs"][ref.removeprefix("#/$defs/")]
        if not ref:
            return self.fill(Rule(), schema)
        if ref not in self.known:
            self.known[ref] = Rule()
            self.fill(self.known[ref], schema)
        return self.known[ref]

    def fill(self, rule: Rule, schema: dict[str, Any]) -> Rule:
        if "anyOf" in schema and "properties" not in schema:
            return self.choice(rule, schema)
        for keyword, value in schema.items():
            if keyword not in _IGNORED:
                _KEYWORDS[keyword](self, rule, value)
        self.kinds(rule, schema)
        return rule

    def choice(self, rule: Rule, schema: dict[str, Any]) -> Rule:
        """Alternatives that differ in kind: the kind of a value says which of them it is held to."""
        alternatives = [self.rule(part) for part in schema["anyOf"]]
        rule.kinds = {}
        for alternative in alternatives:
            assert alternative.kinds is not None
            assert not rule.kinds.keys() & alternative.kinds.keys(), "alternatives of one kind"
            rule.kinds.update(alternative.kinds)
        rule.plain = frozenset().union(*(alternative.plain for alternative in alternatives))
        rule.words = [word for alternative in alternatives for word in alternative.words]
        rule.expected = listed(rule.words)
        rule.hint = next((alternative.hint for alternative in alternatives if alternative.hint), "")
        return rule

    def kinds(self, rule: Rule, schema: dict[str, Any]) -> None:
        written = schema.get("type")
        if written is None and not rule.enum:
            return
        names = [written] if isinstance(written, str) else list(written or ())
        types = [kind for name in names for kind in KINDS[name]] or [type(value) for value in rule.enum]
        rule.kinds = dict.fromkeys(types, rule)
        rule.whole = types == [int]
        if not any((rule.enum, rule.pattern, rule.parse, rule.minimum is not None, rule.maximum is not None)):
            rule.plain = frozenset(types) - {list, dict}
            if not rule.closed and not rule.least:
                rule.plain |= {dict} & set(types)
            if rule.items is None and not rule.least:
                rule.plain |= {list} & set(types)
        kinds = [WORDS.get(name, name) for name in names]
        rule.words = ["an expression"] if rule.expression else kinds or [str(value) for value in rule.enum]
        rule.expected = listed(rule.words)

    def take_members(self, rule: Rule, patterns: dict[str, Any]) -> None:
        for pattern, schema in patterns.items():
            if pattern != _EXTENSION:
                rule.members.append((re.compile(pattern, re.ASCII), self.rule(schema)))

    def take_properties(self, rule: Rule, schemas: dict[str, Any]) -> None:
        rule.properties = {name: self.rule(schema) for name, schema in schemas.items()}

    def take_items(self, rule: Rule, schema: dict[str, Any]) -> None:
        rule.items = self.rule(schema) if schema else None

    def take_format(self, rule: Rule, name: str) -> None:
        if name == "trellis-duration":
            rule.parse = parse_duration
        elif name == "trellis-size":
            rule.parse = parse_size
        else:
            assert name == "trellis-expression"
            rule.expression = True

    def take_several(self, rule: Rule, condition: dict[str, Any]) -> None:
        ((key, limit),) = condition["properties"].items()
        assert condition == {"properties": {key: {"minProperties": limit["minProperties"]}}, "required": [key]}
        rule.several = (key, limit["minProperties"], ())

    def take_then(self, rule: Rule, consequence: dict[str, Any]) -> None:
        assert rule.several is not None
        rule.several = (*rule.several[:2], tuple(consequence["required"]))


def _needs(_: _Compiler, rule: Rule, parts: list[dict[str, list[str]]]) -> None:
    rule.needs = tuple(key for part in parts for key in part["required"])


def _rivals(_: _Compiler, rule: Rule, negated: dict[str, Any]) -> None:
    rule.rivals = [(part["required"][0], part["required"][1]) for part in negated["anyOf"]]
    rule.exclusive = frozenset(key for pair in rule.rivals for key in pair)


def _put(slot: str, convert: Any = lambda value: value) -> Any:
    return lambda _, rule, value: setattr(rule, slot, convert(value))


def _closed(_: _Compiler, rule: Rule, value: Any) -> None:
    assert value is False
    rule.closed = True


_KEYWORDS: dict[str, Any] = {
    "type": lambda *_: None,
    "const": _put("enum", lambda value: (value,)),
    "enum": _put("enum", tuple),
    "pattern": _put("pattern", lambda text: re.compile(text, re.ASCII)),
    "format": _Compiler.take_format,
    "minimum": _put("minimum"),
    "maximum": _put("maximum"),
    "minItems": _put("least"),
    "minProperties": _put("least"),
    "items": _Compiler.take_items,
    "properties": _Compiler.take_properties,
    "patternProperties": _Compiler.take_members,
    "additionalProperties": _closed,
    "required": _put("required", tuple),
    "dependentRequired": _put("needed", lambda value: {key: tuple(keys) for key, keys in value.items()}),
    "anyOf": _needs,
    "not": _rivals,
    "if": _Compiler.take_several,
    "then": _Compiler.take_then,
    "x-noun": _put("noun"),
    "x-member": _put("member"),
    "x-hint": _put("hint"),
    "x-hints": _put("hints"),
    "x-later": _put("later", frozenset),
    "x-one": _put("one"),
    "x-none": _put("none"),
    "x-expected": _put("form"),
}


def listed(words: Iterable[Any]) -> str:
    """`a, b or c`."""
    *most, last = map(str, words)
    return f"{', '.join(most)} or {last}" if most else last
