"""`trellis plan`: what a run of a graph would do, without doing any of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from trellis.cli import COMMANDS
from trellis.cli.options import json_option
from trellis.cli.output import put
from trellis.errors import UsageError

if TYPE_CHECKING:
    from trellis.model.graph import Graph


@click.command("plan", short_help=COMMANDS["plan"])
@click.argument("file", type=click.Path(readable=False))
@click.option(
    "--set", "settings", multiple=True, metavar="FIELD=VALUE", help="A start value: JSON if it fits, or text."
)
@click.option("--answers", metavar="FILE", help="Answers as YAML or JSON, a list or a map by node; others are unknown.")
@click.option(
    "--fail-at", metavar="NODE[=CODE]", help="What would happen if this node failed for good, and what is undone."
)
@json_option
def command(file: str, settings: tuple[str, ...], answers: str | None, fail_at: str | None, as_json: bool) -> int:
    """Show what a run of the graph in FILE would do: its ways, tools, questions, secrets, and the time it takes at most.

    Nothing is performed: no tool is called or looked up, no store is read. What a run would learn from tools and people
    is unknown, unless --answers says it.
    """
    from trellis.cli.answers import read_answers
    from trellis.cli.settings import read_settings
    from trellis.planning.build import plan
    from trellis.project import load

    graph = load(file, tools=None)
    fields = read_settings(settings, graph.definition.fields, graph.name)
    given = read_answers(answers).data if answers is not None else []
    node, _, code = (fail_at or "").partition("=")
    if fail_at is not None:
        _check_node(graph, node)
    found = plan(graph, fields, given, node, code)
    if as_json:
        import msgspec

        put(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
        return 0
    from trellis.cli.planned import page

    put(page(found))
    return 0


def _check_node(graph: Graph, name: str) -> None:
    nodes = graph.definition.nodes
    if not name:
        raise UsageError("--fail-at takes NODE or NODE=CODE, found no node")
    if name not in nodes:
        from trellis.model.problems import suggestion

        raise UsageError(f"--fail-at: no node named '{name}' in graph '{graph.name}'{suggestion(name, nodes)}")
