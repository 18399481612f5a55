"""What every picture shows, before it has a form: parts, arrows between them, and frames around them.

A chart is data. It is made of a graph, may be cut, collapsed, compared or marked, each a function from chart to chart, and
is then written in one of the formats. The texts in it are the author's, whole and untouched: each format shortens and
escapes them for itself.
"""

from __future__ import annotations

from typing import Literal

import msgspec

PartKind = Literal[
    "say", "ask", "do", "use", "wait", "emit", "end", "pass",
    "fork", "join", "collapsed", "start", "any", "state", "$end", "$fail", "$rollback", "cut",
]  # fmt: skip
"""A verb; the fork and the join of a frame, or one part for a whole frame; where a run begins, what stands for any node, a
declared state, a target that is no node; and what stands for parts that are not shown."""
ArrowKind = Literal["to", "catch", "upon", "body", "require", "add", "remove", "after"]
FrameKind = Literal["all", "race", "each", "body"]
Change = Literal["", "added", "removed", "changed"]
Mark = Literal["", "visited", "current", "failed"]


class Part(msgspec.Struct, frozen=True, omit_defaults=True):
    """One box. `key` is unique in its chart; for what a node of the graph is drawn as it is the id of that."""

    key: str
    kind: PartKind
    name: str
    frame: str = ""
    """The key of the frame that it lies in; empty: in none."""
    node: str = ""
    """The id of the node in the definition; empty for what is none."""
    does: str = ""
    """What it does, in a few words."""
    says: str = ""
    beside: tuple[str, ...] = ()
    """What is done while it waits for somebody: reminders, escalations."""
    notes: tuple[str, ...] = ()
    """What else holds for it: retry, timeout, commit."""
    undo: str = ""
    """The tool that takes it back."""
    mark: Mark = ""
    told: str = ""
    """What a run has to tell of it: how often it was there, and for how long."""
    change: Change = ""


class Arrow(msgspec.Struct, frozen=True, omit_defaults=True):
    """One way from part to part, by their keys. A label is a condition, an error code, a signal."""

    key: str
    source: str
    target: str
    kind: ArrowKind = "to"
    label: str = ""
    undo: bool = False
    both: bool = False
    """Of states that remove each other."""
    taken: int = 0
    """How often a run went it."""
    change: Change = ""


class Frame(msgspec.Struct, frozen=True, omit_defaults=True):
    """A box around parts and other frames: a node with bodies, or one body of several nodes."""

    key: str
    kind: FrameKind
    title: str
    frame: str = ""
    node: str = ""
    """The id of the node whose bodies are in it; empty for the frame of one body."""
    mark: Mark = ""
    told: str = ""
    change: Change = ""


class Chart(msgspec.Struct, frozen=True, omit_defaults=True):
    """A whole picture. Parts, arrows and frames are in the author's order; a frame comes before what is in it."""

    title: str
    parts: tuple[Part, ...]
    arrows: tuple[Arrow, ...]
    frames: tuple[Frame, ...] = ()
    kind: Literal["graph", "states"] = "graph"
