"""E506: what `extends` and `schema` name is there, has states to give, and does not lead back. Found as states are gathered."""

from __future__ import annotations

from collections.abc import Iterator

from trellis.compiler.sites import View
from trellis.model.problems import Problem

CODES = ("E201", "E506")


def check(view: View) -> Iterator[Problem]:
    """One problem for each name in `extends` or `schema` that gives no states, or more than that."""
    yield from view.misnamed
