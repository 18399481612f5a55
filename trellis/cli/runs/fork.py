"""`trellis runs fork`: a new run that begins with the first events of another, which stays as it is."""

from __future__ import annotations

import click

from trellis.cli import tell
from trellis.cli.options import by_option, store_option
from trellis.cli.runs import COMMANDS

id_option = click.option("--id", "new", metavar="NEW", help="The id of the new run.  [default: ID and six letters]")


@click.command("fork", short_help=COMMANDS["fork"])
@click.argument("run_id", metavar="ID")
@click.option("--at", type=click.IntRange(min=1), metavar="N", help="Only its first N events.  [default: all]")
@click.option(
    "--set", "settings", multiple=True, metavar="FIELD=VALUE", help="A field to write first: JSON if it fits, or text."
)
@id_option
@by_option
@store_option
def command(run_id: str, at: int | None, settings: tuple[str, ...], new: str | None, by: str, store: str | None) -> int:
    """Begin a new run with the first N events of the run ID, and print its id. What they did is not done again."""
    from trellis.cli.beginnings import begin
    from trellis.cli.looking import begun
    from trellis.cli.places import command_line
    from trellis.cli.settings import read_settings
    from trellis.errors import InvalidField
    from trellis.hosts.operations import fork, replayed
    from trellis.hosts.vault import Vault
    from trellis.stores.base import RunRow, Store

    async def work(kept: Store) -> RunRow:
        fields = None
        if settings:
            graph = (await replayed(kept, run_id, until=at)).graph
            fields = read_settings(settings, graph.definition.fields, graph.name)
            for name in fields:
                if graph.definition.fields[name].secret:
                    raise InvalidField(name, "it is secret, and no fork writes it; the run asks for it")
        made = await fork(kept, run_id, at=at, fields=fields, id=new, by=by, vault=Vault.from_environment())
        for done in await begun(kept, run_id, at=at):
            key = made.run + done.idempotency_key.removeprefix(run_id)
            tell(
                f"{done.node} is called anew, under the key {key}; run {run_id} had begun it (key "
                f"{done.idempotency_key}), and may have done it: where it has, {command_line(['runs', 'cancel', made.run], store)}"
            )
        return made

    return begin(work, store)
