"""What `compare` says of a run and another version of its graph, sentence by sentence."""

from __future__ import annotations

import pytest

from tests.engine.versions_driven import BUILT, CHECKED, CHOSEN, GOING_BACK, GRAPH, driven, edited, graph
from trellis.engine.versions import Verdict, compare

Changes = tuple[tuple[str, str], ...]
Case = tuple[tuple[str, ...], Changes, tuple[str, ...]]

RETRYING = ("fail build",)
LEFT = (*BUILT, "fire choose")
MIGRATE = "nodes:\n  build:"


def mapped(text: str) -> tuple[str, str]:
    return (MIGRATE, f"migrate: {text}\n{MIGRATE}")


SAFE: dict[str, tuple[tuple[str, ...], Changes]] = {
    "nothing": (CHECKED, ()),
    "a node that the run is not at is gone": (BUILT, (("to: fan\n", "to: done\n"),)),
}

NEEDS: dict[str, Case] = {}
BLOCKED: dict[str, Case] = {}


def verdict(words: tuple[str, ...], changes: Changes, text: str = GRAPH) -> Verdict:
    old, state = driven(text, words)
    return compare(old, graph(edited(text, *changes)), state)
