"""The shape of a document: every fault in one walk, by the rules of the JSON Schema, and what is left without them.

A faulty key is left out of its map, a faulty item out of its list; a map that lacks what it cannot be without is
faulty itself. So whoever comes next sees only parts of the right shape, and `pruned` tells what is missing.
Keys that begin with `x-` are the author's own and are left out without a word.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from trellis.loaders.judge import BROKEN, FAULTS, Broken
from trellis.loaders.rules import Rule, document_rule, listed, node_rule
from trellis.loaders.syntax import QUOTE, shown
from trellis.model.documents import Document, Step
from trellis.model.problems import Problem, did_you_mean
from trellis.model.types import found

LATER = "not available in this version"
_SHOWN_KEYS = 8
_LARGE, _LAYOUTS = 32, 1000
"""Maps of more keys are not taken to be like others; and so many layouts are kept at most."""
_APART = frozenset(" ,:#[]{}\"'&*!|>%@`\n\t")
"""A text without any of these can stand in a list as it is."""


class Shape:
    """What one walk found. `usable`: something of the document is left; `whole`: it has all that it cannot be without."""

    __slots__ = ("problems", "pruned", "removed", "usable", "whole")

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.pruned: set[tuple[Step, ...]] = set()
        """The steps of every part that was left out, as in the file."""
        self.removed: dict[tuple[Step, ...], list[int]] = {}
        """For each list that items were left out of, their indices in the file, in order."""
        self.usable = self.whole = True


def check_shape(document: Document, *, broken: bool, rule: Rule | None = None) -> Shape:
    """Check the shape of a document, or of what `rule` is for, and leave what has a fault out of its data.

    `broken`: the data may hold BROKEN, which is left out without another word.
    """
    walk = _Walk(document)
    shape = walk.shape
    walk.is_document = rule is not node_rule()
    shape.whole = walk.visit(rule or document_rule(), document.data)
    shape.usable = shape.whole or isinstance(document.data, dict)
    if broken and shape.usable:
        walk.path.clear()
        walk.sweep(document.data)
    return shape


def is_sound(data: Any, rule: Rule) -> bool:
    """Whether a map has the shape that `rule` asks for, as far as a glance tells: where it does, there is no need of a walk."""
    if type(data) is not dict or rule.required or rule.needed or rule.several is not None or len(data) < rule.least:
        return False
    properties = rule.properties
    for key, part in data.items():
        held = properties.get(key)
        if held is None or type(part) not in held.plain:
            return False
    keys = data.keys()
    return not (rule.needs and keys.isdisjoint(rule.needs)) and len(keys & rule.exclusive) < 2


Held = tuple[str, Rule, Callable[[Any], object] | None]
"""A key whose value is to be looked at, the rule for that, and what says yes to it where a pattern is all there is."""


def _held(rule: Rule, data: dict[str, Any]) -> list[Held]:
    """What is to be looked at in a map whose keys are sound: the types alone say that the rest is."""
    found: list[Held] = []
    for key, part in data.items():
        held, kind = rule.properties.get(key) or _member(rule, key), type(part)
        if held is None or kind in held.plain:
            continue
        typed = held.kinds.get(kind) if held.kinds is not None else None
        fits = None
        if kind is str and typed is not None and typed.pattern is not None and not typed.enum and typed.parse is None:
            fits = typed.pattern.search
        found.append((key, held, fits))
    return found


class _Walk:
    def __init__(self, document: Document) -> None:
        self.document = document
        self.is_document = True
        self.shape = Shape()
        self.path: list[Step] = []
        self.parsed: set[tuple[Any, str]] = set()
        """Durations that are sound: a document repeats a few of them."""
        self.layouts: dict[tuple[object, ...], list[Held]] = {}
        """By rule, keys and types of maps whose keys are sound: what is to be looked at. Documents repeat a few of them."""

    def problem(self, code: str, message: str, hint: str = "", *below: Step, key: bool = False) -> None:
        if len(self.shape.problems) > FAULTS:
            return
        if len(self.shape.problems) == FAULTS:
            code, message, hint = "E117", f"more than {FAULTS:,} faults of shape; the rest is not told", ""
        self.shape.problems.append(self.document.problem(code, message, (*self.path, *below), key=key, hint=hint))

    def visit(self, rule: Rule, value: Any) -> bool:
        """Whether the value at the path can be kept; its parts that cannot are gone."""
        if rule.kinds is None:
            return value is not BROKEN
        kind = type(value)
        held = rule.kinds.get(kind)
        if held is None:
            self.wrong_kind(rule, value)
            return False
        if kind is dict:
            return self.visit_map(held, value) if held.closed else self.is_long_enough(held, value)
        if kind is list:
            return self.visit_list(held, value)
        return self.visit_scalar(held, value)

    def visit_map(self, rule: Rule, data: dict[str, Any]) -> bool:
        layout = (rule, *data, *map(type, data.values()))
        known = self.layouts.get(layout)
        if known is not None:
            return self.visit_known(rule, data, known)
        path, properties, told = self.path, rule.properties, len(self.shape.problems)
        crowded = rule.several is not None and _holds(data.get(rule.several[0]), rule.several[1])
        faulty: list[str] = []
        free: list[str] = []
        unknown = False
        before = ""
        for key, part in data.items():
            held = properties.get(key) or _member(rule, key)
            if held is None:
                if key.startswith("x-"):
                    free.append(key)
                    continue
                unknown = True
                faulty.append(key)
                if part is not BROKEN:
                    self.unknown_key(rule, key, part, before, faulty)
            elif type(part) not in held.plain:
                if held.whole and type(part) is float and part.is_integer():
                    part = data[key] = int(part)
                path.append(key)
                if not self.visit(held, part):
                    faulty.append(key)
                path.pop()
            before = key
        kept = self.has_keys(rule, data, faulty, crowded=crowded, unknown=unknown)
        if len(data) < rule.least:
            kept = self.is_long_enough(rule, data)
        if rule.rivals:
            self.has_one(rule, data, faulty)
        if kept and not faulty and not free and len(self.shape.problems) == told:
            self.learn(rule, data, layout)
        for key in free:
            del data[key]
        self.drop_keys(data, faulty)
        return kept

    def visit_known(self, rule: Rule, data: dict[str, Any], known: list[Held]) -> bool:
        """The same for a map whose keys are sound, and whose values are of the right types."""
        path = self.path
        faulty: list[str] = []
        for key, held, fits in known:
            part = data[key]
            if fits is None or not fits(part):
                path.append(key)
                if not self.visit(held, part):
                    faulty.append(key)
                path.pop()
        if not faulty:
            return True
        self.drop_keys(data, faulty)
        return not set(rule.required).intersection(faulty)

    def learn(self, rule: Rule, data: dict[str, Any], layout: tuple[object, ...]) -> None:
        """Keep the layout of a map that is sound, where others may be like it."""
        if rule.several is not None or len(data) > _LARGE or len(self.layouts) == _LAYOUTS:
            return
        # A number that was made whole is of another type than it was found with.
        if layout == (rule, *data, *map(type, data.values())):
            self.layouts[layout] = _held(rule, data)

    def drop_keys(self, data: dict[str, Any], faulty: list[str]) -> None:
        for key in faulty:
            del data[key]
            self.shape.pruned.add((*self.path, key))

    def has_keys(self, rule: Rule, data: dict[str, Any], faulty: list[str], *, crowded: bool, unknown: bool) -> bool:
        """Whether all keys that the map cannot be without are there, and are sound."""
        wanted = rule.required
        if rule.needed or crowded:
            others = [key for known, keys in rule.needed.items() if known in data for key in keys]
            if crowded and rule.several is not None:
                others.extend(rule.several[2])
            wanted = tuple(dict.fromkeys((*wanted, *others)))
        for key in wanted:
            if key not in data:
                self.problem("E203", f"missing key '{key}' of {rule.noun}", rule.hints.get(key, ""), key=True)
        if rule.needs and data.keys().isdisjoint(rule.needs):
            if not unknown and not set(rule.needs).intersection(wanted):
                self.nothing(rule)
            return False
        return all(key in data and key not in faulty for key in rule.required)

    def nothing(self, rule: Rule) -> None:
        if rule.none:
            self.problem("E206", rule.none, f"give it {listed(f'`{key}`' for key in rule.needs)}", key=True)
        else:
            key = rule.needs[0]
            self.problem("E203", f"missing key '{key}' of {rule.noun}", rule.hints.get(key, ""), key=True)

    def has_one(self, rule: Rule, data: dict[str, Any], faulty: list[str]) -> None:
        """Tell of keys that exclude each other; all but the first of them are faulty."""
        if len(data.keys() & rule.exclusive) < 2:
            return
        rivals = {key for pair in rule.rivals if pair[0] in data and pair[1] in data for key in pair}
        if not rivals:
            return
        named = [key for key in data if key in rivals]
        shown = ", ".join(f"'{key}'" for key in named[:-1]) + f" and '{named[-1]}'"
        self.problem("E206", f"{rule.one}, found {shown}", "", named[1], key=True)
        faulty.extend(key for key in named[1:] if key not in faulty)

    def visit_list(self, rule: Rule, data: list[Any]) -> bool:
        items = rule.items
        faulty: list[int] = []
        for index, part in enumerate(data):
            if items is None:
                if part is BROKEN:
                    faulty.append(index)
            elif type(part) not in items.plain:
                self.path.append(index)
                if not self.visit(items, part):
                    faulty.append(index)
                self.path.pop()
        kept = self.is_long_enough(rule, data)
        self.drop_items(data, faulty)
        return kept and (bool(data) or not faulty)

    def drop_items(self, data: list[Any], faulty: list[int]) -> None:
        if faulty:
            steps = tuple(self.path)
            self.shape.removed[steps] = faulty
            self.shape.pruned.update((*steps, index) for index in faulty)
            gone = set(faulty)
            data[:] = [part for index, part in enumerate(data) if index not in gone]

    def is_long_enough(self, rule: Rule, data: dict[str, Any] | list[Any]) -> bool:
        if len(data) >= rule.least:
            return True
        what = "map" if isinstance(data, dict) else "list"
        self.problem("E221", f"{self.label()} is an empty {what}", "give it at least one part", key=True)
        return False

    def visit_scalar(self, rule: Rule, value: Any) -> bool:
        if rule.enum and value not in rule.enum:
            hint = did_you_mean(value, map(str, rule.enum)) if isinstance(value, str) else rule.hint
            self.problem("E209", f"{self.label()}: expected {rule.expected}, found {found(value)}", hint)
        elif rule.parse is not None:
            return self.parses(rule, value)
        elif rule.pattern is not None and not rule.pattern.search(value):
            if rule.form:
                self.problem("E209", f"{self.label()}: expected {rule.form}, found {found(value)}")
            else:
                self.problem("E208", f"{shown(value)} is no name", _name_hint(rule.pattern.pattern))
        elif rule.minimum is not None and value < rule.minimum:
            self.problem("E220", f"{self.label()}: expected {rule.minimum} or more, found {value}")
        elif rule.maximum is not None and value > rule.maximum:
            self.problem("E220", f"{self.label()}: expected {rule.maximum} or less, found {value}")
        else:
            return True
        return False

    def parses(self, rule: Rule, value: Any) -> bool:
        if (rule.parse, value) in self.parsed:
            return True
        try:
            rule.parse(value)
        except ValueError as error:
            self.problem("E207", f"{self.label()}: {error}")
            return False
        self.parsed.add((rule.parse, value))
        return True

    def wrong_kind(self, rule: Rule, value: Any) -> None:
        if isinstance(value, Broken):
            return
        if rule.parse is not None and type(value) in (int, float):
            self.parses(rule, value)
            return
        if rule.expression:
            hint = QUOTE
        elif str in (rule.kinds or ()) and isinstance(value, bool | int | float):
            hint = "quote it"
        elif not rule.hint and [*(rule.kinds or ())] == [list] and isinstance(value, str) and not set(value) & _APART:
            hint = f"write [{value}]"
        else:
            hint = rule.hint or ("write a value, or remove the key" if value is None else "")
        self.problem("E202", f"{self.label()}: expected {rule.expected}, found {found(value)}", hint)

    def unknown_key(self, rule: Rule, key: str, part: Any, before: str, faulty: list[str]) -> None:
        """Tell of a key that has no place here."""
        if len(self.shape.problems) > FAULTS:
            return
        neighbour = rule.properties.get(before) or _member(rule, before)
        if part is None and neighbour is not None and neighbour.expression and _is_cut(key):
            # `{if: max(a, b) > 1}` is a map of `max(a` and `b) > 1`, and neither is what the author meant.
            if before not in faulty:
                faulty.append(before)
            self.problem("E201", f"unknown key {shown(key)} of {rule.noun}", QUOTE, key, key=True)
        elif rule.members and (rule.member or not rule.properties):
            pattern, noun = rule.members[0][0].pattern, rule.member or rule.noun
            hint = rule.hints.get(key) or rule.form or _name_hint(pattern)
            self.problem("E208", f"{shown(key)} is no name for {noun}", hint, key, key=True)
        else:
            self.problem("E201", f"unknown key {shown(key)} of {rule.noun}", _key_hint(rule, key), key, key=True)

    def label(self) -> str:
        """The value at the path, as messages call it."""
        if not self.path:
            return "the document" if self.is_document else "the node"
        last = self.path[-1]
        if isinstance(last, str):
            return shown(last)
        above = next((step for step in reversed(self.path) if isinstance(step, str)), "")
        return f"item {last + 1} of {shown(above)}"

    def sweep(self, value: Any) -> None:
        """Leave out what is BROKEN in data that the schema says nothing about."""
        if isinstance(value, dict):
            for key in [key for key, part in value.items() if part is BROKEN]:
                del value[key]
                self.shape.pruned.add((*self.path, key))
            for key, part in value.items():
                self.path.append(key)
                self.sweep(part)
                self.path.pop()
        elif isinstance(value, list):
            self.drop_items(value, [index for index, part in enumerate(value) if part is BROKEN])
            for index, part in enumerate(value):
                self.path.append(index)
                self.sweep(part)
                self.path.pop()


def _holds(value: Any, count: int) -> bool:
    return isinstance(value, dict) and len(value) >= count


def _member(rule: Rule, key: str) -> Rule | None:
    for pattern, member in rule.members:
        if pattern.search(key):
            return member
    return None


def _is_cut(key: str) -> bool:
    """Whether a key looks like the rest of an expression that a comma cut in two."""
    return not key.replace("_", "a").replace("-", "a").isalnum()


def _key_hint(rule: Rule, key: str) -> str:
    if key in rule.later:
        return LATER
    if key in rule.hints:
        return rule.hints[key]
    near = did_you_mean(key, rule.properties)
    if near or len(rule.properties) > _SHOWN_KEYS:
        return near
    return f"known keys: {', '.join(rule.properties)}"


def _name_hint(pattern: str) -> str:
    extra = ", _, - and ." if ".-]" in pattern else " and _"
    return f"names are made of letters, digits{extra}, and do not begin with a digit"
