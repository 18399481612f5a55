"""`trellis db migrate`: bring a store to the format of this version; done already, it changes nothing."""

from __future__ import annotations

import click

from trellis.cli.db import COMMANDS
from trellis.cli.options import store_option
from trellis.cli.output import put


@click.command("migrate", short_help=COMMANDS["migrate"])
@store_option
def command(store: str | None) -> int:
    """Bring a store to the format that this version writes, whole or not at all. Stop its hosts first.

    It may be said again, and by two at once: what is done already is left as it is.
    """
    import asyncio

    from trellis.cli.formats import migrate
    from trellis.cli.places import root_here, shown

    before, now = asyncio.run(migrate(store))
    place = shown(store, root_here())
    if before == now:
        put(f"{place} has format {now} already")
    else:
        put(f"{place} was brought from {f'format {before}' if before else 'nothing'} to format {now}")
    return 0
