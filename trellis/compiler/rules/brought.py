"""W308: a node that reads `error` is reached by `catch` alone, one that reads `signal` by `upon` alone."""

from __future__ import annotations

from collections.abc import Iterator

from trellis.compiler.sites import Site, Text, View
from trellis.model.graph import Definition, Node
from trellis.model.problems import Problem

CODES = ("W308",)

BRINGS = {"error": "catch", "signal": "upon"}
"""Name -> the way that brings it."""


def check(view: View) -> Iterator[Problem]:
    """A warning for each node that reads what only some of the ways to it bring, at the first text that does."""
    for name, way in BRINGS.items():
        readers = list(_readers(view, name))
        if not readers:
            continue
        brought = _led_to(view, way)
        bare = _led_to(view, "to") | _led_to(view, "upon" if way == "catch" else "catch") | _led_to(view, "upon.states")
        for region in view.regions.values():
            bare.setdefault(region.start, "the start leads there")
        for site, text in readers:
            target = _bringer(view, site, brought)
            if target in bare:
                message = f"{site.shown} reads `{name}`, which is not there when {bare[target]}"
                hint = f"give it a node of its own for `{way}`, or write default({name}, …)"
                yield view.problem("W308", message, text.steps, hint=hint, severity="warning")


def _readers(view: View, name: str) -> Iterator[tuple[Site, Text]]:
    for site in view.sites.values():
        for text in site.texts:
            if name in text.parsed.names:
                yield site, text
                break


def _led_to(view: View, way: str) -> dict[str, str]:
    """The nodes that `way` leads to, each with the first place that leads there."""
    found: dict[str, str] = {}
    definition = view.definition
    for site in view.sites.values():
        targets = [edge.to for edge in site.node.to] if way == "to" else _routes(site.node, way).values()
        for to in targets:
            found.setdefault(to, f"`{way}` of {site.shown} leads there")
    if way != "to":
        for to in _routes(definition, way).values():
            found.setdefault(to, f"`{way}` of the graph leads there")
    return found


def _routes(part: Node | Definition, way: str) -> dict[str, str]:
    return {"catch": part.catch, "upon": part.upon, "upon.states": part.upon_states}[way]


def _bringer(view: View, site: Site, brought: dict[str, str]) -> str:
    """The node that brings the name to `site`: itself, or one that it is in the body of; empty where none does."""
    while site.node.id not in brought:
        if not site.region.owner:
            return ""
        site = view.sites[site.region.owner]
    return site.node.id
