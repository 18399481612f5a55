"""Which graph each run is one of, those too that other runs use; and whether one of these outlives the run above it."""

from __future__ import annotations

from collections.abc import Callable

from tests.reliability import told
from tests.simulation.shelf import Shelf
from trellis.engine import replay
from trellis.hosts.values import used_by
from trellis.model.actions import StartChild
from trellis.model.codec import decode_event
from trellis.model.events import RunStarted
from trellis.model.graph import Graph


class Families:
    """The runs of a shelf. `started`: those that somebody started; `note` is told of what must not be."""

    def __init__(self, shelf: Shelf, started: dict[str, Graph], note: Callable[[str], None]) -> None:
        self._shelf, self._started, self._note = shelf, started, note
        self._used: dict[str, Graph] = {}
        """The graphs of child runs."""
        self.outlived: list[str] = []
        """Child runs that went on after the end of the run above."""
        self.late: set[str] = set()
        """Child runs that came when the run above waited for them no more, by a process that had lost it without knowing."""

    def graph_of(self, name: str) -> Graph:
        """The graph of a run that somebody started, or that another run uses."""
        graph = self._started.get(name) or self._used.get(name)
        if graph is None:
            begun = decode_event(self._shelf.runs[name].events[0])
            assert isinstance(begun, RunStarted) and begun.parent, f"nobody started {name}"
            above = self.graph_of(begun.parent)
            wanted = told(above, self._shelf.runs[begun.parent].events).children
            request = next((request for request in wanted if request.child == name), None)
            assert request is not None, f"{name} was begun, and nobody wanted it"
            graph = self._used[name] = above.used(used_by(above, request))
        return graph

    def _waited_for(self, name: str, parent: str) -> bool:
        events = [decode_event(data) for data in self._shelf.runs[parent].events]
        waiting = replay(self.graph_of(parent), events).open.values()
        return any(isinstance(one.request, StartChild) and one.request.child == name for one in waiting)

    def over(self, name: str) -> None:
        """A run has just ended, or is there: a child ends before the run above does, or is written too late."""
        runs = self._shelf.runs
        parent = runs[name].parent
        if parent and len(runs[name].events) == 1 and not self._waited_for(name, parent):
            self._note(f"{name} is too late")
            self.late.add(name)
        for other, found in runs.items():
            if found.row.status != "running" or not found.parent or other in self.late:
                continue
            if runs[found.parent].row.status != "running":
                self._note(f"{other} outlives {found.parent}, now that {name} is written")
                self.outlived.append(other)
