"""E204: a target names a node of the same region, or is `$end`, `$fail` or `$rollback`."""

from __future__ import annotations

from collections.abc import Iterator

from trellis.compiler.names import elsewhere, guess
from trellis.compiler.sites import Reference, Region, View
from trellis.model.graph import TARGETS
from trellis.model.problems import Problem, did_you_mean

CODES = ("E204",)

TARGET_LIST = "$end, $fail or $rollback"


def check(view: View) -> Iterator[Problem]:
    """One problem for every name that means no node."""
    homes = elsewhere(view)
    for reference in view.references:
        if reference.found is None:
            region = view.regions[reference.region]
            if not region.inner and not region.names:  # its nodes are what is missing, or could not be read
                continue
            message = f"no node named '{reference.name}'" + (f" in {_body(region)}" if region.inner else "")
            hint = _hint(view, reference, region, homes.get(reference.name))
            yield view.problem("E204", message, reference.steps, hint=hint)


def _hint(view: View, reference: Reference, region: Region, home: Region | None) -> str:
    if reference.name in TARGETS:
        return "it starts at one of its nodes"
    if home is not None:
        place = _body(home) if home.inner else "the graph itself"
        return f"'{reference.name}' is a node of {place}; from here one goes to nodes of {_here(region)}, {TARGET_LIST}"
    near = guess(view, region, reference.name)
    if near is not None:
        return did_you_mean(reference.name, [near])
    if region.single:
        return f"a body of one node goes to {TARGET_LIST}; give it `start` and `nodes` to go on inside"
    return ""


def _body(region: Region) -> str:
    return f"the body '{region.id}'"


def _here(region: Region) -> str:
    return "the same body" if region.inner else "the graph"
