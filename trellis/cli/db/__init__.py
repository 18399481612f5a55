"""`trellis db`: the format that a store is in, and keys for the secrets that it keeps."""

from __future__ import annotations

import click

from trellis.cli import COMMANDS as ALL
from trellis.cli import subcommands
from trellis.cli.output import put

COMMANDS = {
    "status": "Show a store's format, size and runs.",
    "migrate": "Bring a store to the format of this version.",
    "key": "Make a key for secrets.",
}
"""Every command with its short help."""


@subcommands("db", COMMANDS, "trellis.cli.db")
@click.pass_context
def command(context: click.Context) -> None:
    """Look after a store as a whole."""
    if context.invoked_subcommand is None:
        put(context.get_help())


command.short_help = ALL["db"]
