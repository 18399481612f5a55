"""A command to one run: delivered wherever the run is, and said what came of it and what the run waits for now."""

from __future__ import annotations

import sys
from typing import NamedTuple

from trellis.cli import tell
from trellis.cli.looking import stands
from trellis.cli.output import put
from trellis.cli.places import command_line
from trellis.cli.redacting import shown_value
from trellis.cli.screen import words_for
from trellis.cli.standing import signals_taken, told, waits, wants_driving
from trellis.cli.words import compact, one_line
from trellis.engine import State
from trellis.engine.signals import INTERRUPT
from trellis.errors import Refused, SecretsNeeded
from trellis.hosts.clock import SystemClock
from trellis.hosts.commands import Command, Reply
from trellis.hosts.operations import above as run_above
from trellis.hosts.sending import send
from trellis.hosts.values import known_secrets
from trellis.hosts.vault import VARIABLE, Vault
from trellis.model.graph import Graph
from trellis.model.problems import suggestion
from trellis.stores.base import RunRow, Store


class Delivered(NamedTuple):
    """What became of a command, and the run as it is now; `above`: the topmost run that waits for it."""

    reply: Reply
    row: RunRow
    graph: Graph
    state: State
    above: tuple[RunRow, Graph, State] | None = None


async def hand(store: Store, run: str, command: Command) -> Reply:
    """Deliver the command, whether or not the run can be looked at from here. Raises as `deliver` does."""
    tell_it = getattr(store, "tell", None)  # a run on Temporal has no owner to look for
    return await (tell_it(run, command) if tell_it else send(store, run, command, vault=Vault.from_environment()))


async def deliver(store: Store, run: str, command: Command) -> Delivered:
    """Deliver the command. Raises UnknownRun, RunClosed, Refused, StoreError."""
    reply = await hand(store, run, command)
    row, graph, state = await stands(store, run)
    top, user = None, await run_above(store, row)
    while user is not None:
        top, user = user, await run_above(store, user[0])
    return Delivered(reply, row, graph, state, top)


def taken(delivered: Delivered, run: str) -> bool:
    """True where the command was taken, False where its question is asked again. Raises RunClosed, Refused with a hint."""
    try:
        return delivered.reply.check(run)
    except Refused as error:
        raise Refused(error.code, error.message + _hint(error, delivered)) from None


def _hint(error: Refused, delivered: Delivered) -> str:
    """What may have been meant, where the run does not say so by itself."""
    if error.code == "unknown_signal" and "did you mean" not in error.message:
        return f"; known: {', '.join([*delivered.graph.definition.signals, INTERRUPT])}"
    if error.code == "not_taken":
        names = signals_taken(delivered.graph, delivered.state)
        return f"; taken now: {', '.join(names)}" if names else ", nor any other"
    if error.code in ("not_asked", "not_uncertain"):
        wanted = "answer" if error.code == "not_asked" else "uncertain"
        near = [wait["node"] for wait in waits(delivered.graph, delivered.state, {}) if wait["for"] == wanted]
        return suggestion(error.message.partition("'")[2].partition("'")[0], near)
    return ""


def say(delivered: Delivered, what: str, store: str | None) -> None:
    """Say `what` was done and where the run is now; and, where nobody drives it and it wants to be, how to go on."""
    words = words_for(sys.stdout)
    put(words.good(f"{what}; {now_at(delivered.graph, delivered.state)}"))
    if not delivered.reply.driven:
        above = delivered.above
        if above is not None:
            tell_how_to_drive(*above, store, f"run '{above[0].run}', which uses it")
        else:
            tell_how_to_drive(delivered.row, delivered.graph, delivered.state, store)


def now_at(graph: Graph, state: State, at: float | None = None) -> str:
    """Where the run is now, on one line: `now at: times asks for tries (a whole number)`, or how it ended."""
    if state.closed:
        error = f" at {state.error.node}" * bool(state.error.node) if state.error is not None else ""
        result = f": {compact(shown_value(state.result))}" if state.result is not None else ""
        return f"the run has ended: {state.status.replace('_', ' ')}{error}{result}"
    clock = SystemClock().now() if at is None else at
    places = [f"{wait['node']} {told(wait, clock)}" for wait in waits(graph, state, {}) if wait["for"] != "bodies"]
    return f"now at: {one_line('; '.join(places))}" if places else "now: nothing is waited for"


def tell_how_to_drive(row: RunRow, graph: Graph, state: State, store: str | None, what: str = "it") -> None:
    """Say what it takes to go on with a run that nobody drives, if it wants to go on by itself now or later.

    `what` names it where it is not the one that was spoken of.
    """
    now = SystemClock().now()
    if row.status != "running" or row.wake is None:
        return
    command = command_line(["resume", row.run], store, kinds_needed(graph))
    when = "" if wants_driving(row, now) else " when its timer is due"
    lacking = _secrets_lacking(graph, state)
    gone = ", ".join(f"'{name}'" for name in lacking if name not in state.secrets)
    if gone:
        tell(
            f"nobody drives {what}, and no worker can: without {VARIABLE} no store keeps {gone}; give it to: {command}"
        )
        return
    worker = "a worker that has its keys" if lacking else "a worker"
    tell(f"nobody drives {what}: {worker} goes on with it{when}, or: {command}")


def _secrets_lacking(graph: Graph, state: State) -> tuple[str, ...]:
    """The secrets that a run in this state needs, and that are not to be had with the keys and the environment here."""
    try:
        known_secrets(graph, state, {}, Vault.from_environment())
    except SecretsNeeded as needed:
        return needed.names
    return ()


def kinds_needed(graph: Graph) -> list[str]:
    """The kinds of tools of the graph that need permission."""
    from trellis.cli.options import KINDS

    called = {graph.definition.tools[name].kind for name in graph.tools_called if name in graph.definition.tools}
    return [kind for kind in KINDS if kind in called]
