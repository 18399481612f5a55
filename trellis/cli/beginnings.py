"""A new run that was made of another one: its id is printed, and how to go on with it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from trellis.cli import tell
from trellis.cli.delivery import now_at, tell_how_to_drive
from trellis.cli.kept import with_store
from trellis.cli.looking import stands
from trellis.cli.output import put
from trellis.cli.places import command_line
from trellis.stores.base import RunRow, Store


def begin(make: Callable[[Store], Awaitable[RunRow]], store: str | None) -> int:
    """Make the run, print its id on stdout and the rest on stderr. Gives the exit code; raises TrellisError."""

    async def work(kept: Store) -> None:
        made = await make(kept)
        row, graph, state = await stands(kept, made.run)
        put(row.run)
        tell(f"{now_at(graph, state)}")
        if row.status == "running" and row.wake is None:
            tell(f"it waits for somebody: {command_line(['runs', 'show', row.run], store)}")
        else:
            tell_how_to_drive(row, graph, state, store)

    with_store(store, work)
    return 0
