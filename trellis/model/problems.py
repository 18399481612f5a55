"""A problem is a value: where it is, what was found, what to try. Wording happens here and nowhere else."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

from trellis.errors.words import bracketed

Severity = Literal["error", "warning"]


class Place(msgspec.Struct, frozen=True, order=True):
    """A line and a column, both from 1."""

    line: int = 1
    column: int = 1


class Problem(msgspec.Struct, frozen=True, order=True):
    """One fault of one document. Sorted by path and place; `code` is stable (`E204`, `W301`)."""

    path: str
    line: int
    column: int
    code: str
    severity: Severity
    message: str
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}: {self.code} {self.message}{bracketed(self.hint)}"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`did you mean 'x'?` for the nearest of `known`, or an empty text where none is near."""
    import difflib  # only when there is something to report

    near = difflib.get_close_matches(name, sorted(known))
    turned = [
        each for each in near if sorted(each) == sorted(name)
    ]  # letters that changed places are nearer than others
    return f"did you mean '{(turned or near)[0]}'?" if near else ""


def suggestion(name: str, known: Iterable[str]) -> str:
    """The same as it stands behind what was found: ` (did you mean 'x'?)`."""
    return bracketed(did_you_mean(name, known))
