"""The order that `after` gives: a stable sort whose comparison is not transitive, so its steps decide.

The reference sorts with Go's `sort.SliceStable`; only the same algorithm gives the same order. It is insertion sort
in blocks of 20, then SymMerge (Kim and Kutzner, "Stable Minimum Storage Merging by Symmetric Comparisons", 2004).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

BLOCK: Final = 20


def stable_sort(states: Sequence[int], sooner: Sequence[int], bits: Sequence[int]) -> tuple[int, ...]:
    """The states in order. `sooner[x]` is the mask of those that x is less than; to all others it is equal or more."""
    items = list(states)
    count = len(items)
    for start in range(0, count, BLOCK):
        for place in range(start + 1, min(start + BLOCK, count)):
            state = items[place]
            before = sooner[state]
            if before:
                while place > start and before & bits[items[place - 1]]:
                    items[place] = items[place - 1]
                    place -= 1
                items[place] = state
    width = BLOCK
    while width < count:
        for start in range(0, count - width, 2 * width):
            _merge(items, start, start + width, min(start + 2 * width, count), sooner, bits)
        width *= 2
    return tuple(items)


def _merge(items: list[int], a: int, m: int, b: int, sooner: Sequence[int], bits: Sequence[int]) -> None:
    """Merge items[a:m] and items[m:b], each sorted, in place."""
    if m - a == 1:
        state, low, high = items[a], m, b
        while low < high:
            middle = (low + high) >> 1
            if sooner[items[middle]] & bits[state]:
                low = middle + 1
            else:
                high = middle
        items[a : low - 1] = items[a + 1 : low]
        items[low - 1] = state
        return
    if b - m == 1:
        state, low, high = items[m], a, m
        while low < high:
            middle = (low + high) >> 1
            if not sooner[state] & bits[items[middle]]:
                low = middle + 1
            else:
                high = middle
        items[low + 1 : m + 1] = items[low:m]
        items[low] = state
        return
    middle = (a + b) >> 1
    both = middle + m
    if m > middle:
        start, rest = both - b, middle
    else:
        start, rest = a, m
    last = both - 1
    while start < rest:
        at = (start + rest) >> 1
        if not sooner[items[last - at]] & bits[items[at]]:
            start = at + 1
        else:
            rest = at
    end = both - start
    if start < m < end:
        items[start:end] = items[m:end] + items[start:m]
    if a < start < middle:
        _merge(items, a, start, middle, sooner, bits)
    if middle < end < b:
        _merge(items, middle, end, b, sooner, bits)
