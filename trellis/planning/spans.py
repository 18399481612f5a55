"""How long something may take at most. Where there is no bound, the reasons say who has none, and why."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from trellis.engine.retries import delay_before
from trellis.model.graph import Call, Definition, Node, Retry

TOLD = 20
"""Reasons that are told of a run which another one starts."""
MANY = 10_000
"""Attempts whose waits are added up one by one; from then on each is as long as the longest."""


class Span(NamedTuple):
    """At most `seconds`, but for what `reasons` (node, why) name, which may last for ever."""

    seconds: float = 0.0
    reasons: frozenset[tuple[str, str]] = frozenset()

    @property
    def bounded(self) -> bool:
        return not self.reasons

    @property
    def nothing(self) -> bool:
        """Whether it takes no time at all."""
        return not self.seconds and not self.reasons

    def then(self, other: Span) -> Span:
        """One after the other."""
        return Span(self.seconds + other.seconds, self.reasons | other.reasons)

    def times(self, number: int) -> Span:
        """So many, one after the other."""
        return Span(self.seconds * number, self.reasons if number else frozenset())

    def inside(self, node: str) -> Span:
        """The same of a run that `node` starts, with a few of the reasons where there are many."""
        return Span(self.seconds, frozenset((f"{node}.{name}", why) for name, why in sorted(self.reasons)[:TOLD]))

    def within(self, *limits: float | None) -> Span:
        """The same where something ends it after each of these, at the latest."""
        given = [limit for limit in limits if limit is not None]
        if not given:
            return self
        shortest = min(given)
        return Span(shortest if self.reasons else min(self.seconds, shortest))


def longest(spans: Iterable[Span]) -> Span:
    """The longest of several, whichever it is."""
    seconds, reasons = 0.0, frozenset[tuple[str, str]]()
    for span in spans:
        seconds, reasons = max(seconds, span.seconds), reasons | span.reasons
    return Span(seconds, reasons)


def endless(node: str, why: str) -> Span:
    return Span(0.0, frozenset(((node, why),)))


def call_span(definition: Definition, node: Node) -> Span:
    """A node that calls or emits: its attempts and the waits between them."""
    if node.do is not None:
        attempt = _attempt(definition, node.id, node.do, node.timeout)
    else:
        attempt = endless(node.id, "sending a signal has no timeout").within(node.timeout)
    return _attempts(node.id, attempt, node.retry).within(node.deadline)


def child_span(node: Node, one: Span) -> Span:
    """A node that starts child runs, each of which takes so long."""
    return _attempts(node.id, one.within(node.timeout), node.retry).within(node.deadline)


def undo_span(definition: Definition, node: Node) -> Span:
    """Taking one completed node back."""
    if node.undo is None:
        return Span()
    attempt = _attempt(definition, node.id, node.undo.call, node.undo.timeout, "the undo, ")
    return _attempts(node.id, attempt, node.undo.retry)


def left_span(definition: Definition, node: Node) -> Span:
    """How long a rollback may wait for the call of a node that was left while it was under way."""
    if node.do is None:
        return endless(node.id, f"a rollback waits for its {node.verb}, should that have been given up")
    return _attempt(definition, node.id, node.do, None, "a rollback waits for a call that was given up: ")


def attempts_of(retry: Retry | None) -> int:
    """How many attempts there are at most; 0: no limit."""
    return 1 if retry is None else retry.max_attempts


def _attempt(definition: Definition, node: str, call: Call, timeout: float | None, what: str = "") -> Span:
    """One attempt, with the longest of the tools that it may be."""
    spans = []
    for name in call.allow or (call.tool,):
        tool = definition.tools.get(name)
        limits = (timeout, tool.timeout if tool is not None else None)
        spans.append(endless(node, f"{what}tool {name} has no timeout").within(*limits))
    return longest(spans)


def _attempts(node: str, attempt: Span, retry: Retry | None) -> Span:
    number = attempts_of(retry)
    if not number:
        return endless(node, "it is tried again without a limit")
    total = attempt.times(number)
    for made in range(1, min(number, MANY)):
        total = total.then(Span(_wait(retry, made)))
    if number > MANY:
        total = total.then(Span(_wait(retry, MANY) * (number - MANY)))
    return total


def _wait(retry: Retry | None, made: int) -> float:
    return delay_before(retry, made, "", retryable=True, noise=1.0) or 0.0
