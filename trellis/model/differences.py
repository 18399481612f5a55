"""What differs between two versions of a graph, told as an author would: nodes, edges, fields, states and what they say.

There is no difference exactly where every run of both does the same and they have the same schedules: orders that mean
nothing are not told of, the others are. What `migrate` of the later version says is another name is told as that.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

import msgspec
from msgspec.structs import replace

from trellis.model.durations import format_duration
from trellis.model.graph import BECOME, CAUGHT, SIGNALLED, Call, Definition, Edge, Node
from trellis.model.values import Value

Sign = Literal["+", "-", "~"]

SHOWN = 40
"""Characters of a value that are shown."""
_WORDS = {
    "Node": {"adds": "set.add", "removes": "set.remove", "set": "set.fields", "upon_states": "upon.states"},
    "Call": {"tool": "", "args": "with"},
    "Undo": {"call": "do"},
    "Remind": {"call": "do"},
    "Escalation": {"call": "do"},
}
"""Struct -> part of it -> how it is written, where it is written otherwise than it is kept."""
_SECONDS = frozenset(
    ("timeout", "deadline", "heartbeat", "initial_interval", "max_interval", "every", "after", "time", "catch_up")
)
_RELATIONS = ("require", "add", "remove", "after")
_UNORDERED = frozenset(("catch", "upon"))
_BARE = re.compile(r"(?!(?:true|false|null)$)(?:\$?[A-Za-z_][\w.~@%\[\]/-]*|[0-9.]+[A-Za-z][0-9A-Za-z.]*)")
"""A name, a target, a path or a duration."""
_JOINTS = f".[{CAUGHT}{SIGNALLED}{BECOME}"


class Difference(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that is new (`+`), gone (`-`) or another (`~`); `str` is a line for people."""

    sign: Sign
    part: str
    """What it is: node, edge, field, state, relation, group, signal, tool, limit, schedule, graph; empty for what a node
    or the graph itself says."""
    name: str
    """Which one, and which part of it: `review`, `a -> b`, `build.retry.max_attempts`."""
    before: Value = None
    """What it was; of an edge a map of `to`, `when` and `undo`. Null where it was not there or is known by its name alone."""
    after: Value = None
    node: str = ""
    """The node that it is, or is of: its id in the version that has it, the later one if both do."""
    graph: str = ""
    """Of a graph that this one uses: its path."""

    def __str__(self) -> str:
        within = f"{self.graph}: " if self.graph else ""
        what = f"{self.part} " if self.part else ""
        return f"{within}{self.sign}{what}{_line(self.name)}{self._values()}"

    def _values(self) -> str:
        if self.part == "edge":
            before, after = _guard(self.before), _guard(self.after)
            if self.sign != "~":
                return f" {before or after}" if before or after else ""
            return f" {before or 'always'} -> {after or 'always'}"
        if self.sign == "~":
            if self.part == "node":
                return f" -> {self.after}"
            before, after = _shown(self.before, self.after)
            return f" {before} -> {after}"
        value = self.after if self.sign == "+" else self.before
        return "" if value is None or value is True else f" {_shown(value, None)[0]}"


def differences(before: Definition, after: Definition) -> tuple[Difference, ...]:
    """All differences, from `before` to `after`: first of the graph, then of its nodes in the order in which they stand.

    None exactly where the two have one hash and the same schedules. What a node that is new or gone holds is not told
    of by itself, its edges included. Takes time in proportion to the size of both. Raises nothing.
    """
    return tuple(_between(before, after))


def _between(old: Definition, new: Definition, graph: str = "") -> Iterator[Difference]:
    said = renames(old, new)
    told = _Telling(graph, said)
    if said:
        old = under_new_names(old, said)
    for part, written in (("name", "name"), ("label", "version"), ("start", "start"), ("needs", "needs")):
        yield from told.parts(written, getattr(old, part), getattr(new, part))
    yield from told.structs("", old.limits, new.limits, "limit ")
    yield from told.nodes(old.nodes, new.nodes)
    for part in ("catch", "upon"):
        yield from told.maps(part, getattr(old, part), getattr(new, part), ordered=False)
    yield from told.maps("upon.states", old.upon_states, new.upon_states)
    for part in ("field", "signal", "tool", "state", "group", "schedule"):
        yield from told.named(part, getattr(old, f"{part}s"), getattr(new, f"{part}s"), ordered=part == "state")
    mapped = {name: now for name, now in new.migrate.nodes.items() if name not in said}
    yield from told.maps("migrate.nodes", old.migrate.nodes, mapped, ordered=False)
    yield from told.maps("migrate.fields", old.migrate.fields, new.migrate.fields, ordered=False)
    for path in old.uses:
        if path not in new.uses:
            yield Difference("-", "graph", path)
    for path, used in new.uses.items():
        if path in old.uses:
            yield from _between(old.uses[path], used, path)
        else:
            yield Difference("+", "graph", path)


class _Telling:
    """Says of two like parts what differs, under the name that the parts have for an author."""

    __slots__ = ("about", "former", "graph")

    def __init__(self, graph: str, said: Mapping[str, str]) -> None:
        self.graph = graph
        self.former = {now: name for name, now in said.items()}
        self.about = ""
        """The node that is told of."""

    def nodes(self, old: dict[str, Node], new: dict[str, Node]) -> Iterator[Difference]:
        for name in old:
            if name not in new:
                former = now_named(self.former, name)
                yield Difference("-", "node", former, node=former, graph=self.graph)
        for now, name in self.former.items():
            yield Difference("~", "node", name, name, now, now, self.graph)
        for name, node in new.items():
            before = old.get(name)
            if before is None:
                yield Difference("+", "node", name, node=name, graph=self.graph)
            elif before is not node and msgspec.json.encode(before) != msgspec.json.encode(node):
                self.about = name
                yield from self.structs(name, before, node, skipped=("to", "bodies"))
                yield from self.edges(name, before.to, node.to)
                yield from self.bodies(name, before, node, old, new)
                self.about = ""

    def bodies(
        self, name: str, before: Node, now: Node, old: dict[str, Node], new: dict[str, Node]
    ) -> Iterator[Difference]:
        """Those of a node; one that came or went is told of by its nodes, unless these were somewhere else."""
        bodies, bodies_now = ({body.region: body for body in node.bodies} for node in (before, now))
        for region, body in bodies.items():
            if region not in bodies_now and body.start in new:
                yield self._said("-", region, None, None, "branch ")
        for region, body in bodies_now.items():
            if region in bodies:
                yield from self.structs(region, bodies[region], body)
            elif body.start in old:
                yield self._said("+", region, None, None, "branch ")
        yield from self._order(f"{name}.branches", bodies, bodies_now)

    def edges(self, name: str, old: tuple[Edge, ...], new: tuple[Edge, ...]) -> Iterator[Difference]:
        """Equal ones are the same, then those that lead to the same target; what is left came or went."""
        pairs: dict[int, int] = {}
        """Place now -> place before."""
        targets: tuple[list[Edge | str], list[Edge | str]] = [edge.to for edge in old], [edge.to for edge in new]
        for keys in ((old, new), targets):
            waiting: dict[Edge | str, list[int]] = {}
            for place in reversed(range(len(new))):
                if place not in pairs:
                    waiting.setdefault(keys[1][place], []).append(place)
            taken = set(pairs.values())
            for place, key in enumerate(keys[0]):
                if place not in taken and waiting.get(key):
                    pairs[waiting[key].pop()] = place
        kept = set(pairs.values())
        for place, edge in enumerate(old):
            if place not in kept:
                yield self._edge("-", name, edge, None)
        for place, edge in enumerate(new):
            if place not in pairs:
                yield self._edge("+", name, None, edge)
            elif (before := old[pairs[place]]) != edge:
                yield self._edge("~", name, before, edge)
        order = [pairs[place] for place in sorted(pairs)]
        if order != sorted(order):
            now = [new[place].to for place in sorted(pairs)]
            yield self._said("~", f"{name}.to order", [old[place].to for place in sorted(order)], now)

    def _edge(self, sign: Sign, name: str, before: Edge | None, after: Edge | None) -> Difference:
        target = after or before
        assert target is not None
        way = f"{name} -> {target.to}"
        return Difference(sign, "edge", way, _plain(before), _plain(after), name, self.graph)

    def named(self, part: str, old: dict[str, Any], new: dict[str, Any], *, ordered: bool) -> Iterator[Difference]:
        """Entries that come and go as a whole; what changes in one is told by its name."""
        for name in old:
            if name not in new:
                yield Difference("-", part, name, graph=self.graph)
        for name, now in new.items():
            if name not in old:
                yield Difference("+", part, name, graph=self.graph)
            elif part == "state":
                yield from self.relations(name, old[name], now)
                yield from self.structs(name, old[name], now, "state ", skipped=_RELATIONS)
            else:
                yield from self.parts(name, old[name], now, f"{part} ")
        if ordered:
            yield from self._order(f"{part}s", old, new)

    def relations(self, name: str, old: Any, new: Any) -> Iterator[Difference]:
        for word in _RELATIONS:
            yield from self.parts(f"{name} {word}", getattr(old, word), getattr(new, word), "relation ")

    def structs(
        self, name: str, old: Any, new: Any, part: str = "", *, skipped: Iterable[str] = ()
    ) -> Iterator[Difference]:
        kind = type(new)
        words = _WORDS.get(kind.__name__, {})
        for key, encoded in zip(kind.__struct_fields__, kind.__struct_encode_fields__, strict=True):
            if key in skipped:
                continue
            before, after = getattr(old, key), getattr(new, key)
            word = words.get(key, encoded)
            path = f"{name}.{word}" if name and word else name or word
            if key in _SECONDS and type(before) is not tuple and before != after:
                before, after = _durations(before, after)
            yield from self.parts(path, before, after, part, ordered=key not in _UNORDERED)

    def parts(self, name: str, old: Any, new: Any, part: str = "", *, ordered: bool = True) -> Iterator[Difference]:
        """Two values of one part of a struct, in which nothing, false and empty is what is not written."""
        if old is new:
            return
        if type(old) is type(new) and isinstance(new, (msgspec.Struct, dict, tuple)):
            yield from self.values(name, old, new, part, ordered=ordered)
        elif not _same(old, new):
            nothing, nothing_now = (value is None or value is False or value in ("", ()) for value in (old, new))
            sign: Sign = "~" if nothing is nothing_now else "+" if nothing else "-"
            yield self._said(sign, name, None if sign == "+" else old, None if sign == "-" else new, part)

    def values(self, name: str, old: Any, new: Any, part: str = "", *, ordered: bool = True) -> Iterator[Difference]:
        """Two values that are there, whatever they are."""
        if type(old) is not type(new):
            yield self._said("~", name, old, new, part)
        elif isinstance(new, msgspec.Struct):
            yield from self.structs(name, old, new, part)
        elif isinstance(new, dict):
            yield from self.maps(name, old, new, part, ordered=ordered)
        elif isinstance(new, tuple):
            yield from self.tuples(name, old, new, part)
        elif isinstance(new, list) and len(old) == len(new):
            for place, (before, after) in enumerate(zip(old, new, strict=True)):
                yield from self.values(f"{name}[{place}]", before, after, part)
        elif not _same(old, new):
            yield self._said("~", name, old, new, part)

    def maps(
        self,
        name: str,
        old: dict[str, Any],
        new: dict[str, Any],
        part: str = "",
        *,
        ordered: bool = True,
    ) -> Iterator[Difference]:
        for key, value in old.items():
            if key not in new:
                yield self._said("-", f"{name}.{key}", value, None, part)
        for key, value in new.items():
            if key not in old:
                yield self._said("+", f"{name}.{key}", None, value, part)
            else:
                yield from self.values(f"{name}.{key}", old[key], value, part)
        if ordered:
            yield from self._order(name, old, new, part)

    def tuples(self, name: str, old: tuple[Any, ...], new: tuple[Any, ...], part: str) -> Iterator[Difference]:
        before, after = ({_key(item): item for item in items} for items in (old, new))
        if len(before) < len(old) or len(after) < len(new) or None in before or None in after:
            for place in range(max(len(old), len(new))):
                at = f"{name}[{place}]"
                if place >= len(new):
                    yield self._said("-", at, old[place], None, part)
                elif place >= len(old):
                    yield self._said("+", at, None, new[place], part)
                else:
                    yield from self.values(at, old[place], new[place], part)
            return
        for key, item in before.items():
            if key not in after:
                yield self._said("-", name, item, None, part)
        for key, item in after.items():
            if key not in before:
                yield self._said("+", name, None, item, part)
        kept = [key for key in before if key in after]
        kept_now = [key for key in after if key in before]
        if kept != kept_now:
            yield self._said(
                "~", f"{name} order", [before[key] for key in kept], [after[key] for key in kept_now], part
            )

    def _order(self, name: str, old: Iterable[str], new: Iterable[str], part: str = "") -> Iterator[Difference]:
        """That what is in both maps stands there in two orders."""
        before, after = dict.fromkeys(old), dict.fromkeys(new)
        kept, kept_now = [key for key in before if key in after], [key for key in after if key in before]
        if kept != kept_now:
            yield self._said("~", f"{name} order", kept, kept_now, part)

    def _said(self, sign: Sign, name: str, old: Any, new: Any, part: str = "") -> Difference:
        return Difference(sign, part.rstrip(), name, _plain(old), _plain(new), self.about, self.graph)


def _key(item: object) -> object:
    """What tells a scalar from all others, true from 1; None for what is no scalar."""
    return None if isinstance(item, (dict, list, tuple, msgspec.Struct)) or item is None else (type(item), repr(item))


def _same(old: object, new: object) -> bool:
    return type(old) is type(new) and (repr(old) == repr(new) if type(old) is float else old == new)


def _plain(value: Any) -> Value:
    if isinstance(value, Call) and not value.args and not value.allow:
        return value.tool
    plain: Value = msgspec.to_builtins(value)
    return plain


def _durations(old: float | None, new: float | None) -> tuple[float | str | None, float | str | None]:
    """Both as they are written, where that still tells them apart."""
    shown = tuple(None if value is None else format_duration(value) for value in (old, new))
    return (old, new) if shown[0] == shown[1] else (shown[0], shown[1])


def renames(old: Definition, new: Definition) -> dict[str, str]:
    """Node or body -> its name in the later version, where that says so and nothing speaks against it."""
    if not new.migrate.nodes:
        return {}
    regions, regions_now = (
        {body.region for node in each.nodes.values() for body in node.bodies} for each in (old, new)
    )
    said = {
        name: now
        for name, now in new.migrate.nodes.items()
        if (name in old.nodes) is (now in new.nodes)
        and (name in regions) is (now in regions_now)
        and (name in old.nodes or name in regions)
        and not (name in new.nodes or name in regions_now or now in old.nodes or now in regions)
    }
    names = {now_named(said, name) for name in old.nodes}
    return said if len(names) == len(old.nodes) and len(set(said.values())) == len(said) else {}


def now_named(said: Mapping[str, str], name: str) -> str:
    """What became of a name: it goes with the longest that it is, or is inside of."""
    end = len(name)
    while end > 0:
        if name[:end] in said:
            return said[name[:end]] + name[end:]
        end -= 1
        while end > 0 and name[end] not in _JOINTS:
            end -= 1
    return name


def under_new_names(definition: Definition, said: Mapping[str, str]) -> Definition:
    """The definition with its nodes and bodies under the names that `renames` gives."""

    def now(name: str) -> str:
        return now_named(said, name)

    def routes(mapping: dict[str, str]) -> dict[str, str]:
        return {key: now(target) for key, target in mapping.items()}

    def renamed(node: Node) -> Node:
        return replace(
            node,
            id=now(node.id),
            region=now(node.region),
            bodies=tuple(replace(body, region=now(body.region), start=now(body.start)) for body in node.bodies),
            to=tuple(replace(edge, to=now(edge.to)) for edge in node.to),
            catch=routes(node.catch),
            upon=routes(node.upon),
            upon_states=routes(node.upon_states),
        )

    def state(declared: Any) -> Any:
        entered, exited = (None if name is None else now(name) for name in (declared.entered, declared.exited))
        required = tuple(now(name) for name in declared.require)
        return replace(declared, require=required, entered=entered, exited=exited)

    return replace(
        definition,
        start=now(definition.start),
        nodes={now(name): renamed(node) for name, node in definition.nodes.items()},
        catch=routes(definition.catch),
        upon=routes(definition.upon),
        upon_states=routes(definition.upon_states),
        states={name: state(declared) for name, declared in definition.states.items()},
    )


def _guard(edge: Any) -> str:
    """What stands at an edge besides its target."""
    if edge is None:
        return ""
    parts = ([f"if {_cut(_line(edge['when']), 0)}"] if "when" in edge else []) + ["undo"] * ("undo" in edge)
    return ", ".join(parts)


def _shown(value: Value, other: Value) -> tuple[str, str]:
    """Both as texts of one line; of long ones the part where they begin to differ."""
    texts = [_text(value), _text(other)]
    if all(len(text) <= SHOWN for text in texts):
        return texts[0], texts[1]
    short = min(map(len, texts))
    common = next((place for place in range(short) if texts[0][place] != texts[1][place]), short)
    start = max(common - SHOWN // 4, 0) if common > SHOWN // 2 and other is not None else 0
    return _cut(texts[0], start), _cut(texts[1], start)


def _cut(text: str, start: int) -> str:
    shown = text[start : start + SHOWN]
    return ("…" if start else "") + shown + ("…" if start + SHOWN < len(text) else "")


def _text(value: Value) -> str:
    """A value as it could be written: a word bare, other texts in quotation marks."""
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ", ".join(map(_text, value)) or "[]"
    if isinstance(value, str) and _BARE.fullmatch(value):
        return value
    return _line(msgspec.json.encode(value).decode())


def _line(text: str) -> str:
    """The text on one line, whatever is in it."""
    return text if text.isprintable() else "".join(each if each.isprintable() else " " for each in text)
