"""`trellis schema`: the JSON Schemas of what is written, and of what programs read."""

from __future__ import annotations

from pathlib import Path

import click

from trellis.cli import COMMANDS, tell
from trellis.cli.output import put

WRITTEN = ("graph", "head", "state-schema", "tools", "node")
READ = {
    "events": ("trellis.cli", "schemas/events.schema.json"),
    "plan": ("trellis.cli", "schemas/plan.schema.json"),
    "runs": ("trellis.cli", "schemas/runs.schema.json"),
    "journal": ("trellis.model", "schemas/journal.schema.json"),
}
"""Name -> the package and the file in it."""


@click.command("schema", short_help=COMMANDS["schema"])
@click.argument("name", type=click.Choice([*WRITTEN, *READ]), default="graph", metavar="[NAME]")
@click.option(
    "--project",
    is_flag=False,
    flag_value=".",
    metavar="[DIR]",
    help="Add the names of the project that DIR is in: tools and their arguments, nodes, fields, signals, states.",
)
@click.option("--output", "-o", type=click.Path(dir_okay=False), metavar="FILE", help="Write it to FILE.")
def command(name: str, project: str | None, output: str | None) -> int:
    """Print the JSON Schema of what is written (graph, head, state-schema, tools, node) or read (events, plan, runs, journal).

    With --project no code of the project is run: what a Python action takes is read from its source. Tools that a
    program registers are known only when it runs, so they are not in it.
    """
    from trellis.editor.kept import schema_text, write_text

    if name in READ:
        if project is not None:
            from trellis.errors import UsageError

            raise UsageError(f"--project adds names to what is written: {', '.join(WRITTEN)}; '{name}' is what is read")
        from pkgutil import get_data

        data = get_data(*READ[name])
        assert data is not None
        text = data.decode()
    else:
        root = None
        if project is not None:
            from trellis.errors import UsageError
            from trellis.project import find_root

            if not Path(project).is_dir():
                raise UsageError(f"{project} is no folder")
            root = find_root(Path(project) / "graph.yaml")
        text = schema_text(name, root)
    if output is None:
        put(text.removesuffix("\n"))
    elif write_text(Path(output), text):
        tell(f"wrote {output}")
    else:
        tell(f"{output} is as it should be")
    return 0
