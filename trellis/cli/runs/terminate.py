"""`trellis runs terminate`: end open runs as an operator does; sent again, it changes nothing."""

from __future__ import annotations

import click

from trellis.cli.finding import dry_option, query_of, query_options, yes_option
from trellis.cli.options import by_option, reason_option, store_option
from trellis.cli.runs import COMMANDS


@click.command("terminate", short_help=COMMANDS["terminate"])
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
    """End the run ID, or those that the query finds, over the head of the graph: the error is `terminated`."""
    from trellis.cli.endings import end

    query = query_of(status, graph, where, older)
    return end(run_id, query, reason, by, store, terminate=True, dry=dry, yes=yes)
