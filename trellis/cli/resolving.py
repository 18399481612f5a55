"""What `trellis runs resolve` does: it takes exactly one way in which a call can have ended."""

from __future__ import annotations

import msgspec

from trellis.cli.answering import STDIN, read_stdin
from trellis.cli.delivery import deliver, say, taken
from trellis.cli.kept import with_store
from trellis.cli.looking import meant, stands
from trellis.cli.places import command_line
from trellis.errors import UsageError
from trellis.hosts.commands import Resolve
from trellis.model.graph import Graph, static_id
from trellis.model.values import Value
from trellis.stores.base import Store


def resolve(
    run: str,
    node: str,
    value: str | None,
    code: str | None,
    message: str,
    again: bool,
    by: str,
    store: str | None,
) -> int:
    """Deliver it. Gives the exit code; raises TrellisError."""
    if (value is not None) + (code is not None) + again != 1:
        raise UsageError("say how it ended with one of: --value JSON, --failed CODE, --again")
    if message and code is None:
        raise UsageError("--message goes with --failed")
    if code is not None and not code.strip():
        raise UsageError("--failed takes the word that `catch` takes, found an empty one")

    given = None
    if value == STDIN:
        with_store(store, lambda kept: stands(kept, run))  # an id that is wrong is told before one types
        given = _json(read_stdin("JSON"))

    async def work(kept: Store) -> int:
        nonlocal given
        name, at = await meant(kept, run, node)
        if value is not None and value != STDIN:
            _, graph, _ = await stands(kept, name)
            if _secret(graph, at):
                raise UsageError(
                    f"node '{node}' gives a secret, and a command line is seen by others and kept by shells; "
                    f"give it on stdin: {command_line(['runs', 'resolve', run, node, '--value', STDIN], store)}"
                )
            given = _json(value)
        delivered = await deliver(kept, name, Resolve(at, given, code or "", message, again, by))
        taken(delivered, name)
        say(delivered, "to be made again" if again else "resolved", store)
        return 0

    return with_store(store, work)


def _secret(graph: Graph, path: str) -> bool:
    node = graph.definition.nodes.get(static_id(path))
    return node is not None and node.save is not None and graph.definition.fields[node.save].secret


def _json(text: str) -> Value:
    try:
        value: Value = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
        raise UsageError(f"--value takes JSON, a text in quotes ('\"done\"'), null for nothing: {error}") from None
    return value
