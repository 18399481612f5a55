"""`trellis schedule`: when the schedules of a graph fire, and what became of their firings."""

from __future__ import annotations

import click

from trellis.cli import COMMANDS as ALL
from trellis.cli import subcommands
from trellis.cli.output import put

COMMANDS = {
    "next": "Show when the schedules of a graph fire next.",
    "ls": "List firings: runs that were started, and what was skipped.",
}
"""Every command with its short help."""


@subcommands("schedule", COMMANDS, "trellis.cli.schedule")
@click.pass_context
def command(context: click.Context) -> None:
    """See when schedules fire. It is `trellis worker GRAPH` that fires them."""
    if context.invoked_subcommand is None:
        put(context.get_help())


command.short_help = ALL["schedule"]
