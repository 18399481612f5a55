"""From the engine's trace to event lines, version 1: what `--output json` prints and `Run.events` yields."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from trellis.engine import State, Step
from trellis.engine.program import Program, program_of
from trellis.engine.questions import asked
from trellis.engine.replay import shown_fields
from trellis.engine.state import shown_states
from trellis.model.actions import RequestInput
from trellis.model.graph import Graph, static_id
from trellis.model.redaction import Redactor
from trellis.model.secrets import MASK, mask
from trellis.model.types import timestamp as timestamp
from trellis.model.values import Value

if TYPE_CHECKING:
    from trellis.hosts.proposals import Proposal

VERSION = 1
Line = dict[str, Any]


class Scribe:
    """Turns steps into lines. It counts the lines and remembers the nodes in order of entry.

    It may be handed a run from its first step, or later with what came before.
    """

    __slots__ = ("_program", "_redactor", "count", "graph", "run", "visited")

    def __init__(
        self,
        graph: Graph,
        run: str,
        *,
        count: int = 0,
        visited: Iterable[str] = (),
        redactor: Redactor | None = None,
    ) -> None:
        self.run, self.count, self._redactor = run, count, redactor
        self.visited = list(visited)
        self.graph = graph
        self._program: Program = program_of(graph)

    def become(self, graph: Graph) -> None:
        """The run is one of this graph from now on."""
        self.graph, self._program = graph, program_of(graph)

    def lines(self, step: Step) -> list[Line]:
        """The lines of one turn, in order."""
        at = timestamp(step.state.at)
        trace = step.trace
        if step.refusal is not None and not trace:  # nothing happened, but a question may be asked again
            trace = tuple(("ask", asked(request)) for request in step.requests if isinstance(request, RequestInput))
        return [self._line(kind, facts, at, step.state) for kind, facts in trace]

    def finished(self, state: State) -> Line:
        """The last line of a run that has ended."""
        facts = {"status": state.status, "result": state.result}
        return self._line("run.finished", facts, timestamp(state.at), state)

    def _line(self, kind: str, facts: dict[str, Any], at: str, state: State) -> Line:
        self.count += 1
        line: Line = {"v": VERSION, "seq": self.count, "at": at, "run": self.run, "type": kind, **facts}
        if kind == "node.entered":
            self.visited.append(facts["node"])
        elif kind in ("timer.set", "timer.fired"):
            line.pop("timer", None)
            if "due" in line:
                line["due"] = timestamp(line["due"])
        elif kind == "run.finished":
            line["result"] = mask(state.result)
            line["fields"] = public_fields(self._program, state)
            line["states"] = shown_states(self._program, state)
            line["visited"] = list(self.visited)
            if state.error is not None:
                line["error"] = error_facts(state)
            if state.undo_failures:
                line["undo_failed"] = [
                    {"node": failure.node, "code": failure.code, "message": failure.message}
                    for failure in state.undo_failures
                ]
        return self._redactor.line(line, saves=self._saves(line)) if self._redactor else line

    def _saves(self, line: Line) -> str:
        """The field that takes the value of a line of a tool."""
        node = self.graph.definition.nodes.get(static_id(line["node"])) if "node" in line else None
        return (node.save or "") if node is not None else ""


def public_fields(program: Program, state: State) -> dict[str, Value]:
    """The fields that are set, with secrets masked."""
    shown = shown_fields(state.fields)
    return {name: MASK if name in program.secrets else mask(value) for name, value in shown.items()}


def error_facts(state: State) -> dict[str, Value]:
    """The error that a run ended with, as the lines say it."""
    error = state.error
    if error is None:
        return {}
    return {"code": error.code, "message": mask(error.message), "node": error.node, "attempt": error.attempt}


def proposed(proposal: Proposal, reason: str = "") -> dict[str, Any]:
    """The facts of an `ask` line about a call that is to be made."""
    facts: dict[str, Any] = {"node": proposal.node, "kind": "tool", "tool": proposal.tool, "args": proposal.args}
    facts |= {"text": proposal.text, "attempt": proposal.attempt, "key": proposal.key}
    return facts | ({"undo": True} if proposal.undo else {}) | ({"reason": reason} if reason else {})


def entered(step: Step) -> list[str]:
    """The nodes that a step entered."""
    return [facts["node"] for kind, facts in step.trace if kind == "node.entered"]


def waits_of(graph: Graph, state: State) -> dict[str, list[str]]:
    """The nodes that wait, by path, each with what it waits for; of states, those that are not active yet."""
    nodes = graph.definition.nodes
    waits = [(token.path, nodes[token.node].wait) for token in state.tokens.values()]
    return {
        path: [name for name in wait.states if name not in state.active] or [wait.shown]
        for path, wait in waits
        if wait is not None
    }
