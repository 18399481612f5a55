"""`trellis graph`: the picture of a graph, or of a run in it."""

from __future__ import annotations

import click

from trellis.cli import COMMANDS, tell
from trellis.cli.output import put
from trellis.cli.places import SCHEMES, STORE, not_kept, open_kept, root_here, root_of
from trellis.errors import InvalidGraph, UnknownRun, UsageError
from trellis.model.graph import Graph


@click.command("graph", short_help=COMMANDS["graph"])
@click.argument("file", required=False, type=click.Path(readable=False))
@click.option("-f", "--format", "form", type=click.Choice(["mermaid"]), default="mermaid", show_default=True)
@click.option("--run", "run_id", metavar="ID", help="Mark the nodes that this run visited, and where it is.")
@click.option("--states", "states", is_flag=True, help="Draw the declared states and their relations instead.")
@click.option("--store", metavar="URL", help=f"Where the run is kept: {SCHEMES}.  [default: {STORE}]")
def command(file: str | None, form: str, run_id: str | None, states: bool, store: str | None) -> int:  # noqa: ARG001
    """Draw the graph in FILE. With --run it is the graph that the run goes by, and FILE may be left out.

    With --states it draws the states that FILE declares, a graph or a state schema.
    """
    if states:
        if file is None or run_id is not None:
            raise UsageError("--states draws what a file declares: name the file, and no run")
        put(_states(file).removesuffix("\n"))
        return 0
    from trellis.render.mermaid import mermaid

    if run_id is None:
        if file is None:
            raise UsageError("name a graph file, or a run with --run")
        if store is not None:
            raise UsageError("--store says where a run is kept: name one with --run")
        from trellis.project import load

        put(mermaid(load(file)).removesuffix("\n"))
        return 0

    import asyncio

    graph, visited, current = asyncio.run(_look(run_id, file, store))
    put(mermaid(graph, visited=visited, current=current).removesuffix("\n"))
    return 0


def _states(file: str) -> str:
    """The declared states of a file."""
    from trellis.project import load, load_states
    from trellis.render.relations import relation_diagram

    try:
        declared = load_states(file)[0]
    except InvalidGraph as error:
        if not any("this is a graph" in str(problem) for problem in error.problems):
            raise
        declared = load(file).definition.states
    if not declared:
        raise UsageError(f"{file} declares no states")
    return relation_diagram(declared)


async def _look(run_id: str, file: str | None, store: str | None) -> tuple[Graph, list[str], list[str]]:
    """The graph of a run, what it visited, and where it is."""
    from trellis.hosts.local import inspect_run
    from trellis.project import load

    root = root_of(file) if file else root_here()
    kept = open_kept(store, root, run_id)
    try:
        graph, state, visited = await inspect_run(kept, run_id)
    except UnknownRun as error:
        raise not_kept(error, store, root) from None
    finally:
        await kept.close()
    if file is not None and load(file) != graph:
        tell(f"run {run_id} goes by another definition than {file} has now; this is the run's")
    return graph, visited, list(state.tokens)
