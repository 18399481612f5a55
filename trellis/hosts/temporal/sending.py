"""A command to a run on Temporal is an update of its workflow: judged before it is kept, and answered by the run itself."""

from __future__ import annotations

from secrets import token_hex

from temporalio.service import RPCError

from trellis.engine.program import program_of
from trellis.errors import Refused, StoreUnavailable, UnknownRun
from trellis.hosts.commands import CLOSED, Answer, CancelRun, Command, Reply, Resolve
from trellis.hosts.sending import TRIES, again, closed
from trellis.hosts.temporal.following import Graphs, chapters, steps
from trellis.hosts.temporal.messages import SealedAnswer, SealedResolve
from trellis.hosts.temporal.payloads import PayloadUnopened
from trellis.hosts.temporal.wire import Asked, Hindered, NotPolled, Wire
from trellis.hosts.vault import VARIABLE, Vault, sealed
from trellis.model.graph import Graph, static_id
from trellis.model.secrets import seal


async def send(wire: Wire, graphs: Graphs, vault: Vault | None, run: str, command: Command) -> Asked:
    """What becomes of the command. Raises UnknownRun, Refused, NotPolled, StoreUnavailable.

    Where no worker is there, a run is cancelled, or ended, by the server itself, past what its graph says.
    """
    if isinstance(command, Answer | Resolve):
        command = _hidden(command, await graphs.of(run), vault, run)
    name = token_hex(16)  # however often it has to be sent, the server hands it to an execution once
    for tried in range(TRIES):
        await again(wire.clock, tried)
        try:
            asked = await wire.update(run, command, name)
        except (NotPolled, Hindered):
            if not isinstance(command, CancelRun):
                raise
            return Asked(await _past_its_workers(wire, run, command))
        except StoreUnavailable as error:
            if not isinstance(command, CancelRun) or not isinstance(error.__cause__, PayloadUnopened):
                raise
            # Its worker took it, and answers under a key that nobody here has; what is refused, a failure says.
            return Asked(Reply("cancelled" if command.terminate else "running"))
        if asked is not None:
            return asked
        found = await wire.describe(run)
        if found.ended is not None:
            return Asked(await _closed(wire, graphs, run, found.source, command))
    raise Hindered(
        wire.url, await wire.why(run, f"it did not take a command that it was sent {TRIES} times; try again")
    )


def _hidden(command: Answer | Resolve, graph: Graph, vault: Vault | None, run: str) -> Answer | Resolve:
    """The command with a secret under encryption beside it, where it brings one. Raises Refused without keys."""
    node = graph.definition.nodes.get(static_id(command.node))
    field = None if node is None else node.ask.field if node.ask is not None else node.save
    value = command.value
    if field is None or field not in program_of(graph).secrets or not isinstance(value, str) or not value:
        return command
    if vault is None:
        why = f"a Temporal server gets it under encryption only: set {VARIABLE} here and for the workers"
        raise Refused("secret", f"node '{command.node}' takes a secret, and {why}")
    kind = SealedAnswer if isinstance(command, Answer) else SealedResolve
    given = {name: getattr(command, name) for name in command.__struct_fields__}
    return kind(**{**given, "value": seal(field), "secrets": sealed(vault, run, {field: value})})


async def _closed(wire: Wire, graphs: Graphs, run: str, source: str, command: Command) -> Reply:
    """What is said of a run that has ended; one command that it took before it did is taken still."""
    try:
        _, told = await chapters(wire, run, 0)
        state = None
        for step in await steps(graphs, run, source, told, None):
            state = step.state
        if state is not None and state.closed:
            return closed(state, command)
    except (NotPolled, Hindered, UnknownRun):
        pass  # nobody is there to tell what it took; how it ended, the server knows
    ended = await wire.ended(run)
    error = ended.error or {}
    if isinstance(command, CancelRun) and command.terminate and error.get("code") == "terminated":
        return Reply(ended.status)
    return Reply(ended.status, CLOSED, f"the run has ended: {ended.status}")


async def _past_its_workers(wire: Wire, run: str, command: CancelRun) -> Reply:
    """End a run whose workers are gone or stuck: a cancel waits for them at the server, a terminate does not."""
    handle = wire.client.get_workflow_handle(run)
    try:
        if command.terminate:
            await handle.terminate(reason=command.reason or None)
            return Reply("cancelled", driven=False)
        await handle.cancel(reason=command.reason)
    except RPCError as error:
        raise wire.told(run, error) from error
    return Reply("running", driven=False)
