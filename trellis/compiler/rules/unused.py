"""W315: what is declared is used: a tool is called, a signal taken, a field read or written, or found by its index."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from trellis.compiler.rules.fields import written
from trellis.compiler.sites import Site, View, notices
from trellis.model.problems import Problem

CODES = ("W315",)


def check(view: View) -> Iterator[Problem]:
    """A warning for each tool, signal and field of a document that nothing in it uses."""
    # What could not be read may have used anything.
    if view.torn():
        return
    definition = view.definition
    if definition.tools:
        called = set[str]()
        for site in view.sites.values():
            _call(site, called)
        called |= _meant(view, "tool", called, definition.tools)
        yield from _unused(view, "tool", "tools", "calls", definition.tools, called)
    if definition.signals:
        taken = {*definition.upon}
        for site in view.sites.values():
            taken.update(site.node.upon)
            if site.node.wait is not None:
                taken.add(site.node.wait.signal)
            if site.node.emit is not None:  # a run may send to one of its own graph
                taken.add(site.node.emit.signal)
        taken |= _meant(view, "signal", taken, definition.signals)
        yield from _unused(view, "signal", "signals", "takes", definition.signals, taken)
    idle = {name for name, field in definition.fields.items() if not field.index}
    for site in view.sites.values():
        if not idle:
            return
        idle.difference_update(name for name, _, _ in written(site))
    if idle:
        named: set[str] = set()
        _read(view, named)
        named |= _meant(view, "field", named, definition.fields)
        named.update(definition.fields.keys() - idle)
        yield from _unused(view, "field", "fields", "reads or writes", definition.fields, named)


def _unused(view: View, noun: str, key: str, verb: str, declared: Iterable[str], used: set[str]) -> Iterator[Problem]:
    for name in declared:
        if name not in used:
            message = f"nothing {verb} {noun} '{name}'"
            yield view.problem("W315", message, (key, name), key=True, hint="remove it", severity="warning")


def _call(site: Site, called: set[str]) -> None:
    """Add the tools that a node calls, or may."""
    node = site.node
    calls = [node.do] if node.do is not None else []
    if node.undo is not None:
        calls.append(node.undo.call)
    if node.remind is not None or node.escalate:
        calls += [notice.call for notice, _, _ in notices(site) if notice.call is not None]
    for call in calls:
        called.add(call.tool)
        if call.allow:
            called.update(call.allow)


def _read(view: View, named: set[str]) -> None:
    """Add all that texts name. The check of a field names its value otherwise, so it is no use of the field."""
    for text in view.texts:
        named.update(text.parsed.names, text.parsed.soft_names)
    for site in view.sites.values():
        for text in (*site.texts, *site.needs):
            named.update(text.parsed.names, text.parsed.soft_names)


def _meant(view: View, noun: str, named: set[str], declared: Iterable[str]) -> set[str]:
    """What the names that mean nothing are best taken for: a slip is told of once."""
    known = set(declared)
    return {
        near
        for name in named - known
        if name and (near := view.guesses.near(f"declared {noun}", name, known)) is not None
    }
