"""Open runs that are to end now: one by its id, or all that a query finds."""

from __future__ import annotations

from trellis.cli.delivery import hand
from trellis.cli.finding import Query, for_each, found, one_or_query
from trellis.cli.kept import with_store
from trellis.errors import UsageError
from trellis.hosts.commands import CancelRun
from trellis.stores.base import Store


def end(
    run: str | None, query: Query, reason: str, by: str, store: str | None, *, terminate: bool, dry: bool, yes: bool
) -> int:
    """End the runs. Gives the exit code; raises TrellisError."""
    one_or_query(run, query)
    if query.status not in (None, "running"):
        raise UsageError("only open runs can be ended; leave --status out, or say --status running")
    done = "terminated" if terminate else "cancelled"

    async def work(kept: Store) -> int:
        async def act(name: str) -> str:
            reply = await hand(kept, name, CancelRun(reason, by, terminate))
            reply.check(name)
            waits = reply.status == "running" and not reply.driven
            return (
                f"{name} is to be {done}: it waits for a worker that can go on with it" if waits else f"{name} {done}"
            )

        if run is not None:
            names = [run]
            if dry and await kept.row(run) is None:
                from trellis.errors import UnknownRun

                raise UnknownRun(run)
        else:
            names = [row.run for row in await found(kept, query._replace(status="running"))]
        return await for_each(names, act, batch=run is None, dry=dry, yes=yes)

    return with_store(store, work)
