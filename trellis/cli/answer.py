"""`trellis answer`: give a waiting run the answer to one question, wherever the run is."""

from __future__ import annotations

import click

from trellis.cli import COMMANDS
from trellis.cli.options import by_option, own_id_option, store_option


@click.command("answer", short_help=COMMANDS["answer"], context_settings={"ignore_unknown_options": True})
@click.argument("run_id", metavar="ID")
@click.argument("node")
@click.argument("value")
@by_option
@own_id_option
@store_option
def command(run_id: str, node: str, value: str, by: str, own_id: str, store: str | None) -> int:
    """Answer the question of NODE in the run ID with VALUE, as a person would type it; - reads it from stdin.

    Ends with 0 where it was taken, 7 where it does not fit and the question is asked again, 2 where it was refused.
    """
    from trellis.cli.answering import answer

    return answer(run_id, node, value, by, own_id, store)
