"""What comes before what, where ways may lead back: the parts that loop, in an order in which they can come."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import NamedTuple, TypeVar

Name = TypeVar("Name", bound=Hashable)


class Component(NamedTuple):
    """Numbers from each of which there is a way to each other; one alone, unless it `loops`."""

    members: tuple[int, ...]
    loops: bool


def components(follows: Sequence[Sequence[int]]) -> list[Component]:
    """The components of a graph given as number -> numbers that follow, each before all that come after it."""
    # Tarjan's algorithm with a stack of our own: a chain may be a thousand long.
    found: list[Component] = []
    low: dict[int, int] = {}
    number: dict[int, int] = {}
    stack: list[int] = []
    on: set[int] = set()
    for root in range(len(follows)):
        if root in number:
            continue
        work: list[tuple[int, int]] = [(root, 0)]
        while work:
            here, place = work.pop()
            if place == 0:
                number[here] = low[here] = len(number)
                stack.append(here)
                on.add(here)
            elif follows[here][place - 1] in on:
                low[here] = min(low[here], low[follows[here][place - 1]])
            for at in range(place, len(follows[here])):
                following = follows[here][at]
                if following not in number:
                    work.append((here, at + 1))
                    work.append((following, 0))
                    break
                if following in on:
                    low[here] = min(low[here], number[following])
            else:
                if low[here] == number[here]:
                    members: list[int] = []
                    while not members or members[-1] != here:
                        members.append(stack.pop())
                        on.discard(members[-1])
                    loops = len(members) > 1 or here in follows[here]
                    found.append(Component(tuple(members), loops))
    return found[::-1]


def reachable(follows: Mapping[Name, Iterable[Name]], start: Name, without: Name | None = None) -> set[Name]:
    """All that can come after `start`, itself too; as if `without` were not there."""
    if start == without:
        return set()
    found, work = {start}, [start]
    while work:
        for following in follows.get(work.pop(), ()):
            if following not in found and following != without:
                found.add(following)
                work.append(following)
    return found


def turned(follows: Mapping[Name, Iterable[Name]]) -> dict[Name, set[Name]]:
    """The same, from what follows to what comes before."""
    before: dict[Name, set[Name]] = {}
    for name, some in follows.items():
        for following in some:
            before.setdefault(following, set()).add(name)
    return before
