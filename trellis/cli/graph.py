"""`trellis graph`: the picture of a graph, or of a run in it, or of what changed in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from trellis.cli import COMMANDS, tell
from trellis.cli.output import put
from trellis.cli.places import SCHEMES, STORE, not_kept, open_kept, root_here, root_of
from trellis.errors import InvalidGraph, UnknownRun, UsageError

if TYPE_CHECKING:
    from trellis.render.chart import Chart

FORMATS = ("mermaid", "dot", "d2", "svg", "ascii", "json", "html")


@click.command("graph", short_help=COMMANDS["graph"])
@click.argument("file", required=False, type=click.Path(readable=False))
@click.option("-f", "--format", "form", type=click.Choice(FORMATS), default="mermaid", show_default=True)
@click.option("-o", "output", metavar="FILE", help="Write the picture there; stdout without.")
@click.option("--run", "run_id", metavar="ID", help="Mark what this run did: nodes, times, ways; and where it is.")
@click.option("--diff", "other", metavar="REV", help="Show what changed since a revision of git, or from another FILE.")
@click.option("--focus", metavar="NODE", help="Show this node and what is near it.")
@click.option("--depth", type=click.IntRange(min=1), help="How many ways from --focus.  [default: 2]")
@click.option(
    "--collapse", "collapse", metavar="NODE", multiple=True, help="Show a node with bodies as one; `all`: each."
)
@click.option("--states", "states", is_flag=True, help="Draw the declared states and their relations instead.")
@click.option("--store", metavar="URL", help=f"Where the run is kept: {SCHEMES}.  [default: {STORE}]")
def command(
    file: str | None,
    form: str,
    output: str | None,
    run_id: str | None,
    other: str | None,
    focus: str | None,
    depth: int | None,
    collapse: tuple[str, ...],
    states: bool,
    store: str | None,
) -> int:
    """Draw the graph in FILE. With --run it is the graph that the run goes by, and FILE may be left out.

    With --states it draws the states that FILE declares, a graph or a state schema.
    """
    if depth is not None and focus is None:
        raise UsageError("--depth says how near to a node: name it with --focus")
    if store is not None and run_id is None:
        raise UsageError("--store says where a run is kept: name one with --run")
    if states:
        if file is None or run_id is not None or other is not None or collapse:
            raise UsageError("--states draws what a file declares: name the file, and no run, change or collapse")
        _put(_of_states(file, form, focus, depth), output)
        return 0
    if run_id is not None and other is not None:
        raise UsageError("--run shows what a run did, --diff what changed: name one of them")
    if run_id is None and file is None:
        raise UsageError("name a graph file, or a run with --run")
    if run_id is not None:
        import asyncio

        chart = asyncio.run(_of_run(run_id, file, store))
    else:
        chart = _of_file(str(file), other)
    _put(_written(_cut(chart, focus, depth, collapse), form), output)
    return 0


def _of_file(file: str, other: str | None) -> Chart:
    """The chart of a graph file, compared with what `other` names where that is given."""
    from trellis.project import load

    graph = load(file)
    if other is None:
        from trellis.render.charting import chart_of

        return chart_of(graph.definition)
    from trellis.cli.revisions import earlier
    from trellis.render.comparing import compared

    return compared(earlier(file, other).definition, graph.definition)


async def _of_run(run_id: str, file: str | None, store: str | None) -> Chart:
    """The chart of the graph of a run, with what that did."""
    from trellis.hosts.trails import follow
    from trellis.project import load
    from trellis.render.charting import chart_of
    from trellis.render.marking import with_trail

    root = root_of(file) if file else root_here()
    kept = open_kept(store, root, run_id)
    try:
        graph, _, trail = await follow(kept, run_id)
    except UnknownRun as error:
        raise not_kept(error, store, root) from None
    finally:
        await kept.close()
    if file is not None and load(file) != graph:
        tell(f"run {run_id} goes by another definition than {file} has now; this is the run's")
    return with_trail(chart_of(graph.definition), trail)


def _cut(chart: Chart, focus: str | None, depth: int | None, collapse: tuple[str, ...]) -> Chart:
    """What is to be seen of a chart. Raises UsageError for a node that is not in it."""
    from trellis.model.problems import suggestion

    if collapse:
        from trellis.render.collapsing import collapsed, collapsible

        known = collapsible(chart)
        for node in collapse:
            if node != "all" and node not in known:
                raise UsageError(f"no node '{node}' with bodies{suggestion(node, known)}")
        chart = collapsed(chart, known if "all" in collapse else collapse)
    if focus is not None:
        from trellis.render.focusing import focused

        nodes = [part.node for part in chart.parts if part.node]
        if focus not in nodes:
            raise UsageError(f"no node '{focus}' in the picture{suggestion(focus, nodes)}")
        chart = focused(chart, focus, depth or 2)
    return chart


def _written(chart: Chart, form: str) -> str:
    """The chart in a format."""
    if form == "mermaid":
        from trellis.render.mermaid import flowchart as write
    elif form == "dot":
        from trellis.render.dot import dot as write
    elif form == "d2":
        from trellis.render.d2 import d2 as write
    elif form == "svg":
        from trellis.render.svg import svg as write
    elif form == "html":
        from trellis.render.html import page as write
    elif form == "json":
        from trellis.render.data import data as write
    else:
        from trellis.render.drawing import drawing as write
    return write(chart)


def _of_states(file: str, form: str, focus: str | None, depth: int | None) -> str:
    """The picture of the declared states of a file."""
    from trellis.project import load, load_states
    from trellis.render.relations import relation_diagram

    try:
        declared, _, name = load_states(file)
    except InvalidGraph as error:
        if not any("this is a graph" in str(problem) for problem in error.problems):
            raise
        definition = load(file).definition
        declared, name = definition.states, definition.name
    if not declared:
        raise UsageError(f"{file} declares no states")
    if form == "mermaid" and focus is None:
        return relation_diagram(declared)
    if form == "mermaid":
        raise UsageError("--focus of states is drawn in every format but mermaid: name one with -f")
    from trellis.render.stating import chart_of_states

    return _written(_cut(chart_of_states(declared, name), focus, depth, ()), form)


def _put(text: str, output: str | None) -> None:
    """Print the picture, or write its file whole."""
    if output is None:
        put(text.removesuffix("\n"))
        return
    from trellis.project.writing import replace_file

    replace_file(output, text.encode())
