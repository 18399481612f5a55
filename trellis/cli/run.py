"""`trellis run`: start a run of a graph file and stay with it, or go on with the run of that id."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from trellis.cli import COMMANDS
from trellis.cli.options import Options, on_change_option, session_options
from trellis.cli.places import root_of

if TYPE_CHECKING:
    from trellis.hosts.local import Host, Run
    from trellis.hosts.moving import OnChange
    from trellis.model.graph import Graph


@click.command("run", short_help=COMMANDS["run"])
@click.argument("file", type=click.Path(readable=False))
@click.option(
    "--set", "settings", multiple=True, metavar="FIELD=VALUE", help="A start value: JSON if it fits, or text."
)
@click.option("--id", "run_id", metavar="ID", help="The id of the run; one that exists is continued.")
@click.option(
    "--locale", metavar="TAG", default="", help="The language to speak, such as pt-BR, where texts are in several."
)
@click.option(
    "--watch", is_flag=True, help="Stay: each good save is taken up by the run, or by a new one once it has ended."
)
@on_change_option("adopt")
@click.option(
    "--on", metavar="URL", help="A Temporal server, which keeps the run: temporal://HOST:PORT/NAMESPACE?queue=Q."
)
@session_options
def command(
    file: str,
    settings: tuple[str, ...],
    run_id: str | None,
    locale: str,
    watch: bool,
    on_change: OnChange,
    on: str | None,
    store: str | None,
    answers: str | None,
    output: str,
    allow: tuple[str, ...],
    ask_tools: bool,
    by: str,
    headless: bool,
) -> int:
    """Run the graph in FILE.

    Ends with 0 where it completed, 1 failed, 4 denied, 5 timed out, 6 cancelled, 7 input needed, 8 rolled back,
    9 rollback failed, 130 interrupted; 2 says that the command line is wrong, 3 that the graph is.
    """
    from trellis.cli.settings import read_settings

    given = {setting.partition("=")[0] for setting in settings if not setting.endswith("=null")}
    root = root_of(file)
    store = _place(store, on, watch=watch)
    options = Options(store, answers, output, allow, root, by=by, headless=headless, ask_tools=ask_tools)
    if watch:
        from trellis.cli.rerunning import hold_watched

        async def start(host: Host, secrets: Mapping[str, str], *, graph: Graph, first: bool) -> Run:
            fields = read_settings(settings, graph.definition.fields, graph.name)
            return await host.start(graph, {**fields, **secrets}, id=run_id if first else None, locale=locale)

        return hold_watched(file, given, start, options, on_change)
    from trellis.cli.session import hold
    from trellis.project import load

    graph = load(file, tools=(), given=given)
    fields = read_settings(settings, graph.definition.fields, graph.name)
    return hold(lambda host, secrets: host.start(graph, {**fields, **secrets}, id=run_id, locale=locale), options)


def _place(store: str | None, on: str | None, *, watch: bool) -> str | None:
    """Where the run is to be kept. Raises UsageError."""
    from trellis.cli.places import on_temporal
    from trellis.errors import UsageError

    if on is not None and store is not None:
        raise UsageError("--on and --store both say where the run is kept; give one")
    if on is not None and not on_temporal(on):
        raise UsageError("--on takes temporal://HOST:PORT/NAMESPACE?queue=Q; any other URL is for --store")
    if watch and on_temporal(on or store):
        raise UsageError(
            "--watch is for runs that are driven here; `trellis runs adopt` moves one on Temporal to a new version"
        )
    return on or store
