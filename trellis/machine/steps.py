"""Why each state of a transition came, went, was dropped or refused: told afterwards, by resolving it once more.

Nothing is recorded while a machine runs. The stages here are those of the resolver, done slowly and by name, each
noting what it did; that they come to the same target is a property of the tests.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, NamedTuple

from trellis.engine.relations import Change, Relations
from trellis.machine.handlers import Call, Handlers
from trellis.machine.transition import Transition

StepKind = Literal[
    "called", "add", "remove", "block", "lack", "reject", "handler", "veto", "fail", "activate", "deactivate", "reenter"
]
_WORDS = {"add": "by", "remove": "by", "block": "by", "lack": "without"}


class Step(NamedTuple):
    """One step of a transition. `by`: the states that did it (add, remove, block), or that lack (lack).

    `called`: the mutation names it. `add`: it comes with others, or stays for them. `remove`: it was active, and others drive it out.
    `block`: it was not active, and others keep it out. `lack`: it cannot be without others. `reject`: it was called and
    cannot be, so all is canceled, or an auto state is left out. `handler`: one was called. `veto`: it refused. `fail`:
    it raised. `activate`, `deactivate`, `reenter`: what happened in the end. `state` is a handler where the step is
    that of one.
    """

    kind: StepKind
    state: str
    by: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.kind} {self.state}" + (f" {_WORDS[self.kind]} {' '.join(self.by)}" if self.by else "")


def steps(tx: Transition) -> tuple[Step, ...]:
    """All steps of a transition, in the order of its phases.

    The handlers are those bound now: ask before binding or detaching others.
    """
    relations, change = tx.machine.relations, tx.change
    found = [*resolution(relations, change), *_handled(tx, tx.machine.handlers)]
    if change.tried is not None:  # accepted in part: what handlers refused is missing from the final target
        refused = [state for state in change.called if state in change.tried.target and state not in change.target]
        found += [Step("reject", name) for name in relations.named(refused)]
    before = tx.before
    found += [Step("reenter" if name in before else "activate", name) for name in tx.added]
    found += [Step("deactivate", name) for name in tx.removed]
    return tuple(found)


def resolution(relations: Relations, change: Change) -> tuple[Step, ...]:
    """Why the relations gave the target of this change."""
    return Recount(relations, change.tried or change).steps


class Recount:
    """The resolution of one change, told. `target` is what it came to, unsorted; `steps` says how."""

    def __init__(self, relations: Relations, change: Change) -> None:
        self._states = list(relations.states.values())
        self._relations, self._change = relations, change
        self._before, self._called = change.before.order, change.called
        self._steps: list[tuple[str, int, Sequence[int | str]]] = [("called", state, ()) for state in change.called]
        base = self._base()
        self.target: tuple[int, ...] = tuple(self._resolve(base))
        self.base = base
        if change.kind != "remove":
            refused = [state for state in change.called if state not in self.target]
            self._steps += [("reject", state, ()) for state in refused]
        names = relations.names
        self.steps: tuple[Step, ...] = tuple(
            Step(kind, names[state], tuple(name if isinstance(name, str) else names[name] for name in by))  # type: ignore[arg-type]
            for kind, state, by in self._steps
        )

    def _base(self) -> list[int]:
        if self._change.kind == "add":
            return list(dict.fromkeys((*self._called, *self._before)))
        if self._change.kind == "remove":
            return [state for state in self._before if state not in self._called]
        return list(self._called)

    def _resolve(self, base: list[int]) -> list[int]:
        listed = self._required(self._implied(base, frozenset()))
        kept = self._unblocked(listed)
        gone = {other for state in kept for other in self._numbers(self._states[state].remove)}
        whole = self._implied(list(reversed(kept)), gone)
        return self._required(list(reversed([state for state in whole if state not in gone])))

    def _numbers(self, names: Iterable[str]) -> list[int]:
        return [self._relations.index[name] for name in names]

    def _implied(self, listed: list[int], gone: Iterable[int]) -> list[int]:
        result = list(listed)
        for state in listed:
            if state in self._before and not self._states[state].multi:
                continue
            for other in self._numbers(self._states[state].add):
                if self._change.kind == "remove" and other in self._called:
                    continue
                if other in gone:
                    if other not in result and ("block", other) not in {step[:2] for step in self._steps}:
                        by = [holder for holder in listed if other in self._numbers(self._states[holder].remove)]
                        self._steps.append(("block", other, by))
                elif other not in result:
                    result.append(other)
                    self._steps.append(("add", other, (state,)))
        return result

    def _required(self, listed: list[int]) -> list[int]:
        while True:
            names = {self._relations.names[state] for state in listed}
            kept = []
            for state in listed:
                missing = [name for name in self._states[state].require if name not in names]
                if missing:
                    self._steps.append(("lack", state, missing))
                else:
                    kept.append(state)
            if len(kept) == len(listed):
                return kept
            listed = kept

    def _unblocked(self, listed: list[int]) -> list[int]:
        """From the end: who is removed by one that still stays, goes. What stays, in reverse."""
        kept, dropped = list[int](), set[int]()
        for state in reversed(listed):
            removers = [other for other in listed if state in self._numbers(self._states[other].remove)]
            by = [other for other in removers if other not in dropped]
            if by:
                dropped.add(state)
                self._steps.append(("remove" if state in self._before else "block", state, by))
            else:
                kept.append(state)
        return kept


def _handled(tx: Transition, handlers: Handlers | None) -> Iterator[Step]:
    """The handlers that were called. The last of a transition that stopped is the one that `tx` names."""
    if handlers is None or not tx.change.accepted:
        return
    negotiation = handlers.program(tx.change.tried or tx.change).negotiation
    settled = tx.accepted or tx.undone is not None
    if not settled:
        yield from _until(negotiation, tx)
        return
    yield from (Step("handler", call.name) for call in negotiation)
    if not tx.check:
        finals = handlers.program(tx.change).finals
        yield from (Step("handler", call.name) for call in finals) if tx.accepted else _until(finals, tx)


def _until(calls: Iterable[Call], tx: Transition) -> Iterator[Step]:
    for call in calls:
        if call.name == tx.name:
            yield Step("fail" if tx.error is not None else "veto", call.name)
            return
        yield Step("handler", call.name)
