"""E222: what `migrate` says is to be had: a name that is gone becomes one that is here, and no two become one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from trellis.compiler.sites import Steps, View
from trellis.model.problems import Problem

CODES = ("E222",)


def check(view: View) -> Iterator[Problem]:
    """One problem for each entry that could never move a run."""
    data: dict[str, Any] = view.document.data  # type: ignore[assignment]
    written = data.get("migrate") or {}
    if written.get("nodes"):
        ids = {*view.sites, *view.regions, *view.regions[""].names} - {""}
        yield from _check(view, "node", ("migrate", "nodes"), written["nodes"], ids)
    if written.get("fields"):
        yield from _check(view, "field", ("migrate", "fields"), written["fields"], set(view.fields))


def _check(view: View, noun: str, steps: Steps, renamed: Mapping[str, str], here: set[str]) -> Iterator[Problem]:
    taken: dict[str, str] = {}
    for old, new in renamed.items():
        place = (*steps, old)
        if new not in here:
            if not _unreadable(view, noun, new):
                hint = view.guesses.hint(f"{noun} here", new, here)
                yield view.problem("E222", f"no {noun} named '{new}'", place, hint=hint)
        elif old in here and not _went_inside(view, noun, old, new):
            hint = f"a name that is gone becomes one that is here: remove it, or rename this {noun}"
            yield view.problem("E222", f"'{old}' is a {noun} of this version", place, key=True, hint=hint)
        elif new in taken:
            hint = "a run of either goes to this version by way of the one in which both were there"
            yield view.problem("E222", f"'{taken[new]}' and '{old}' both become '{new}'", place, hint=hint)
        else:
            taken[new] = old


def _went_inside(view: View, noun: str, old: str, new: str) -> bool:
    """Whether a body of one node has got nodes of its own, and `new` is one of them."""
    return noun == "node" and old not in view.sites and new.startswith(f"{old}.")


def _unreadable(view: View, noun: str, name: str) -> bool:
    """Whether the name may be that of a part that could not be read."""
    if noun == "field":
        return bool(view.lost() & {"fields"})
    return bool(view.lost() & {"nodes", "states"}) or (("." in name or "[" in name) and view.torn("nodes"))
