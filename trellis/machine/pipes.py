"""Pipes carry states from one machine to another: what comes and goes in the source is added and removed in the target.

    bind(worker, pool, "Ready", "WorkerReady")      # worker's Ready -> pool's WorkerReady, and back out
    bind_err(worker, pool, "ErrWorker")             # worker's errors -> pool's ErrWorker and Exception

A pipe works in final handlers of the source, so it follows what was really settled; a target that is in a transition
queues it. The mutation names the source's transition as its cause and has its arguments, unless it is `flat`: that one
has none, and is left out where the target is so already. A target that lives on another thread is given as
ThreadSafe(target, loop). When either machine ends, so does the pipe; one that has ended raises MachineError. States that
a machine lacks raise UnknownState.

Both machines keep a pipe until `detach`, or until either ends. A target on the same thread is changed within the call of
the handler, so a chain of pipes is as deep as Python's stack: some 100 fit, a longer one ends with RecursionError.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple

from trellis.errors import BadSchema, MachineError
from trellis.machine.aio import ThreadSafe
from trellis.machine.core import Core
from trellis.machine.handlers import ANY_STATE
from trellis.machine.transition import Transition
from trellis.model.states import EXCEPTION

Target = Core[Any] | ThreadSafe
ERROR: Final = "Err"
"""How names begin of states that come with Exception."""


class Link(NamedTuple):
    """One way through a pipe: when `state` comes (`add`) or goes (`remove`) in the source, `to` does in the target.

    `set`: whatever is active in the source becomes what is active in the target; both names are empty.
    """

    kind: Literal["add", "remove", "set"]
    state: str
    to: str


class Pipe:
    """Links between two machines; both have it in `pipes`, as long as it is there. Ids and links suffice to draw it."""

    def __init__(self, source: Core[Any], target: Target, links: Sequence[Link], *, flat: bool = False) -> None:
        self.source = source
        self.target: Core[Any] = target.machine if isinstance(target, ThreadSafe) else target
        self.links, self.flat = tuple(links), flat
        for machine in (source, self.target):
            if machine.disposed:
                raise MachineError(f"machine '{machine.id}' has ended, so nothing can be piped from it or to it")
        self.attached = True
        self._hand = target.hand if isinstance(target, ThreadSafe) else None
        self.source.relations.numbers([link.state for link in self.links if link.state])
        self.target.relations.numbers([link.to for link in self.links if link.to])
        handlers: dict[str, Callable[..., None]] = {}
        for link in self.links:
            name = {"add": f"{link.state}State", "remove": f"{link.state}End", "set": "AnyState"}[link.kind]
            handlers[name] = self._beside(handlers.get(name), self._follower(link))
        self._binding = source.bind(handlers)
        source.pipes = (*source.pipes, self)
        if self.target is not source:
            self.target.pipes = (*self.target.pipes, self)

    def __repr__(self) -> str:
        return f"<pipe {self.source.id} -> {self.target.id}: {', '.join(map(' '.join, self.links))}>"

    def detach(self) -> None:
        """Nothing goes through any more, and neither machine knows of it. From any thread; once is enough."""
        self.attached = False
        for machine in (self.source, self.target):
            machine.pipes = tuple(pipe for pipe in machine.pipes if pipe is not self)
        if self.source.owned_here:  # else its handlers take themselves away, when they are next called
            self.source.detach(self._binding)

    def _beside(self, first: Callable[..., None] | None, second: Callable[..., None]) -> Callable[..., None]:
        if first is None:
            return second

        def both(event: Transition, **args: Any) -> None:
            first(event, **args)
            second(event, **args)

        return both

    def _follower(self, link: Link) -> Callable[..., None]:
        target, flat = self.target, self.flat
        moment = {"add": "State", "remove": "End", "set": ANY_STATE}[link.kind]
        names = (EXCEPTION, link.to) if link.kind == "add" and link.to.startswith(ERROR) else (link.to,)

        def follow(event: Transition, **args: Any) -> None:
            if event.call is not None and event.call.moment != moment:
                return  # `AState` is the pair of A and State too, where a state has that name
            if not self.attached:
                self.source.detach(self._binding)
                return
            if link.kind == "set":
                if frozenset(event.after) != frozenset(target.active):
                    self._mutate("set", event.after, args, event)
            elif not flat:
                self._mutate(link.kind, names, args, event)
            elif target.is_(*names) if link.kind == "remove" else not target.is_(*names):
                self._mutate(link.kind, names, {}, event)

        return follow

    def _mutate(self, kind: Any, names: tuple[str, ...], args: Mapping[str, Any], event: Transition) -> None:
        target, source = self.target, event.as_source()
        error = args.get("err")

        def mutate() -> Any:
            if kind == "add" and EXCEPTION in names and isinstance(error, BaseException):
                target.err = error
            return target.mutate(kind, names, args, source=source)

        if self._hand is not None:
            self._hand(mutate)
        else:
            mutate()


def add(source: Core[Any], target: Target, state: str, to: str | None = None, *, flat: bool = False) -> Pipe:
    """When `state` comes in the source, add `to` (the same name) in the target; with Exception where it is an error."""
    return Pipe(source, target, [Link("add", state, to or state)], flat=flat)


def remove(source: Core[Any], target: Target, state: str, to: str | None = None, *, flat: bool = False) -> Pipe:
    """When `state` goes in the source, remove `to` (the same name) in the target."""
    return Pipe(source, target, [Link("remove", state, to or state)], flat=flat)


def bind(
    source: Core[Any],
    target: Target,
    state: str,
    active: str | None = None,
    inactive: str | None = None,
    *,
    flat: bool = False,
) -> Pipe:
    """When `state` comes add `active` (the same name); when it goes remove `inactive` (the same as `active`)."""
    active = active or state
    return Pipe(source, target, [Link("add", state, active), Link("remove", state, inactive or active)], flat=flat)


def bind_many(
    source: Core[Any],
    target: Target,
    states: Sequence[str],
    targets: Sequence[str] | None = None,
    *,
    flat: bool = False,
) -> Pipe:
    """`bind` each state to the target's state in the same place (the same names). Raises BadSchema where lengths differ."""
    targets = states if targets is None else targets
    if len(states) != len(targets):
        raise BadSchema([f"a pipe leads {len(states)} states to {len(targets)}"])
    pairs = list(zip(states, targets, strict=True))
    return Pipe(source, target, [link for pair in pairs for link in _both_ways(*pair)], flat=flat)


def bind_ready(
    source: Core[Any], target: Target, active: str | None = None, inactive: str | None = None, *, flat: bool = False
) -> Pipe:
    """`bind` the state Ready."""
    return bind(source, target, "Ready", active, inactive, flat=flat)


def bind_start(
    source: Core[Any], target: Target, active: str | None = None, inactive: str | None = None, *, flat: bool = False
) -> Pipe:
    """`bind` the state Start."""
    return bind(source, target, "Start", active, inactive, flat=flat)


def bind_err(source: Core[Any], target: Target, to: str = EXCEPTION, *, flat: bool = False) -> Pipe:
    """When the source goes into Exception, add `to` and Exception in the target, whose `err` is that error then."""
    return Pipe(source, target, [Link("add", EXCEPTION, to)], flat=flat)


def bind_connected(
    source: Core[Any],
    target: Target,
    *,
    disconnected: str | None = None,
    connecting: str | None = None,
    connected: str | None = None,
    disconnecting: str | None = None,
    flat: bool = False,
) -> Pipe:
    """`bind` those of the four states of the mixin Connected that are given a name in the target."""
    given = {
        "Disconnected": disconnected,
        "Connecting": connecting,
        "Connected": connected,
        "Disconnecting": disconnecting,
    }
    links = [link for state, to in given.items() if to is not None for link in _both_ways(state, to)]
    return Pipe(source, target, links, flat=flat)


def bind_any(source: Core[Any], target: Target) -> Pipe:
    """After every transition of the source, set in the target what is active, unless exactly that is active there.

    The target has all states of the source, or UnknownState is raised.
    """
    machine = target.machine if isinstance(target, ThreadSafe) else target
    machine.relations.numbers(source.names)
    return Pipe(source, target, [Link("set", "", "")])


def sync(source: Core[Any], target: Target, states: Sequence[str], targets: Sequence[str] | None = None) -> None:
    """Once, now: add in the target those of the states that are active in the source, and remove those that are not."""
    targets = states if targets is None else targets
    if len(states) != len(targets):
        raise BadSchema([f"a copy takes {len(states)} states to {len(targets)}"])
    source.relations.numbers(states)
    machine = target.machine if isinstance(target, ThreadSafe) else target
    machine.relations.numbers(targets)
    on = tuple(to for state, to in zip(states, targets, strict=True) if source.is_(state))
    off = tuple(to for state, to in zip(states, targets, strict=True) if not source.is_(state))
    if on:
        target.add(*on)
    if off:
        target.remove(*off)


def _both_ways(state: str, to: str) -> tuple[Link, Link]:
    return Link("add", state, to), Link("remove", state, to)
