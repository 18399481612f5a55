"""`trellis runs retry`: a new run that begins where a node of another was last entered."""

from __future__ import annotations

import click

from trellis.cli.options import by_option, store_option
from trellis.cli.runs import COMMANDS
from trellis.cli.runs.fork import id_option


@click.command("retry", short_help=COMMANDS["retry"])
@click.argument("run_id", metavar="ID")
@click.option("--from", "node", required=True, metavar="NODE", help="The node, by its path, that is entered anew.")
@id_option
@by_option
@store_option
def command(run_id: str, node: str, new: str | None, by: str, store: str | None) -> int:
    """Begin a new run where NODE was last entered by the run ID, and print its id. ID stays as it is."""
    from trellis.cli.beginnings import begin
    from trellis.hosts.operations import retry
    from trellis.hosts.vault import Vault

    return begin(lambda kept: retry(kept, run_id, node, id=new, by=by, vault=Vault.from_environment()), store)
