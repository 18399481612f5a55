"""`trellis runs migrate`: all open runs of a graph adopt a new version, those that can; of the others it says why not."""

from __future__ import annotations

import click

from trellis.cli.finding import query_of, query_options
from trellis.cli.options import by_option, json_option, store_option
from trellis.cli.runs import COMMANDS


@click.command("migrate", short_help=COMMANDS["migrate"])
@click.argument("file", type=click.Path(readable=False), metavar="GRAPH")
@click.option("--dry-run", "dry", is_flag=True, help="Only judge: a verdict for each open run.")
@query_options
@json_option
@by_option
@store_option
def command(
    file: str,
    dry: bool,
    status: str | None,
    graph: str | None,
    where: str | None,
    older: str | None,
    as_json: bool,
    by: str,
    store: str | None,
) -> int:
    """Let every open run of the graph in GRAPH go on with this version of it, where that is proved to be safe.

    Ends with 1 where some run cannot: it needs a `migrate:` map in GRAPH, or is blocked; it goes on as it was.
    """
    from trellis.cli.adopting import migrate

    return migrate(file, query_of(status, graph, where, older), by, store, dry=dry, as_json=as_json)
