"""E207, E402: what `wait: {until: …}` waits for is a moment, as far as that can be told before it runs."""

from __future__ import annotations

from collections.abc import Iterator

from trellis.compiler.scopes import Scopes
from trellis.compiler.sites import View
from trellis.model.dates import read_moment
from trellis.model.problems import Problem
from trellis.model.types import describe

CODES = ("E207", "E402")

MOMENTS = frozenset(("time", "string", "integer", "number", "any"))
"""Kinds of values that may be a moment."""


def check(view: View) -> Iterator[Problem]:
    """One problem for each text that is no time, and each expression that never gives one."""
    scopes: Scopes | None = None
    for site in view.sites.values():
        wait = site.node.wait
        if wait is None or wait.until is None:
            continue
        steps = (*site.steps, "wait", "until")
        if "{{" not in wait.until:
            try:
                read_moment(wait.until)
            except ValueError as error:
                yield view.problem("E207", f"'until': {error}", steps)
            continue
        parts = view.language.parse("template", wait.until).parts
        if len(parts) != 1 or isinstance(parts[0], str):
            continue
        scopes = scopes or Scopes(view)
        expression = parts[0][1].text.strip()
        given = view.language.type_of(expression, scopes.of(site))
        if given.kind not in MOMENTS:
            hint = "a moment is a text such as 2030-01-31T09:30:00Z, or the seconds since 1970"
            if given.kind == "duration":
                hint = "to wait so long, write {time: …}, or {until: …} of a time"
            yield view.problem("E402", f"`{expression}` is {describe(given)}, and no moment", steps, hint=hint)
