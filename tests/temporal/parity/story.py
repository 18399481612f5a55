"""The one vocabulary of what happens to a run from outside, and a story told in it: a seed chooses among what can happen
now, so whoever performs the run, the same happens as long as it is in the same place.

Each time is waited for until all that was begun is at its tool, asked, or over. So what happens next finds the run where
it was left, and two tellings can be compared word by word.
"""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any, NamedTuple, Protocol

import msgspec

from tests.temporal.parity.gates import Effect, Gates
from trellis.engine import State
from trellis.engine.state import Open
from trellis.errors import ActionError, Refused, RunClosed
from trellis.model.actions import CallTool, Emit, RequestInput, StartChild
from trellis.model.graph import Graph
from trellis.model.values import Value

MOST = 60
"""What happens in a story at most; then the run is cancelled."""
SHORTLY_S = 60.0
"""What is due within it passes before anything else happens."""
VALUES: tuple[Value, ...] = (1, 3, "a", None, [1, {"b": 2.5}], "é\u2028", True, 2**60, -0.125)
ANSWERS: dict[str, tuple[Value, ...]] = {
    "text": ("b", "é"),
    "choice": ("staging", "prod", "nowhere"),
    "confirm": (True, "no", "perhaps"),
    "int": (7, "12", "many"),
    "approve": ("approve", "approve", "reject: no time"),
    "form": ({"s": "f", "env": "prod", "ok": True}, {"s": 1}),
}


class Ends(msgspec.Struct, frozen=True, tag=True):
    """The attempt of a call that is at its tool ends well."""

    key: str
    value: Value


class Fails(msgspec.Struct, frozen=True, tag=True):
    """It fails."""

    key: str
    code: str
    retryable: bool


class Answered(msgspec.Struct, frozen=True, tag=True):
    """Somebody answers a question."""

    run: str
    node: str
    value: Value


class Signalled(msgspec.Struct, frozen=True, tag=True):
    """Somebody sends a signal."""

    run: str
    name: str
    data: dict[str, Value] = {}


class Resolved(msgspec.Struct, frozen=True, tag=True):
    """Somebody says how a call ended of which nobody knows."""

    run: str
    node: str
    again: bool


class Cancelled(msgspec.Struct, frozen=True, tag=True):
    """Somebody ends the run."""

    run: str


Happening = Ends | Fails | Answered | Signalled | Resolved | Cancelled


class Handle(Protocol):
    """What the handles of runs have in common, whoever performs the runs."""

    async def answer(self, node: str, value: Value, *, by: str = "") -> bool: ...
    async def signal(self, signal: str, /, *, signal_id: str = "", **data: Value) -> None: ...
    async def cancel(self, reason: str = "") -> None: ...
    async def resolve(self, node: str, value: Value = None, *, again: bool = False) -> None: ...
    async def result(self) -> Any: ...


class Player(Protocol):
    """Who performs a run."""

    async def start(self, graph: Graph, run: str) -> None: ...

    async def settled(self) -> dict[str, State]:
        """Wait until nothing more becomes of the runs by itself, and all that is due shortly has come: their states, those
        of the runs that the run uses too."""

    async def handle(self, run: str) -> Handle: ...


class Told(NamedTuple):
    """All that could be observed of a run."""

    trace: list[str]
    """What happened, and where that left the runs."""
    outcome: dict[str, Any]
    ledger: dict[str, Effect]


async def live(player: Player, gates: Gates, graph: Graph, seed: int, run: str) -> Told:
    """Tell the story of a seed. Raises TimeoutError where the run gets nowhere."""
    chance, trace = Random(seed), []
    await player.start(graph, run)
    for step in range(MOST + 1):
        states = await player.settled()
        trace.append(_place(states))
        if states[run].closed:
            break
        happening = choose(chance, states, gates, run) if step < MOST else Cancelled(run)
        trace.append(f"{happening} {await happen(player, gates, happening)}")
    outcome = await (await player.handle(run)).result()
    return Told(trace, timeless(msgspec.to_builtins(outcome)), gates.of(run))


def choose(chance: Random, states: Mapping[str, State], gates: Gates, root: str) -> Happening:
    """What happens next, of all that can."""
    calls: list[str] = []
    others: list[Happening] = []
    for run, state in sorted(states.items()):
        for pending in sorted(state.open.values(), key=lambda pending: pending.request.idempotency_key):
            request = pending.request
            if isinstance(request, CallTool) and pending.uncertain:
                others.append(Resolved(run, request.node, again=chance.random() < 0.5))
            elif isinstance(request, CallTool) and request.idempotency_key in gates.waiting and not pending.cancelling:
                calls.append(request.idempotency_key)
            elif isinstance(request, RequestInput):
                others.append(Answered(run, request.node, chance.choice(ANSWERS[request.ask])))
    ways: list[Happening] = [*others, *(_ended(chance, key, gates) for key in calls)]
    if chance.random() < 0.005:
        return Cancelled(root)
    if not ways or chance.random() < 0.08:
        name = chance.choice(("later", "later", "later", "fault", "interrupt", "nothing"))
        ways = [Signalled(root, name, {"why": "x"} if name == "fault" else {})]
    return chance.choice(ways)


def _ended(chance: Random, key: str, gates: Gates) -> Happening:
    """How an attempt ends. What failed before fails again, more often than not."""
    if chance.random() < (0.12 if len(gates.ledger[key].attempts) == 1 else 0.6):
        return Fails(key, chance.choice(("failed", "odd", "denied")), chance.random() < 0.7)
    return Ends(key, chance.choice(VALUES))


async def happen(player: Player, gates: Gates, happening: Happening) -> str:
    """Let it happen; what is said to whoever did it."""
    if isinstance(happening, Ends):
        gates.end(happening.key, happening.value)
        return ""
    if isinstance(happening, Fails):
        gates.fail(happening.key, ActionError(happening.code, "why", retryable=happening.retryable))
        return ""
    handle = await player.handle(happening.run)
    try:
        if isinstance(happening, Answered):
            return f"{await handle.answer(happening.node, happening.value, by='ana')}"
        if isinstance(happening, Signalled):
            await handle.signal(happening.name, signal_id="", **happening.data)
        elif isinstance(happening, Resolved):
            await handle.resolve(happening.node, 1, again=happening.again)
        else:
            await handle.cancel("enough")
    except (Refused, RunClosed) as error:
        return f"{type(error).__name__}: {error}"
    return "taken"


def going(states: Mapping[str, State], waiting: Mapping[str, Any]) -> str:
    """What becomes something else by itself in these runs, in words; empty where they wait for somebody or the time."""
    return next(
        (
            f"{run}: {what}"
            for run, state in states.items()
            for what in (_work(states, pending, waiting) for pending in state.open.values())
            if what and not state.closed
        ),
        "",
    )


def _work(states: Mapping[str, State], pending: Open, waiting: Mapping[str, Any]) -> str:
    """What goes on by itself for an open request; empty where somebody has to say how it ends."""
    request = pending.request
    if isinstance(request, CallTool):
        at_tool = request.idempotency_key in waiting and not pending.cancelling
        return "" if at_tool or pending.uncertain else f"call of {request.node}"
    if isinstance(request, Emit):
        return f"signal of {request.node}"
    if not isinstance(request, StartChild):
        return ""
    child = states.get(request.child)
    if child is None or child.closed:
        return f"child {request.child}"
    if not pending.cancelling:
        return ""
    undoes = child.rollback is not None and child.rollback.back is None
    return "" if child.ending is not None or (pending.undo and undoes) else f"end of child {request.child}"


def due(states: Mapping[str, State]) -> list[float]:
    """When something is due shortly in these runs."""
    # Times are short or long, and a run that waits for a long one has not done so for half of that.
    return [
        timer.due
        for state in states.values()
        for timer in state.timers.values()
        if not state.closed and timer.due < state.at + SHORTLY_S
    ]


def _place(states: Mapping[str, State]) -> str:
    """Where the runs are, in words."""
    return "; ".join(
        f"{run}: {state.status} at {sorted(state.position.items())} {sorted(timeless(state.fields).items())} {state.active}"
        f" open {sorted((each.request.node, each.cancelling, each.uncertain) for each in state.open.values())}"
        for run, state in sorted(states.items())
        if not state.closed or not state.parent
    )


def timeless(value: Any) -> Any:
    """A value without when somebody approved, which differs."""
    if isinstance(value, dict):
        return {key: "then" if key == "at" else timeless(each) for key, each in value.items()}
    return [timeless(each) for each in value] if isinstance(value, list | tuple) else value
