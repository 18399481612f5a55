"""What is found where two versions are held against a run: all of it, as sentences, and what it comes to."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

import msgspec

from trellis.model.problems import did_you_mean


class Verdict(msgspec.Struct, frozen=True):
    """Whether a run can go on as another version.

    `safe`: it can. `needs_map`: names that it needs are gone, and `migrate:` in the new version could say what became of
    them. `blocked`: it cannot, whatever a map says. `reasons` are sentences, those that block first; empty where it is
    safe. `nodes` and `fields` are the parts of the map that name something of the old version: old -> new.
    """

    status: Literal["safe", "needs_map", "blocked"]
    reasons: tuple[str, ...] = ()
    nodes: dict[str, str] = {}
    fields: dict[str, str] = {}


class Findings:
    """What has been found so far, each thing once."""

    __slots__ = ("blocking", "mappable")

    def __init__(self) -> None:
        self.blocking: dict[str, None] = {}
        self.mappable: dict[tuple[str, str], str] = {}

    def blocked(self, reason: str) -> None:
        """The run cannot go on so."""
        self.blocking[reason] = None

    def lacks(self, noun: str, name: str, why: str, candidates: Collection[str], otherwise: str = "") -> None:
        """A name of the old version is gone that the run needs, which is `why`; it may have become a candidate.

        `otherwise`: what to do where it has become none.
        """
        near = did_you_mean(name, candidates)
        now = near.removeprefix("did you mean '").removesuffix("'?")
        if near:
            hint = f"{near} say so: "
        elif len(candidates) == 1:
            (now,) = candidates
            hint = f"if it is '{now}' now, say so: "
        else:
            hint = "say what became of it: "
        told = f"migrate: {{{noun}s: {{{_key(name)}: {_key(now or '…')}}}}}"
        told += f"; {otherwise}" if otherwise else ""
        self.mappable.setdefault((noun, name), f"{why}, and the new version has no {noun} '{name}'; {hint}{told}")

    def verdict(self, nodes: dict[str, str], fields: dict[str, str]) -> Verdict:
        """What all of it comes to."""
        status: Literal["safe", "needs_map", "blocked"] = "safe"
        if self.mappable:
            status = "needs_map"
        if self.blocking:
            status = "blocked"
        return Verdict(status, (*self.blocking, *self.mappable.values()), nodes, fields)


def _key(name: str) -> str:
    return f'"{name}"' if "[" in name else name
