"""Why each state of a transition came, went, was dropped or refused: told afterwards, by resolving it once more.

Nothing is recorded while a machine runs. The stages here are those of the resolver, done slowly and by name, each
noting what it did; that they come to the same target is a property of the tests.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, NamedTuple

from trellis.engine.relations import Change, Relations
from trellis.machine.handlers import Binding, Call, Handlers
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

    The handlers are those bound now: ask before binding or detaching others. Of an auto pass that was accepted in part,
    only those are told of which it is certain what they did; `reject` says which states were refused.
    """
    relations, change = tx.relations, tx.change
    found = [*resolution(relations, change), *_handled(tx)]
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


def _handled(tx: Transition) -> Iterator[Step]:
    """The handlers that were called. The last of a transition that stopped is the one that `tx` holds."""
    handlers: Handlers | None = tx.machine.handlers
    if handlers is None or not tx.change.accepted:
        return
    if tx.relations is not tx.machine.relations:
        handlers = _as_bound(handlers, tx.relations)
    negotiation = handlers.program(tx.change.tried or tx.change).negotiation
    settled = tx.accepted or tx.undone is not None
    asked = negotiation if settled else _until(negotiation, tx.call)
    yield from _of_auto(tx, asked, settled) if _thinned(tx.change) else _of(tx, asked, settled)
    if settled and not tx.check:
        finals = handlers.program(tx.change).finals
        yield from _of(tx, finals if tx.accepted else _until(finals, tx.call), tx.accepted)


def _as_bound(handlers: Handlers, relations: Relations) -> Handlers:
    """The handlers as they were bound to the states of other relations."""
    known = Handlers(relations)
    return Handlers(
        relations,
        [
            Binding(bound.id, {name: call for name, call in bound.handlers.items() if known.knows(name)})
            for bound in handlers.bindings
        ],
    )


def _until(calls: tuple[Call, ...], last: Call | None) -> tuple[Call, ...]:
    """The calls up to the last that was made; that one alone where it is not bound any more."""
    if last is None:
        return ()
    for same in (lambda call: call is last, lambda call: call == last):  # bound anew since: equal
        for at, call in enumerate(calls):
            if same(call):
                return calls[: at + 1]
    return (last,)


def _of(tx: Transition, asked: tuple[Call, ...], passed: bool) -> Iterator[Step]:
    for at, call in enumerate(asked):
        stopped = not passed and at == len(asked) - 1
        yield Step(("fail" if tx.error is not None else "veto") if stopped else "handler", call.name)


def _thinned(change: Change) -> bool:
    """Whether handlers took states out of an auto pass: it is not the one that the relations gave."""
    return change.is_auto and change is not change.before.auto


def _of_auto(tx: Transition, asked: tuple[Call, ...], passed: bool) -> Iterator[Step]:
    """The handlers of an auto pass that some of them thinned. Which they were is known by the states that are missing.

    Who refuses an auto state takes only that one out, and hides others: of the same name, or against the same state. So
    a handler is told only where the states leave no doubt that it was called, and what it said.
    """
    relations, change = tx.relations, tx.change
    tried = change.tried or change
    states = list(relations.states.values())
    brought = {name for state in tried.target for name in states[state].add}
    hidden = not brought.isdisjoint(relations.named(tried.called))  # who was refused may have come back
    kept = frozenset() if hidden else frozenset(tried.called).intersection(change.target)
    stop = None if passed else asked[-1]
    doubted = [
        call for call in asked if call.state in relations.autos and call.moment != "Exit" and call.state not in kept
    ]
    all_refused = tx.error is None and stop is not None and stop in doubted
    gone = [state for state in tried.called if state in tried.target and state not in change.target]
    refused = {state for state in gone if all_refused or (len(gone) == 1 and not hidden and tx.error is None)}
    against = [call.state for call in doubted]
    for call in asked:
        if call is stop and (tx.error is not None or call not in doubted):
            yield Step("veto" if tx.error is None else "fail", call.name)
        elif call in doubted:
            if call.state in refused and against.count(call.state) == 1:
                yield Step("veto", call.name)
        elif call.moment == "Exit" or not any(
            call.name == other.name or call.moment == other.moment == "self" for other in doubted
        ):
            yield Step("handler", call.name)
