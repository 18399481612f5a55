"""`trellis runs`: what an operator does to runs in a store; each command is a module of its own."""

from __future__ import annotations

import click

from trellis.cli import COMMANDS as ALL
from trellis.cli import subcommands
from trellis.cli.output import put

COMMANDS = {
    "ls": "List runs, the newest first.",
    "show": "Show where a run stands, and what can be done.",
    "replay": "Show a run as it was after some of its events.",
    "fork": "Begin a new run with the first events of another.",
    "retry": "Begin a new run where a node was last entered.",
    "cancel": "End open runs; nothing is undone.",
    "terminate": "End open runs as an operator, whatever they do.",
    "resolve": "Say how a call ended that is uncertain.",
    "adopt": "Let runs go on with another version of their graph.",
    "migrate": "Let all runs adopt a version that can; say which cannot.",
    "export": "Write a run as JSON lines.",
    "import": "Keep the run that an export holds.",
    "rm": "Remove runs that have ended.",
}
"""Every command with its short help."""


@subcommands("runs", COMMANDS, "trellis.cli.runs")
@click.pass_context
def command(context: click.Context) -> None:
    """Find runs, look at them, and take care of them. None of these drives a run."""
    if context.invoked_subcommand is None:
        put(context.get_help())


command.short_help = ALL["runs"]
