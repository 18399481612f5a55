"""A command to a run that this process does not drive: through its owner, or, where it has none, by claiming it.

Whoever claims a run only to deliver writes the event and lets the run go; what the run wants then is done by whoever
takes it up next, a worker or `trellis resume`.
"""

from __future__ import annotations

from contextlib import suppress

from msgspec.structs import replace

from trellis.engine import State, Step, apply
from trellis.engine.versions import adopt
from trellis.errors import Refused, RunOwned, StoreError, StoreUnavailable, UnknownRun
from trellis.hosts.clock import Clock, SystemClock, pause
from trellis.hosts.commands import (
    CLOSED,
    DUPLICATE,
    Adopt,
    Answer,
    CancelRun,
    Command,
    Message,
    Reply,
    Resolve,
    Signal,
    decode_reply,
    encode,
    judge,
)
from trellis.hosts.journal import Definitions, Loaded, existing, load, received
from trellis.hosts.rows import adopted_row, next_row
from trellis.hosts.vault import Vault
from trellis.model.actions import StartChild
from trellis.model.codec import encode_event
from trellis.model.events import ActionFailed, Adopted, Event
from trellis.model.graph import Graph, static_id
from trellis.stores.base import RunRow, Store, Turn

LEFT, ENDS = "the run above it goes on without it", "the run above it ends"
"""Why a child run is cancelled."""
TRIES = 20
"""How often a run may change hands between our asking for its owner and our claiming it."""


async def send(
    store: Store, run: str, command: Command, *, clock: Clock | None = None, vault: Vault | None = None
) -> Reply:
    """Deliver a command to the run, wherever it is. Raises UnknownRun, StoreError."""
    timekeeper = clock or SystemClock()
    for tried in range(TRIES):
        await again(timekeeper, tried)
        reply = await ask(store, run, command)
        if reply is not None:
            return reply
        with suppress(RunOwned):  # somebody took it just now
            return await deliver(store, run, command, timekeeper, vault)
    raise StoreUnavailable(store.url, f"run '{run}' changes hands too often; try again")


async def deliver(store: Store, run: str, command: Command, clock: Clock, vault: Vault | None) -> Reply:
    """Deliver a command to a run that nobody drives, and let it go. Raises RunOwned where somebody does, StoreError."""
    try:
        await store.claim(run)  # who is cancelled in it may own the run all the same
        return replace(await _deliver(store, run, command, clock, vault), driven=False)
    finally:
        with suppress(StoreError):  # closing the store frees the run too, and the command stays delivered
            await store.release(run)


async def again(clock: Clock, tried: int) -> None:
    """Before each try but the first, wait a little longer than before: two seconds in all."""
    if tried:
        await pause(clock, tried / 100)


async def ask(store: Store, run: str, command: Command) -> Reply | None:
    """The reply of the living owner of the run; None where it has none. Raises UnknownRun, StoreError."""
    row = await existing(store, run)
    if row.status != "running":
        return closed((await load(Definitions(store), store, row)).state, command)
    if isinstance(command, Answer | Resolve) and not store.url.startswith(PRIVATE):
        await _must_not_be_secret(store, row, command)
    data = await store.ask(run, encode(Message(run, command)))
    return decode_reply(data) if data else None  # an owner that has just let it go says nothing


PRIVATE = ("memory:", "file:", "sqlite:")
"""Where a message goes from process to process of one person, and is kept by nobody."""


async def _must_not_be_secret(store: Store, row: RunRow, command: Answer | Resolve) -> None:
    graph = await Definitions(store).get(row.graph, row)
    node = graph.definition.nodes.get(static_id(command.node))
    names = () if node is None else node.ask.fields if node.ask is not None else (node.save,)
    if any(name is not None and graph.definition.fields[name].secret for name in names):
        raise Refused(
            "secret",
            f"node '{command.node}' takes a secret, and this store would keep the message in clear; "
            "give it where the run is driven, or once nobody drives it",
        )


def closed(state: State, command: Command) -> Reply:
    """What is said of a run that has ended; a command that it took before it did is taken still."""
    again = isinstance(command, Answer | Signal) and command.id != "" and command.id in state.heard
    ended = isinstance(command, CancelRun) and command.terminate and state.error is not None
    if again or (ended and state.error is not None and state.error.code == "terminated"):
        return Reply(state.status)
    return Reply(state.status, CLOSED, f"the run has ended: {state.status}")


def replied(step: Step) -> Reply:
    """What became of an event."""
    refusal = step.refusal
    if refusal is None or refusal.code == DUPLICATE:
        return Reply(step.state.status)
    return Reply(step.state.status, refusal.code, refusal.message)


async def _deliver(store: Store, run: str, command: Command, clock: Clock, vault: Vault | None) -> Reply:
    row = await existing(store, run)
    graphs = Definitions(store)
    found = await load(graphs, store, row)
    if found.state.closed:
        return closed(found.state, command)
    graph = found.graph
    event: Event
    if isinstance(command, Adopt):
        graph = decoded(row.run, row.source, command)
        event, step = adoption(found, graph, command, clock)
    else:
        judged = judge(command, graph, found.state, clock, vault)
        if judged.event is None:
            return Reply(found.state.status, judged.code, judged.message)
        event, step = judged.event, apply(graph, found.state, judged.event)
    if step.refusal is None:
        await _write(store, row, found, graph, event, step)
        if step.state.ending is not None and isinstance(command, CancelRun):
            step = await _end_children(store, run, step, clock, vault)
        else:
            await _leave_children(store, found.state, step.state, clock, vault)
    return replied(step)


async def _end_children(store: Store, run: str, step: Step, clock: Clock, vault: Vault | None) -> Step:
    """A run that is owned here ends once its child runs have: end those that nobody drives, or whose owner does it at once.

    What is left is for whoever takes the run up.
    """
    for name, pending in list(step.state.open.items()):
        if not isinstance(pending.request, StartChild):
            continue
        child, why = pending.request.child, "it was not begun"
        ended = await store.row(child)
        if ended is not None and ended.request == name:  # else it is a run of somebody else
            why = ENDS
            with suppress(UnknownRun):  # removed meanwhile
                await send(store, child, CancelRun(why), clock=clock, vault=vault)
            ended = await store.row(child)
            if ended is not None and ended.status != "cancelled":
                continue
        row = await existing(store, run)
        found = await load(Definitions(store), store, row)
        event = ActionFailed(clock.now(), name, "cancelled", why, retryable=False)
        after = apply(found.graph, found.state, event)
        if after.refusal is None:
            await _write(store, row, found, found.graph, event, after)
            step = after
    return step


async def _leave_children(store: Store, before: State, after: State, clock: Clock, vault: Vault | None) -> None:
    """Let the child runs that were left just now take back what they did; meanwhile nobody answers them any more.

    Where that cannot be, whoever takes the run up does it.
    """
    for name, pending in after.open.items():
        was = before.open.get(name)
        if not isinstance(pending.request, StartChild) or not pending.undo or was is None or was.cancelling:
            continue
        row = await store.row(pending.request.child)
        if row is not None and row.request == name and row.status == "running":
            with suppress(UnknownRun, StoreError):
                await send(store, row.run, CancelRun(LEFT, undo=True), clock=clock, vault=vault)


async def _write(store: Store, row: RunRow, found: Loaded, graph: Graph, event: Event, step: Step) -> None:
    changed = next_row(graph, row, found.state, step) if graph is found.graph else adopted_row(graph, row, step.state)
    epoch = await store.claim(row.run)
    turn = Turn(row.run, step.state.seq, encode_event(event), epoch, changed, step.state.closed)
    if graph is not found.graph:
        turn = replace(turn, definition=graph.data)
    (refused,) = await store.append([turn])
    if refused is not None:
        raise refused


def adoption(found: Loaded, graph: Graph, command: Adopt, clock: Clock) -> tuple[Adopted, Step]:
    """The event by which a run becomes one of `graph`, and what it comes to."""
    renamed = graph.definition.migrate
    event = Adopted(clock.now(), graph.hash, renamed.nodes, renamed.fields, command.by)
    return event, adopt(found.graph, graph, found.state, event)


def decoded(run: str, source: str, command: Adopt) -> Graph:
    """The graph that an Adopt brings. Raises Refused."""
    try:
        return received(command.definition, command.graph, source)
    except ValueError as error:
        told = f"run '{run}' adopts nothing: {error}; send the `hash` and the `data` of one graph"
        raise Refused("definition", told) from error
