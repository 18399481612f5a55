"""`trellis worker`: the process that recovers runs, fires timers and schedules, wakes waiting runs, until it is stopped."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from trellis.cli import COMMANDS
from trellis.cli.options import allow_option, on_change_option, store_option

if TYPE_CHECKING:
    from trellis.hosts.moving import OnChange

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
@click.option("--watch", is_flag=True, help="Take up each good save of the graphs: schedules start new versions.")
@on_change_option("keep")
def command(
    files: tuple[str, ...],
    store: str | None,
    allow: tuple[str, ...],
    at_once: int,
    output: str,
    watch: bool,
    on_change: OnChange,
) -> int:
    """Drive the runs of a store that want to be driven: of the graphs in the files GRAPH, or of all.

    Every run goes by the definition that it was started with, or adopted; the files say which graphs are meant, and
    their `schedules:` start new runs.
    SIGTERM and Ctrl-C stop it gently: it takes nothing more, stops what is under way, frees its runs, and ends with 0;
    the second one ends it at once, with 130, and loses nothing that was recorded.
    """
    from trellis.cli.serving import serve

    return serve(files, store, allow, at_once, output, watch=watch, on_change=on_change)
