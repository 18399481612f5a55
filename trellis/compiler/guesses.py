"""What a name that means nothing is best taken for. Looked for once a name, and not for ever in a large broken file."""

from __future__ import annotations

from collections.abc import Iterable

from trellis.model.problems import did_you_mean

COMPARED = 100_000
"""How many names all that mean nothing in one document may be compared with."""


class Guesses:
    """The guesses of one document."""

    __slots__ = ("_names", "_near", "_room")

    def __init__(self) -> None:
        self._names: dict[str, list[str]] = {}
        self._near: dict[tuple[str, str], str | None] = {}
        self._room = COMPARED

    def near(self, kind: str, name: str, known: Iterable[str]) -> str | None:
        """The nearest of `known`, or None. `kind` tells sets of known names apart: each is gone through once."""
        key = kind, name
        if key not in self._near:
            names = self._names.get(kind)
            if names is None:
                names = self._names[kind] = sorted(known)
            found: list[str] = []
            if len(names) <= self._room:
                from difflib import get_close_matches  # only for a name that means nothing

                self._room -= len(names)
                found = get_close_matches(name, names, n=1)
            self._near[key] = found[0] if found else None
        return self._near[key]

    def hint(self, kind: str, name: str, known: Iterable[str]) -> str:
        """The same as a question, or an empty text."""
        near = self.near(kind, name, known)
        return did_you_mean(name, [near]) if near is not None else ""
