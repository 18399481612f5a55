"""Counts by name that cost the same however many names there are: adding one copies one bucket of many."""

from __future__ import annotations

_BUCKETS = 64


class Tally:
    """An immutable count per name. Which bucket a name is in never shows: only counts are asked for and compared."""

    __slots__ = ("_buckets",)

    def __init__(self, buckets: tuple[dict[str, int], ...] = ({},) * _BUCKETS) -> None:
        self._buckets = buckets

    def count(self, name: str) -> int:
        return self._buckets[hash(name) % _BUCKETS].get(name, 0)

    @classmethod
    def of(cls, counts: dict[str, int]) -> Tally:
        """These counts."""
        buckets: list[dict[str, int]] = [{} for _ in range(_BUCKETS)]
        for name, count in counts.items():
            buckets[hash(name) % _BUCKETS][name] = count
        return cls(tuple(buckets))

    def counts(self) -> dict[str, int]:
        """All of them, by name."""
        return {name: count for bucket in self._buckets for name, count in sorted(bucket.items())}

    def plus(self, name: str) -> Tally:
        """The same counts, and one more of `name`."""
        place = hash(name) % _BUCKETS
        bucket = self._buckets[place]
        changed = {**bucket, name: bucket.get(name, 0) + 1}
        return Tally((*self._buckets[:place], changed, *self._buckets[place + 1 :]))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tally) and self._buckets == other._buckets

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Tally({self.counts()})"
