"""`trellis worker`: the process that recovers runs, fires timers and schedules, wakes waiting runs, until it is stopped."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from trellis.cli import COMMANDS
from trellis.cli.options import allow_option, on_change_option, store_option

if TYPE_CHECKING:
    from trellis.hosts.moving import OnChange

AT_ONCE = 1000
_FOR_TEMPORAL = ("namespace", "queue", "claims", "deployment", "metrics")


@click.command("worker", short_help=COMMANDS["worker"])
@click.argument("files", nargs=-1, metavar="[GRAPH]…", type=click.Path(readable=False))
@store_option
@allow_option
@click.option(
    "--at-once", type=click.IntRange(min=1), default=AT_ONCE, show_default=True, metavar="N",
    help="How many runs with something under way it drives at a time; on Temporal, how many calls it makes.",
)  # fmt: skip
@click.option(
    "--output", type=click.Choice(["text", "json"]), default="text", show_default=True,
    help="text: a line on stderr for each run; json: an object per line on stdout.",
)  # fmt: skip
@click.option("--watch", is_flag=True, help="Take up each good save of the graphs: schedules start new versions.")
@on_change_option("keep")
@click.option("--temporal", metavar="HOST:PORT", help="Serve a task queue of this Temporal server, not a store.")
@click.option("--namespace", metavar="N", help="With --temporal: the namespace.  [default: default]")
@click.option("--queue", metavar="Q", help="With --temporal: the task queue.  [default: trellis]")
@click.option("--claims", metavar="URL", help="With --temporal: the store of values too large for a history.")
@click.option("--deployment", metavar="NAME", help="With --temporal: the worker deployment it is a version of.")
@click.option("--metrics", metavar="IP:PORT", help="With --temporal: where Prometheus reads how it does.")
def command(
    files: tuple[str, ...],
    store: str | None,
    allow: tuple[str, ...],
    at_once: int,
    output: str,
    watch: bool,
    on_change: OnChange,
    temporal: str | None,
    **there: str | None,
) -> int:
    """Drive the runs of a store that want to be driven: of the graphs in the files GRAPH, or of all.

    Every run goes by the definition that it was started with, or adopted; the files say which graphs are meant, and
    their `schedules:` start new runs.
    SIGTERM and Ctrl-C stop it gently: it takes nothing more, stops what is under way, frees its runs, and ends with 0;
    the second one ends it at once, with 130, and loses nothing that was recorded.

    With --temporal it serves every run of a task queue instead; HOST:PORT may be a whole temporal:// URL. It then lets
    calls end for some seconds before it stops them.
    """
    if store is not None and store.startswith("temporal:"):
        if temporal is not None:
            raise click.UsageError("--temporal and --store name two places; leave one of them out")
        store, temporal = None, store
    given = {name: text for name in _FOR_TEMPORAL if (text := there[name]) is not None}
    if temporal is not None:
        if store is not None or watch:
            other = "--store" if store is not None else "--watch"
            raise click.UsageError(f"{other} is for runs of a store; with --temporal the server keeps them")
        from trellis.cli.temporal import Asked
        from trellis.cli.temporal import serve as serve_there

        return serve_there(Asked(temporal, **given), files, allow, at_once, output)
    if given:
        raise click.UsageError(f"--{next(iter(given))} is for workers on Temporal; say which: --temporal HOST:PORT")
    from trellis.cli.serving import serve

    return serve(files, store, allow, at_once, output, watch=watch, on_change=on_change)
