"""`trellis signal`: send a run a signal, wherever the run is."""

from __future__ import annotations

import click

from trellis.cli import COMMANDS
from trellis.cli.options import by_option, own_id_option, store_option


@click.command("signal", short_help=COMMANDS["signal"])
@click.argument("run_id", metavar="ID")
@click.argument("name")
@click.argument("data", nargs=-1, metavar="[KEY=VALUE]…")
@by_option
@own_id_option
@store_option
def command(run_id: str, name: str, data: tuple[str, ...], by: str, own_id: str, store: str | None) -> int:
    """Send the signal NAME to the run ID, with what it carries: JSON if it parses and fits, else text.

    Ends with 0 where it was taken, or is kept until something takes it, 2 where it was refused.
    """
    from trellis.cli.answering import signal

    return signal(run_id, name, data, by, own_id, store)
