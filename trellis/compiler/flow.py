"""Which fields are surely written when a node is entered: what every path to it writes, counted in bits.

Fields are never unset, so what a body writes does not depend on what was written before it: bodies are solved first,
inner to outer, and what holds at their entry is added afterwards. Each region is solved once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping

from trellis.compiler.sites import Declared, Phase, Region, Site, Text, Unset, View
from trellis.model.graph import END, Node

ACTING = ("ask", "do", "all", "race", "each", "use", "wait", "emit")
"""Verbs that wait for something, so that an error or a signal may come meanwhile."""

UNTAKEN = ("no_edge", "expression")
"""Codes that `"*"` does not take."""

LOOKS = 100_000
"""How many nodes are looked at, in all, to find paths to show."""


class Flow:
    """The solved flow of one view."""

    def __init__(self, view: View) -> None:
        self.view = view
        self.bits = {name: 1 << place for place, name in enumerate(view.fields)}
        self.every = (1 << len(self.bits)) - 1
        self._writes: dict[str, tuple[int, int]] = {}
        self._ways: dict[str, list[tuple[str, int]]] = {}
        self._local: dict[str, int] = {}
        self._gains: dict[str, int] = {}
        self._looks = LOOKS
        self._routes = [
            self._led(routes) for routes in (view.definition.catch, view.definition.upon, view.definition.upon_states)
        ]
        """What the graph itself catches and reacts to, as far as that leads to a node or the end."""
        self._routed = any(self._routes)
        for region in reversed(view.regions.values()):
            self._gains[region.id] = self._solve(region)
        self.written = 0
        """The fields that some node writes."""
        for site in view.sites.values():
            acted, set_ = self._writes.get(site.node.id) or self.writes(site)
            self.written |= acted | set_

    def surely(self, site: Site, phase: Phase) -> int:
        """The fields that every path has written when a text of `site` is read in `phase`."""
        before = self.entry(site)
        acted, set_ = self.writes(site)
        if phase == "enter":
            return before
        return before | acted | (set_ if phase == "route" else 0)

    def entry(self, site: Site) -> int:
        """The fields that every path has written when `site` is entered; all of them where no path leads to it."""
        found = self._local.get(site.node.id, self.every)
        owner = site.region.owner
        if owner:
            return found | self.entry(self.view.sites[owner])
        return found | self._come(site.region.state) if site.region.state else found

    def _come(self, state: str) -> int:
        """What is written whenever this state comes: by what every node that adds it has written when it goes on."""
        relations = self.view.relations
        if state in relations.autos or any(self._reacts(self.view.sites[name]) for name in relations.adders(state)):
            return 0  # at any time
        found = self.every
        for name in relations.adders(state):
            found &= self.surely(self.view.sites[name], "route")
        return found

    def _reacts(self, site: Site) -> bool:
        """Whether a node works in the `entered` or `exited` of a state."""
        while site.region.owner:
            site = self.view.sites[site.region.owner]
        return bool(site.region.state)

    def writes(self, site: Site) -> tuple[int, int]:
        """What a node surely writes: by acting, its bodies included, and by `set`."""
        node = site.node
        known = self._writes.get(node.id)
        if known is None:
            # A node of which a part could not be read may have written anything there.
            acted = self.every if self.view.torn(*site.steps) else self.bits.get(node.save or "", 0)
            if node.ask is not None:
                for name in node.ask.fields:
                    acted |= self.bits.get(name, 0)
            if node.join is not None:
                acted |= self._joined(node)
            set_ = 0
            for name in node.set:
                set_ |= self.bits.get(name, 0)
            known = self._writes[node.id] = acted, set_
        return known

    def _joined(self, node: Node) -> int:
        """What the bodies surely write: those of an `each` may be none, those of a `collect` may fail."""
        join, gains = node.join, [self._gains[body.region] for body in node.bodies]
        if node.each is not None or join is None or join.mode == "collect" or not gains:
            return 0
        if join.mode == "all" or join.count >= len(gains):
            both = 0
            for gain in gains:
                both |= gain
            return both
        enough = len(gains) - join.count  # so many may be missing
        return sum(bit for bit in self.bits.values() if sum(bool(gain & bit) for gain in gains) > enough)

    def _solve(self, region: Region) -> int:
        """Find what is written at the entry of each node of a region, and what every way to its end writes."""
        sites, ways = self.view.sites, self._ways
        if region.start not in sites:
            return self.every
        local = self._local
        local[region.start] = 0
        if not any(to in sites for to, _ in self.ways(sites[region.start])):  # most bodies are one node
            return self._ended(region.start)
        order = self._forward(region.start)
        changed = {region.start}
        ended = self.every
        while changed:
            # In this order one pass settles all but loops, whose way back is settled by the next.
            for name in order:
                if name not in changed:
                    continue
                changed.discard(name)
                entered = local[name]
                for to, gain in ways[name]:
                    written = entered | gain
                    before = local.get(to)
                    if before is None:
                        if to in sites:
                            local[to] = written
                            changed.add(to)
                        elif to == END:
                            ended &= written
                    elif before & written != before:
                        local[to] = before & written
                        changed.add(to)
        return ended

    def _ended(self, name: str) -> int:
        """What a region writes that ends with its first node."""
        ended = self.every
        for to, gain in self._ways[name]:
            if to == END:
                ended &= gain
        return ended

    def _forward(self, start: str) -> list[str]:
        """What can be reached from `start`, each node before those it leads to, but for ways back."""
        sites, ways = self.view.sites, self.ways
        seen = {start}
        order: list[str] = []
        names, rests = [start], [iter(ways(sites[start]))]
        while names:
            for to, _ in rests[-1]:
                if to not in seen and to in sites:
                    seen.add(to)
                    names.append(to)
                    rests.append(iter(ways(sites[to])))
                    break
            else:
                order.append(names.pop())
                rests.pop()
        order.reverse()
        return order

    def ways(self, site: Site) -> list[tuple[str, int]]:
        """Where one may go from a node, and what the node has surely written when it goes there."""
        node = site.node
        known = self._ways.get(node.id)
        if known is not None:
            return known
        acted, set_ = self.writes(site)
        written = acted | set_
        found = [(edge.to, written) for edge in node.to]
        if not node.to and site.region.single:
            found.append((END, written))
        for routes in (node.catch, node.upon, node.upon_states):
            if routes:
                found += [(to, 0) for to in routes.values()]
        if self._routed and not site.region.inner:
            catch, upon, upon_states = self._routes
            if catch:
                found += [(to, 0) for code, to in catch.items() if self._reaches_graph(site, code)]
            if node.verb in ACTING:
                for routes, own in ((upon, node.upon), (upon_states, node.upon_states)):
                    if routes:
                        found += [(to, 0) for word, to in routes.items() if word not in own]
        self._ways[node.id] = found
        return found

    def _led(self, routes: Mapping[str, str]) -> dict[str, str]:
        return {word: to for word, to in routes.items() if to in self.view.sites or to == END}

    def _reaches_graph(self, site: Site, code: str) -> bool:
        """Whether a node of the graph itself may fail with this code, or for `"*"` with some, and not catch that itself."""
        node = site.node
        if code in node.catch or ("*" in node.catch and code not in UNTAKEN):
            return False
        if code == "no_edge":
            return bool(node.to) and all(edge.when is not None for edge in node.to)
        if node.verb in ACTING:
            return True
        if code == "expression":
            return bool(site.texts)
        states = bool(node.adds or node.removes) or node.id in self.view.required_nodes
        undoes = any(edge.undo for edge in node.to)
        if code == "*":
            return states or undoes or self._may_misfit(site)
        may = {"states_refused": states, "undo_failed": undoes, "invalid": self._may_misfit(site), "value_limit": True}
        return may.get(code, False)

    def _may_misfit(self, site: Site) -> bool:
        """Whether a `set` may give a field what it does not take, as far as types and checks tell."""
        view = self.view
        for text in site.texts:
            wants = text.wants
            if text.phase == "set" and wants is not None:
                field = view.definition.fields.get(str(text.steps[-1]))
                given = view.language.type_of(text.text, text.scope).kind
                fits = wants.kind in ("any", given) or (wants.kind, given) == ("number", "integer")
                if not fits or wants.enum or field is None or field.check is not None:
                    return True
        return False

    def path(self, site: Site, bit: int) -> list[str]:
        """A way to `site` on which nothing writes the field, as node ids; empty where looking for one takes too long."""
        owner = site.region.owner
        if site.region.state:
            return []  # it comes with a state, from wherever that does
        head = self.path(self.view.sites[owner], bit) if owner else []
        came: dict[str, str] = {site.region.start: ""}
        waiting = deque(came)
        while waiting and site.node.id not in came and self._looks:
            name = waiting.popleft()
            self._looks -= 1
            for to, gain in self.ways(self.view.sites[name]):
                if to not in came and to in self.view.sites and not gain & bit:
                    came[to] = name
                    waiting.append(to)
        if site.node.id not in came or (owner and not head):
            return []
        way = [site.node.id]
        while came[way[-1]]:
            way.append(came[way[-1]])
        return head + way[::-1]

    def given(self, *, optional: bool) -> int:
        """The fields that have a value at start whatever a run is given; with `optional`, also those that may be null."""
        given = 0
        for name, field in self.view.definition.fields.items():
            # The host reads a `from` at the start, and does not start without one; an optional field may do without.
            if field.default is not None or (optional if field.optional else field.source is not None):
                given |= self.bits[name]
        for lost in self.view.lost("fields"):
            given |= self.bits.get(str(lost), 0)
        return given


def unset(flow: Flow) -> dict[str, Unset]:
    """The fields that some path reads before any write, by name: each with the first text in the document that does.

    What a node `needs` counts as read where no node writes it: then only the start can give it.
    """
    view, given = flow.view, flow.given(optional=True)
    found: dict[str, Unset] = {}

    def look(site: Site, text: Text, declared: Declared | None = None) -> None:
        for name in text.parsed.names:
            bit = flow.bits.get(name)
            if not bit or bit & given or name in found or bit & flow.surely(site, text.phase):
                continue
            if text not in site.needs or not bit & flow.written:
                found[name] = Unset(site, text, flow.path(site, bit), declared)

    for site in view.sites.values():
        for text in (*site.texts, *site.needs):
            look(site, text)
    relations = view.relations
    for name, declared in view.states.items():
        for text in declared.guards:
            # It is read when a node that adds the state goes on. A state that comes by itself waits for what it reads,
            # which is in vain only where nothing writes that.
            for node in relations.adders(name):
                look(view.sites[node], text, declared)
            if name in relations.autos:
                for field in text.parsed.names:
                    if flow.bits.get(field, 0) & ~(given | flow.written):
                        found.setdefault(field, Unset(None, text, [], declared))
    return dict(sorted(found.items()))


def unproved(flow: Flow, started: Collection[str]) -> list[Unset]:
    """What a node `needs` and some path does not write. What no node writes, the start gives, but for optional fields;
    of these it gives those that are known to be `started` with.
    """
    given = flow.given(optional=False)
    for name in started:
        given |= flow.bits.get(name, 0)
    optional = flow.given(optional=True) & ~given
    found = []
    for site in flow.view.sites.values():
        for text in site.needs:
            bit = flow.bits.get(text.text, 0)
            if bit & (flow.written | optional) and not bit & (given | flow.surely(site, text.phase)):
                found.append(Unset(site, text, flow.path(site, bit)))
    return found
