"""`trellis runs resolve`: a person found out how a call ended of which nobody knew, and says so."""

from __future__ import annotations

import click

from trellis.cli.options import by_option, store_option
from trellis.cli.runs import COMMANDS


@click.command("resolve", short_help=COMMANDS["resolve"])
@click.argument("run_id", metavar="ID")
@click.argument("node")
@click.option("--value", metavar="JSON", help="It was done, and gave this; - reads it from stdin.")
@click.option("--failed", "code", metavar="CODE", help="It was not done: the word that `catch` takes.")
@click.option("--message", metavar="TEXT", default="", help="What people read of it, with --failed.")
@click.option("--again", is_flag=True, help="Make the call once more.")
@by_option
@store_option
def command(
    run_id: str,
    node: str,
    value: str | None,
    code: str | None,
    message: str,
    again: bool,
    by: str,
    store: str | None,
) -> int:
    """Say how the uncertain call of NODE in the run ID ended: --value, --failed or --again."""
    from trellis.cli.resolving import resolve

    return resolve(run_id, node, value, code, message, again, by, store)
