"""What became of the names of the old version: by the map of the new one, and else the same.

A name that changes takes along all names inside it: where `checks` became `tests`, `checks.http` is `tests.http`.
"""

from __future__ import annotations

from trellis.engine.program import program_of
from trellis.engine.versions.verdict import Findings
from trellis.model.graph import BECOME, CAUGHT, SIGNALLED, Body, Definition, Graph, Node

_JOINTS = f".[{CAUGHT}{SIGNALLED}{BECOME}"
"""What follows a name that others hang on."""


class Versions:
    """Two versions of a graph beside each other, the names of one in the other, and what is found about a run."""

    __slots__ = (
        "added",
        "fields",
        "findings",
        "gone",
        "here",
        "new",
        "new_hash",
        "new_program",
        "nodes",
        "old",
        "old_program",
    )

    def __init__(self, old: Graph, new: Graph) -> None:
        self.old, self.new = old.definition, new.definition
        self.old_program, self.new_program = program_of(old), program_of(new)
        self.new_hash = new.hash
        self.findings = Findings()
        known = dict.fromkeys((*self.old.nodes, *_bodies(self.old)))
        self.here = dict.fromkeys((*self.new.nodes, *_bodies(self.new)))
        """The nodes and bodies of the new version."""
        migrate = self.new.migrate
        self.nodes = {name: now for name, now in migrate.nodes.items() if name in known}
        self.fields = {name: now for name, now in migrate.fields.items() if name in self.old.fields}
        kept = set(map(self.node, known))
        self.added = [name for name in self.here if name not in kept]
        """Those that are new."""
        self.gone = [name for name in known if self.node(name) not in self.here]
        """The nodes and bodies of the old version that are none now."""

    def node(self, name: str) -> str:
        """What became of this node or body."""
        nodes = self.nodes
        if not nodes:
            return name
        end = len(name)
        while end > 0:
            now = nodes.get(name[:end])
            if now is not None:
                return now + name[end:]
            end -= 1
            while end > 0 and name[end] not in _JOINTS:
                end -= 1
        return name

    def path(self, path: str) -> str:
        """The same for a path, whose items have numbers; a path that has another depth now stays as it was."""
        if not self.nodes:
            return path
        static, places = _static(path)
        parts = self.node(static).split("[]")
        if len(parts) != len(places) + 1:
            return path
        return parts[0] + "".join(f"[{place}]{part}" for place, part in zip(places, parts[1:], strict=True))

    def field(self, name: str) -> str:
        """What became of this field."""
        return self.fields.get(name, name)

    def body(self, name: str, holder: Node) -> int | None:
        """Which body of `holder`, a node of the new version, became of this body of the old one."""
        now = self.node(name)
        inside = self.new.nodes.get(now)
        for place, body in enumerate(holder.bodies):
            if body.region == now or (inside is not None and inside.region == body.region):
                return place
        return None

    def lacks(self, name: str, why: str) -> None:
        """A node is gone that the run needs; told of the outermost that is gone around it."""
        gone = min((other for other in self.gone if _is_inside(name, other)), key=len, default=name)
        around, now = _holder(gone), self.node(gone)
        if now in self.here:  # what was one node is a body with nodes
            candidates = [body.start for body in _bodies(self.new).values() if body.region == now]
        elif self.node(around) in self.new.nodes and around not in self.old.nodes:  # and the other way round
            candidates = [self.node(around)]
        else:
            candidates = [other for other in self.added if _holder(other) == self.node(around)]
        self.findings.lacks("node", gone, why, candidates)

    def clash(self) -> None:
        """Tell of names that would become one with another of the old version."""
        old_bodies, new_bodies = _bodies(self.old), _bodies(self.new)
        for name, now in self.nodes.items():
            both_bodies = now in old_bodies and now in new_bodies and name in old_bodies
            if now in self.old.nodes or both_bodies:
                self._clash("node", name, now)
        for name, now in self.fields.items():
            if now in self.old.fields:
                self._clash("field", name, now)

    def _clash(self, noun: str, name: str, now: str) -> None:
        self.findings.blocked(
            f"{noun} '{name}' would become '{now}', and the old version has both; map it to a {noun} that is new"
        )


def _bodies(definition: Definition) -> dict[str, Body]:
    return {body.region: body for node in definition.nodes.values() for body in node.bodies}


def _holder(name: str) -> str:
    """What a node or body is directly in: `checks` for `checks.http`, `fan` for `fan[]`, empty at the root."""
    return name.removesuffix("[]") if name.endswith("[]") else name.rpartition(".")[0]


def _is_inside(name: str, other: str) -> bool:
    return name == other or name.startswith((f"{other}.", f"{other}["))


def _static(path: str) -> tuple[str, list[str]]:
    """`fan[3].fetch` as `fan[].fetch` and its numbers."""
    first, *rest = path.split("[")
    places = []
    for part in rest:
        place, _, after = part.partition("]")
        places.append(place)
        first += "[]" + after
    return first, places
