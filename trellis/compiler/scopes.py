"""What a text may name: the fields, and what is local to where it stands, each with its type."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import MutableMapping

from trellis.compiler.language import Language, Scoped
from trellis.compiler.parts import ANY
from trellis.compiler.sites import Region, Site, Text, View
from trellis.model.types import Type

STRING, INTEGER, BOOLEAN, MAP = Type("string"), Type("integer"), Type("boolean"), Type("map")
ERROR = Type("map", keys={"code": STRING, "message": STRING, "node": STRING, "attempt": INTEGER})
SIGNAL = Type("map", keys={"name": STRING, "data": MAP})

Scope = MutableMapping[str, Type]


def read_texts(view: View) -> None:
    """Read every text of a view, and check its types while it is at hand."""
    scopes, language = Scopes(view), view.language
    for text in view.texts:
        _read(language, text, language.within(scopes.of_declaration(text)))
    for site in view.sites.values():
        if site.texts:
            around = scopes.of(site)
            scoped = language.within(around)
            for text in site.texts:
                if view.states and _names_states(text):
                    _read(language, text, language.within(scopes.waiting(around)))
                else:
                    _read(language, text, scoped)
        for text in site.needs:
            text.parsed = language.parse(text.kind, text.text)


def _read(language: Language, text: Text, scoped: Scoped) -> None:
    text.scope = scoped.scope
    text.parsed = parsed = language.parse(text.kind, text.text)
    text.faults = scoped.faults(parsed, text.wants)


def _names_states(text: Text) -> bool:
    """What is waited for may name declared states too: whether each is active."""
    return text.steps[-2:] == ("wait", "if")


class Scopes:
    """The scopes of one view. Texts that may name the same have the same scope object."""

    def __init__(self, view: View) -> None:
        self.view = view
        self.fields: Scope = view.fields
        self.args: Scope = {"args": MAP}
        definition = view.definition
        self._caught = set(definition.catch.values())
        self._signalled = set(definition.upon.values())
        for site in view.sites.values():
            self._caught.update(site.node.catch.values())
            self._signalled.update(site.node.upon.values())
        self._checks: dict[str, Scope] = {}
        self._regions: dict[str, Scope] = {"": self.fields}
        self._waits: dict[int, Scope] = {}
        self._nodes: dict[tuple[int, bool, bool], Scope] = {}
        self._items: dict[tuple[int, str], list[Scope]] = {}

    def of_declaration(self, text: Text) -> Scope:
        """For the check of a field, the words of a tool, or the guard of a state."""
        if text.steps[0] == "tools":
            return self.args
        if text.steps[0] != "fields":
            return self.fields
        name = str(text.steps[1])
        if name not in self._checks:
            self._checks[name] = ChainMap({"value": self.fields.get(name, ANY)}, self.fields)
        return self._checks[name]

    def of(self, site: Site) -> Scope:
        """For the texts of a node."""
        around = self._inside(site.region)
        caught, signalled = site.node.id in self._caught, site.node.id in self._signalled
        if not caught and not signalled:
            return around
        key = id(around), caught, signalled
        scope = self._nodes.get(key)
        if scope is None:
            brought: dict[str, Type] = {}
            if caught:
                brought["error"] = ERROR
            if signalled:
                brought["signal"] = SIGNAL
            scope = self._nodes[key] = ChainMap(brought, around)
        return scope

    def waiting(self, around: Scope) -> Scope:
        """For what a node in this scope waits for."""
        key = id(around)
        if key not in self._waits:
            states = {name: BOOLEAN for name in self.view.states if name not in around}
            self._waits[key] = ChainMap(states, around)
        return self._waits[key]

    def _inside(self, region: Region) -> Scope:
        scope = self._regions.get(region.id)
        if scope is None and region.state:
            return self.fields
        if scope is None:
            owner = self.view.sites[region.owner]
            scope = self.of(owner)
            each = owner.node.each
            if each is not None:
                items = self.view.language.type_of(each.items, scope)
                item = items.item if items.kind == "list" and items.item is not None else ANY
                scope = self._each(scope, each.item, item)
            self._regions[region.id] = scope
        return scope

    def _each(self, around: Scope, name: str, item: Type) -> Scope:
        """Inside an `each` whose items have this name and type."""
        known = self._items.setdefault((id(around), name), [])
        for scope in known:
            if scope[name] == item:
                return scope
        scope = ChainMap({name: item, "index": INTEGER}, around)
        known.append(scope)
        return scope
