"""`trellis worker`: the process that recovers runs, fires timers and schedules, wakes waiting runs, until it is stopped."""

from __future__ import annotations

import click

from trellis.cli import COMMANDS
from trellis.cli.options import allow_option, store_option

AT_ONCE = 1000


@click.command("worker", short_help=COMMANDS["worker"])
@click.argument("files", nargs=-1, metavar="[GRAPH]…", type=click.Path(readable=False))
@store_option
@allow_option
@click.option(
    "--at-once", type=click.IntRange(min=1), default=AT_ONCE, show_default=True, metavar="N",
    help="How many runs with something under way it drives at a time.",
)  # fmt: skip
@click.option(
    "--output", type=click.Choice(["text", "json"]), default="text", show_default=True,
    help="text: a line on stderr for each run; json: an object per line on stdout.",
)  # fmt: skip
def command(files: tuple[str, ...], store: str | None, allow: tuple[str, ...], at_once: int, output: str) -> int:
    """Drive the runs of a store that want to be driven: of the graphs in the files GRAPH, or of all.

    Every run goes by the definition that it was started with, or adopted; the files say which graphs are meant, and
    their `schedules:` start new runs.
    SIGTERM and Ctrl-C stop it gently: it takes nothing more, stops what is under way, frees its runs, and ends with 0;
    the second one ends it at once, with 130, and loses nothing that was recorded.
    """
    from trellis.cli.serving import serve

    return serve(files, store, allow, at_once, output)
