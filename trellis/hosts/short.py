"""The short form: run one graph to its end, from code that is not async, with answers known beforehand."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING

from trellis.errors import AnswerNeeded, SignalNeeded
from trellis.hosts.approving import Policy
from trellis.hosts.family import Family
from trellis.hosts.local import Host, Outcome, Run
from trellis.model.graph import Graph, static_id
from trellis.model.problems import suggestion
from trellis.model.values import Value

if TYPE_CHECKING:
    from trellis.dispatch import Dispatcher

Answers = Sequence[Value] | Mapping[str, Value]
"""In order, or by node; a list under a node serves it one by one."""


class AnswerSheet:
    """Answers that are taken once each: in order, or by the node that asks.

    Named by its id in the graph, `fan[].ok`, a node of an `each` has them anew for each item.
    """

    def __init__(self, answers: Answers) -> None:
        if isinstance(answers, str):
            raise TypeError(f"answers are a list or a map by node, found the text {answers!r}: write [{answers!r}]")
        self._named = answers if isinstance(answers, Mapping) else None
        self._listed = [] if isinstance(answers, Mapping) else list(answers)
        self._taken: dict[str, int] = {}

    def has(self, node: str, own: str = "") -> bool:
        """Whether there is an answer for this node; `own`: its name in the run that it is of, which will do too."""
        return self._taken.get(self._who(node), 0) < len(self._for(node, own))

    def take(self, node: str, kind: str, own: str = "") -> Value:
        """The next answer for this node, as a person would type it to a question of this kind. Only after `has`."""
        who = self._who(node)
        place = self._taken.get(who, 0)
        self._taken[who] = place + 1
        given = self._for(node, own)[place]
        if kind == "form" and isinstance(given, dict):
            return {name: typed(part) for name, part in given.items()}
        return typed(given)

    def give_back(self, node: str) -> None:
        """The answer that was taken last for this node was not used: it is the next one again."""
        who = self._who(node)
        self._taken[who] = max(self._taken.get(who, 0) - 1, 0)

    def names(self, node: str) -> bool:
        """Whether there are answers by node, and some that are meant for this one, taken or not."""
        return self._named is not None and (node in self._named or static_id(node) in self._named)

    def lacks(self, node: str) -> str:
        """What there is not, where there is no answer for this node: `no more answers`."""
        if self._named is None:
            return "no more answers"
        return (
            "no more answers for it"
            if self.names(node)
            else f"no answer for it{suggestion(static_id(node), self._named)}"
        )

    def _who(self, node: str) -> str:
        return "" if self._named is None else node

    def _for(self, node: str, own: str = "") -> Sequence[Value]:
        if self._named is None:
            return self._listed
        names = [name for name in (node, static_id(node), own, static_id(own)) if name in self._named]
        if not names:
            return ()
        given = self._named[names[0]]
        return given if isinstance(given, list) else (given,)


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
    by: str = "",
    locale: str = "",
    approve: Policy | None = None,
) -> Outcome:
    """Run a graph, or the file of one, to its end. `by` says who answers, `locale` in which language the
    run speaks; `approve` is asked before each call of a tool, as that of a Host. Not to be called where an event loop runs.

    Raises AnswerNeeded at a question without an answer and without a timeout; SignalNeeded where all that is left waits
    for what no time brings; InvalidGraph, and what `Host.start` does.
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

        graph = load(
            graph,
            tools=None if dispatcher is None else dispatcher.names,
            given=[name for name, value in (fields or {}).items() if value is not None],
        )

    async def to_the_end() -> Outcome:
        async with Host(store, dispatcher, allow=allow, approve=approve) as host:
            started = await host.start(graph, fields, id=id, locale=locale)
            await feed(started, sheet, by)
            return await started.result()

    return asyncio.run(to_the_end())


async def feed(run: Run, answers: AnswerSheet, by: str = "") -> None:
    """Answer each question of a run as it comes.

    Raises AnswerNeeded where only an answer could move it on, SignalNeeded where only a signal could.
    """
    lacking: dict[str, str] = {}
    family = Family(run)
    async with aclosing(family.events()) as events:
        async for prefix, line in events:
            if line["type"] == "ask":
                own = line["node"]
                node = prefix + own
                if answers.has(node, own):
                    await family.at(node).run.answer(own, answers.take(node, line["kind"], own), by=by)
                else:
                    lacking[node] = line.get("reason", "")
            asking = family.asking
            if family.stuck and asking and all(node in lacking for node in asking):
                raise AnswerNeeded(run.id, asking[0], lacking[asking[0]])
            waiting = family.waiting
            if waiting is not None:
                raise SignalNeeded(waiting.id, waiting.waits, hopeless=waiting.hopeless)
