"""The short form: run one graph to its end, from code that is not async, with answers known beforehand."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from trellis.errors import AnswerNeeded, SignalNeeded
from trellis.hosts.local import Host, Outcome, Run
from trellis.model.graph import Graph
from trellis.model.values import Value

if TYPE_CHECKING:
    from trellis.dispatch import Dispatcher

Answers = Sequence[Value] | Mapping[str, Value]
"""In order, or by node; a list under a node serves it one by one."""


class AnswerSheet:
    """Answers that are taken once each: in order, or by the node that asks."""

    def __init__(self, answers: Answers) -> None:
        if isinstance(answers, str):
            raise TypeError(f"answers are a list or a map by node, found the text {answers!r}: write [{answers!r}]")
        self._listed: list[Value] | None = None
        self._named: dict[str, list[Value]] = {}
        if isinstance(answers, Mapping):
            self._named = {node: list(v) if isinstance(v, list) else [v] for node, v in answers.items()}
        else:
            self._listed = list(answers)
        self._taken = 0

    def has(self, node: str) -> bool:
        """Whether there is an answer for this node."""
        return self._taken < len(self._listed) if self._listed is not None else bool(self._named.get(node))

    def take(self, node: str) -> Value:
        """The next answer for this node, as a person would type it. Only after `has`."""
        if self._listed is None:
            return typed(self._named[node].pop(0))
        self._taken += 1
        return typed(self._listed[self._taken - 1])


def typed(value: Value) -> Value:
    """A written value as a person would have typed it: `7` may answer a question for a text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


def run(
    graph: Graph | str,
    *,
    answers: Answers = (),
    fields: Mapping[str, Value] | None = None,
    dispatcher: Dispatcher | None = None,
    allow: Collection[str] = (),
    store: str = "memory://",
    id: str | None = None,
) -> Outcome:
    """Run a graph, or the file of one, to its end. Not to be called where an event loop runs.

    Raises AnswerNeeded at a question without an answer and without a timeout; SignalNeeded where all that is left waits
    for states; InvalidGraph, and what `Host.start` does.
    """
    import asyncio

    sheet = AnswerSheet(answers)
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        pass
    else:
        raise RuntimeError("trellis.run is for code that is not async; where a loop runs, use `async with Host(…)`")
    if isinstance(graph, str):
        from trellis.project import load

        graph = load(graph, tools=None if dispatcher is None else dispatcher.names)

    async def to_the_end() -> Outcome:
        async with Host(store, dispatcher, allow=allow) as host:
            started = await host.start(graph, fields, id=id)
            await feed(started, sheet)
            return await started.result()

    return asyncio.run(to_the_end())


async def feed(run: Run, answers: AnswerSheet) -> None:
    """Answer each question of a run as it comes.

    Raises AnswerNeeded where only an answer could move it on, SignalNeeded where only a signal could.
    """
    lacking: dict[str, str] = {}
    async for line in run.events():
        if line["type"] == "ask":
            node = line["node"]
            if answers.has(node):
                await run.answer(node, answers.take(node))
            else:
                lacking[node] = line.get("reason", "")
        asking = [request.node for request in run.questions]
        if run.stuck and asking and all(node in lacking for node in asking):
            raise AnswerNeeded(run.id, asking[0], lacking[asking[0]])
        if run.state.waiting:
            raise SignalNeeded(run.id, run.waits, hopeless=run.hopeless)
