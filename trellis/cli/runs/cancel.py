"""`trellis runs cancel`: end open runs now; open work is stopped, nothing is undone, the status is `cancelled`."""

from __future__ import annotations

import click

from trellis.cli.finding import dry_option, query_of, query_options, yes_option
from trellis.cli.options import by_option, reason_option, store_option
from trellis.cli.runs import COMMANDS


@click.command("cancel", short_help=COMMANDS["cancel"])
@click.argument("run_id", metavar="[ID]", required=False)
@query_options
@dry_option
@yes_option
@reason_option
@by_option
@store_option
def command(
    run_id: str | None,
    status: str | None,
    graph: str | None,
    where: str | None,
    older: str | None,
    dry: bool,
    yes: bool,
    reason: str,
    by: str,
    store: str | None,
) -> int:
    """End the run ID, or those that the query finds, as cancelled: open work is stopped, nothing is undone."""
    from trellis.cli.endings import end

    query = query_of(status, graph, where, older)
    return end(run_id, query, reason, by, store, terminate=False, dry=dry, yes=yes)
