"""`trellis run`: start a run of a graph file and stay with it, or go on with the run of that id."""

from __future__ import annotations

import click

from trellis.cli import COMMANDS
from trellis.cli.options import Options, session_options
from trellis.cli.places import root_of


@click.command("run", short_help=COMMANDS["run"])
@click.argument("file", type=click.Path(readable=False))
@click.option(
    "--set", "settings", multiple=True, metavar="FIELD=VALUE", help="A start value: JSON if it fits, or text."
)
@click.option("--id", "run_id", metavar="ID", help="The id of the run; one that exists is continued.")
@click.option(
    "--locale", metavar="TAG", default="", help="The language to speak, such as pt-BR, where texts are in several."
)
@session_options
def command(
    file: str,
    settings: tuple[str, ...],
    run_id: str | None,
    locale: str,
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
    from trellis.cli.session import hold
    from trellis.cli.settings import read_settings
    from trellis.project import load

    given = {setting.partition("=")[0] for setting in settings if not setting.endswith("=null")}
    graph = load(file, tools=(), given=given)
    fields = read_settings(settings, graph.definition.fields, graph.name)
    root = root_of(file)
    options = Options(store, answers, output, allow, root, by=by, headless=headless, ask_tools=ask_tools)
    return hold(lambda host, secrets: host.start(graph, {**fields, **secrets}, id=run_id, locale=locale), options)
