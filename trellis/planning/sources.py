"""Where values come from that only a run can tell: who answers, which call returns, what was not given."""

from __future__ import annotations

from collections.abc import Iterable

from trellis.planning.walk import Walk


class Sources:
    """The writers of each field, among the nodes that may be visited."""

    def __init__(self, walk: Walk, missing: Iterable[str]) -> None:
        self._reader = walk.reader
        self._writers: dict[str, list[str]] = {name: [f"{name} as it is given"] for name in missing}
        for name, declared in walk.definition.fields.items():
            if declared.secret and declared.source:
                self._add(name, f"{name} from {declared.source}")
        for name in walk.seen:
            node = walk.definition.nodes[name]
            for field in node.ask.fields if node.ask is not None and not walk.seen[name].answered else ():
                self._add(field, f"the answer at {name}")
            if node.save:
                self._add(node.save, f"what {name} gives")
            for field in node.set:
                if field in walk.loose or self._unsure(walk, name, node.set[field]):
                    self._add(field, f"what {name} sets")

    def of(self, conditions: Iterable[str]) -> tuple[str, ...]:
        """What decides these conditions."""
        names = sorted({name for text in conditions for name in self._reader.names(text)})
        return tuple(dict.fromkeys(source for name in names for source in self._writers.get(name, ())))

    def _add(self, field: str, source: str) -> None:
        self._writers.setdefault(field, []).append(source)

    def _unsure(self, walk: Walk, name: str, text: str) -> bool:
        known = walk.seen[name].after or walk.seen[name].known
        return not self._reader.names(text) <= known.values.keys()
