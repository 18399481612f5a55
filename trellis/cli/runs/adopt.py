"""`trellis runs adopt`: runs go on with another version of their graph, where it is proved that they can."""

from __future__ import annotations

import click

from trellis.cli.finding import dry_option, query_of, query_options, yes_option
from trellis.cli.options import by_option, store_option
from trellis.cli.runs import COMMANDS


@click.command("adopt", short_help=COMMANDS["adopt"])
@click.argument("words", nargs=-1, required=True, metavar="[ID] FILE")
@query_options
@dry_option
@yes_option
@by_option
@store_option
def command(
    words: tuple[str, ...],
    status: str | None,
    graph: str | None,
    where: str | None,
    older: str | None,
    dry: bool,
    yes: bool,
    by: str,
    store: str | None,
) -> int:
    """Let the run ID, or those that the query finds, go on with the graph in FILE. Where it cannot, nothing changes."""
    from trellis.cli.adopting import adopt

    return adopt(words, query_of(status, graph, where, older), by, store, dry=dry, yes=yes)
