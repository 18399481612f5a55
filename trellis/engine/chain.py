"""A list that grows at its head and shares its tail: what is pushed costs the same however much lies below."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Chain(Generic[T]):
    """An immutable list, newest first. `None` is the empty one; `length` counts the values."""

    __slots__ = ("length", "rest", "value")

    def __init__(self, value: T, rest: Chain[T] | None = None) -> None:
        self.value, self.rest = value, rest
        self.length: int = 1 if rest is None else rest.length + 1

    def __iter__(self) -> Iterator[T]:
        link: Chain[T] | None = self
        while link is not None:
            yield link.value
            link = link.rest

    def __len__(self) -> int:
        return self.length

    def __eq__(self, other: object) -> bool:
        # A loop, not a recursion: a chain may hold a hundred thousand values.
        if not isinstance(other, Chain) or self.length != other.length:
            return NotImplemented if not isinstance(other, Chain) else False
        return all(mine is theirs or mine == theirs for mine, theirs in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Chain({list(self)!r})"
