"""`trellis runs rm`: remove runs that have ended, with all that is kept of them. Open ones stay."""

from __future__ import annotations

import click

from trellis.cli.finding import Query, dry_option, for_each, found, one_or_query, query_of, query_options, yes_option
from trellis.cli.options import store_option
from trellis.cli.runs import COMMANDS


@click.command("rm", short_help=COMMANDS["rm"])
@click.argument("run_id", metavar="[ID]", required=False)
@query_options
@dry_option
@yes_option
@store_option
def command(
    run_id: str | None,
    status: str | None,
    graph: str | None,
    where: str | None,
    older: str | None,
    dry: bool,
    yes: bool,
    store: str | None,
) -> int:
    """Remove the run ID, or those that the query finds: journal, index row, snapshot, definitions nobody else needs.

    Open runs are not removed, nor what they use and have not heard the end of; end them first.
    """
    query = query_of(status, graph, where, older)
    one_or_query(run_id, query)
    if query.status == "running":
        from trellis.errors import UsageError

        raise UsageError("open runs are not removed; end them first with `trellis runs cancel` or `terminate`")
    return _remove(run_id, query, store, dry=dry, yes=yes)


def _remove(run: str | None, query: Query, store: str | None, *, dry: bool, yes: bool) -> int:
    from trellis.cli.kept import with_store
    from trellis.cli.places import command_line
    from trellis.errors import UnknownRun, UsageError
    from trellis.hosts.operations import above
    from trellis.stores.base import Store

    async def work(kept: Store) -> int:
        async def act(name: str) -> str:
            row = await kept.row(name)
            if row is None:
                raise UnknownRun(name)
            if row.status == "running":
                ending = command_line(["runs", "terminate", name], store)
                raise UsageError(f"run '{name}' is open, and open runs are not removed; end it first: {ending}")
            user = await above(kept, row)
            if user is not None:
                going_on = command_line(["resume", user[0].run], store)
                raise UsageError(
                    f"run '{user[0].run}' uses run '{name}' and has not heard how it ended: without it, all would be done "
                    f"again; let it hear first, by a worker or: {going_on}"
                )
            await kept.delete(name)
            return f"{name} removed"

        if run is not None:
            if dry and await kept.row(run) is None:
                raise UnknownRun(run)
            names = [run]
        else:
            names = [row.run for row in await found(kept, query) if row.status != "running"]
        return await for_each(names, act, batch=run is None, dry=dry, yes=yes)

    return with_store(store, work)
