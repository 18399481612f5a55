"""How a machine works: negotiate, settle, tell; one transition at a time, until the queue is empty.

A generator, because a handler may give something to be awaited: whoever drives it awaits that and sends back what
came of it. The order of all that happens here is that of asyncmachine-go.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Mapping
from typing import Any, Final

from trellis.engine.relations import Change, Ticks
from trellis.errors import ExceptionFailed, HandlerTimeout, LoopLimit
from trellis.machine.body import Body
from trellis.machine.handlers import ANY_STATE, Call
from trellis.machine.mutation import Source
from trellis.machine.result import CANCELED, EXECUTED, Result
from trellis.machine.transition import Transition
from trellis.model.states import EXCEPTION

Tell = Callable[[Result], object]
Work = Generator[Awaitable[object], object, None]
NO_ARGS: Final[Mapping[str, Any]] = {}


def work(
    machine: Body[Any],
    change: Change,
    args: Mapping[str, Any],
    source: Source | None,
    check: bool,
    tell: Tell | None = None,
) -> Work:
    """Make this change, then what is queued. Leaves the result of the first in `machine.result`.

    Raises LoopLimit where that takes more transitions than the machine allows, and ExceptionFailed, once all is done,
    where a handler of Exception raised.
    """
    result: Result | None = None
    failed: ExceptionFailed | None = None
    left = machine.transition_limit
    seen = machine.seen
    while True:
        left -= 1
        if left < 0:
            raise _too_many(machine, machine.describe(change))
        machine.made += 1
        tx = machine.current = Transition(machine, change, args, machine.ticks.copy(), machine.made, machine.relations)
        if check or source is not None:
            tx.check, tx.source = check, source
        handlers, hooks = machine.handlers, machine.hooks
        watched = machine.handler_timeout is not None or hooks is not None
        if hooks is not None:
            hooks.begin(tx)
        accepted, error = change.accepted, None
        finals: tuple[Call, ...] = ()

        if accepted and handlers is not None:
            if change.is_auto:
                accepted, error = yield from _negotiate_auto(tx)
                change = tx.change
                finals = handlers.program(change)[1]
            else:
                negotiation, finals = handlers.known.get(change) or handlers.program(change, keep=not check)
                for call in negotiation:
                    tx.call = call
                    try:
                        if watched:
                            got = yield from _watched(tx, call)
                        else:
                            got = call[0](tx, **args) if args else call[0](tx)
                            if got is not None and got is not True and got is not False and hasattr(got, "__await__"):
                                got = yield got
                    except Exception as raised:  # noqa: BLE001 - whatever it is, it becomes the state Exception
                        accepted, error = False, raised
                        break
                    if got is False:
                        accepted = False
                        break

        if accepted and not check:
            ticks = machine.ticks
            for state, by in change.ticks:
                ticks[state] += by
            machine.config = change.after
            if machine.waits is not None:  # a handler may have begun the first, here as below
                machine.waits.settled(change)
            if hooks is not None:
                hooks.finals(tx)
            for call in finals:
                tx.call = call
                try:
                    if watched:
                        yield from _watched(tx, call)
                    else:
                        got = call[0](tx, **args) if args else call[0](tx)
                        if got is not None and hasattr(got, "__await__"):
                            yield got
                except Exception as raised:  # noqa: BLE001 - whatever it is, it becomes the state Exception
                    accepted, error = False, raised
                    tx.undone = _undo(machine, change, call)
                    break
                except BaseException as raised:  # an interrupt: taken back like an error, but not kept
                    tx.accepted, tx.completed, tx.error, tx.undone = False, True, raised, _undo(machine, change, call)
                    seen.append(tx)
                    raise
            if machine.waits is not None:
                machine.waits.entered(change, args, tx.name if error else None)

        tx.accepted, tx.completed = accepted, True
        seen.append(tx)
        if error is not None:
            machine.err = tx.error = error
            if EXCEPTION in tx.called:
                failed = failed or ExceptionFailed(machine.id, tx.name, error)
            else:
                machine.prepend_error(error, tx)
        if hooks is not None:
            hooks.end(tx)
        if accepted and not check and machine.waits is not None:
            machine.waits.after(change)
        if result is None or tell is not None:
            outcome = EXECUTED if accepted else CANCELED
            result = outcome if result is None else result
            if tell is not None:
                tell(outcome)
                tell = None

        follow = change.auto if accepted and not check else None
        if follow is not None and not machine.disposed:
            change, args, source = follow, NO_ARGS, None
            continue
        if machine.queue and not left:  # what is not run any more does not count as run
            raise _too_many(machine, str(machine.queue[0]))
        if not machine.queue or (mutation := machine.take_next()) is None:
            break
        change, args = machine.change_of(mutation), mutation.args
        source, check, tell = mutation.source, mutation.check, mutation.tell
    machine.current = None
    machine.result = result
    if failed is not None:
        raise failed from failed.error


def _too_many(machine: Body[Any], last: str) -> LoopLimit:
    """The error of a call that led to too many transitions. What is left of the queue is dropped."""
    machine.drop_queue()
    return LoopLimit(machine.id, machine.transition_limit, last, machine.err)


def _watched(tx: Transition, call: Call) -> Generator[Awaitable[object], object, object]:
    """Call a handler, tell the tracers, and judge the time it took when it returns."""
    machine = tx.machine
    hooks, limit = machine.hooks, machine.handler_timeout
    if hooks is not None:
        hooks.handler_start(tx, call)
    start = machine.time_source() if limit is not None else 0.0
    try:
        got = call.handler(tx, **tx.args)
        if got is not None and hasattr(got, "__await__"):
            got = yield got
    finally:
        if hooks is not None:
            hooks.handler_end(tx, call)
    if limit is not None and (took := machine.time_source() - start) > limit:
        raise HandlerTimeout(call.name, took, limit)
    return got


def _negotiate_auto(tx: Transition) -> Generator[Awaitable[object], object, tuple[bool, Exception | None]]:
    """Negotiate an auto pass, which may be accepted in part: a veto against an auto state takes only that one out.

    Then the rest is resolved anew, and states that come with it are not negotiated. After a handler that raised no
    other is called, and each counts as a veto.
    """
    relations, handlers, change = tx.machine.relations, tx.machine.handlers, tx.change
    assert handlers is not None
    tx.change = tried = change.tried or change
    calls = handlers.program(tried).negotiation
    target, skipped, absent = list(tried.target), -1, frozenset[int]()
    error: Exception | None = None
    accepted, vetoed, phase = True, "", ""
    for call in calls:
        if call.moment != phase:
            phase, skipped, absent = call.moment, -1, frozenset(tried.target).difference(target)
        if call.name == vetoed or (phase in ("self", "pair") and (call.state in absent or call.state == skipped)):
            continue
        if phase == "AnyEnter" and not target:
            break
        got: object = False
        if error is None:
            tx.call = call
            try:
                got = yield from _watched(tx, call)
            except Exception as raised:  # noqa: BLE001 - whatever it is, it becomes the state Exception
                error, got = raised, False
        if got is not False:
            continue
        vetoed = call.name
        if phase == "Exit" or call.state not in relations.autos:
            accepted = False
            break
        if call.state in target:
            at = target.index(call.state)
            del target[at]
            # As in the reference, whose loop over the targets goes on behind the one that slipped into this place.
            skipped = target[at] if phase == "self" and at < len(target) else -1
    tx.change = change
    if len(target) < len(tried.target):
        left = sum(relations.bits[state] for state in target)
        tx.change = relations.auto_without(tried, ~left)
        tx.change.tried = tried
    return accepted and bool(target) and error is None, error


def _undo(machine: Body[Any], change: Change, call: Call) -> Ticks:
    """Take back what was settled but not told: the state whose handler failed, and all that enter after it.

    Gives the clocks that moved by it.
    """
    relations, lost = machine.relations, frozenset[int]()
    if call.moment == "State":
        lost = frozenset(change.enters[change.enters.index(call.state) :])
    left = tuple([state for state in change.after.order if state not in lost])
    ticks: Ticks = ()
    # The reference does so twice, but for AnyState and for an error within Exception: once less. It shows in the
    # clocks of multi states.
    times = (call.moment != ANY_STATE) + (EXCEPTION not in relations.named(change.called))
    for _ in range(times):
        change = relations.undone(change, left)
        machine.settle(change)
        ticks += change.ticks
        if machine.waits is not None:
            machine.waits.settled(change)
    return ticks
