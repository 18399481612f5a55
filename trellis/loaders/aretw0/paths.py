"""What is set wherever a node is entered: on every way from the entry, by defaults, answers and results."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


def certain(
    entry: str,
    begins: Iterable[str],
    ways: Mapping[str, Iterable[tuple[str, frozenset[str]]]],
    fills: Mapping[str, frozenset[str]],
) -> dict[str, frozenset[str]]:
    """Node -> keys that are set there. `ways`: node -> where it leads, and what is written on that way."""
    found: dict[str, frozenset[str]] = {entry: frozenset(begins) | fills.get(entry, frozenset())}
    again = [entry]
    while again:
        node = again.pop()
        for target, written in ways.get(node, ()):
            brings = found[node] | written | fills.get(target, frozenset())
            before = found.get(target)
            now = brings if before is None else before & brings
            if now != before:
                found[target] = now
                again.append(target)
    return found
