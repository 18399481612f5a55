"""What `trellis runs resolve` does: it takes exactly one way in which a call can have ended."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from trellis.cli.answering import STDIN, read_stdin
from trellis.cli.delivery import deliver, say, taken
from trellis.cli.kept import with_store
from trellis.cli.looking import stands
from trellis.cli.options import Options
from trellis.cli.places import command_line, root_here
from trellis.errors import RunOwned, UsageError
from trellis.hosts.commands import Resolve
from trellis.model.graph import Graph, static_id
from trellis.model.values import Value
from trellis.stores.base import Store

if TYPE_CHECKING:
    from trellis.hosts.local import Host, Run


def resolve(
    run: str,
    node: str,
    value: str | None,
    code: str | None,
    message: str,
    again: bool,
    by: str,
    store: str | None,
    allow: tuple[str, ...],
) -> int:
    """Deliver it. A call that is to be made again is made here where nobody drives the run: whoever took the run up
    later could not tell that it was not begun. Gives the exit code; raises TrellisError.
    """
    if (value is not None) + (code is not None) + again != 1:
        raise UsageError("say how it ended with one of: --value JSON, --failed CODE, --again")
    if message and code is None:
        raise UsageError("--message goes with --failed")
    if code is not None and not code.strip():
        raise UsageError("--failed takes the word that `catch` takes, found an empty one")

    async def work(kept: Store) -> int | None:
        given = None
        if value is not None:
            _, graph, _ = await stands(kept, run)
            if value != STDIN and _secret(graph, node):
                raise UsageError(
                    f"node '{node}' gives a secret, and a command line is seen by others and kept by shells; "
                    f"give it on stdin: {command_line(['runs', 'resolve', run, node, '--value', STDIN], store)}"
                )
            given = _json(read_stdin() if value == STDIN else value)
        if again and await _nobody_drives(kept, run, node):
            return None
        delivered = await deliver(kept, run, Resolve(node, given, code or "", message, again, by))
        taken(delivered, run)
        say(delivered, "to be made again" if again else "resolved", store)
        return 0

    ended = with_store(store, work)
    return (
        _make_again(run, node, by, Options(store, None, "auto", allow, root_here(), existing=run))
        if ended is None
        else ended
    )


async def _nobody_drives(store: Store, run: str, node: str) -> bool:
    """Whether the call is uncertain, and no living host has the run."""
    _, _, state = await stands(store, run)
    uncertain = [pending.request.node for pending in state.open.values() if pending.uncertain]
    if node not in uncertain:
        return False
    try:
        await store.claim(run)
    except RunOwned:
        return False
    await store.release(run)
    return True


def _make_again(run: str, node: str, by: str, options: Options) -> int:
    """Go on with the run here, as `trellis resume` does, beginning with that call."""
    from trellis.cli.session import hold

    async def begin(host: Host, secrets: Mapping[str, str]) -> Run:
        found = await host.resume(run, secrets=secrets)
        await found.resolve(node, again=True, by=by)
        return found

    return hold(begin, options)


def _secret(graph: Graph, path: str) -> bool:
    node = graph.definition.nodes.get(static_id(path))
    return node is not None and node.save is not None and graph.definition.fields[node.save].secret


def _json(text: str) -> Value:
    try:
        value: Value = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
        raise UsageError(f"--value takes JSON, a text in quotes ('\"done\"'), null for nothing: {error}") from None
    return value
