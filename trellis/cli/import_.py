"""`trellis import`: a project of another system becomes a graph file, and what could not be kept is said."""

from __future__ import annotations

import click

from trellis.cli import COMMANDS, counted, tell

INVALID = 3


@click.command("import", short_help=COMMANDS["import"])
@click.argument("system", type=click.Choice(["aretw0"]))
@click.argument("folder", metavar="DIR", type=click.Path(readable=False))
@click.option("-o", "--output", "file", metavar="FILE", required=True, help="The graph that is written.")
def command(system: str, folder: str, file: str) -> int:  # noqa: ARG001
    """Make one graph of a project in DIR: of aretw0/trellis, from its Markdown, YAML, JSON and CSV nodes.

    What could not be kept as it was is told on stderr, and stands above the graph. Ends with 3 where the project has
    faults: then nothing is written.
    """
    from trellis.project import validate
    from trellis.project.importing import import_aretw0
    from trellis.project.loading import UNPROVED
    from trellis.project.writing import replace_file

    made = import_aretw0(folder, file)
    for note in made.notes:
        tell(f"{'error: ' if note.fault else ''}{note}")
    faults = sum(note.fault for note in made.notes)
    if faults:
        tell(f"error: {counted(faults, 'fault')}, nothing was written")
        return INVALID
    replace_file(file, made.text.encode())
    errors = [problem for problem in validate([file]) if problem.severity == "error" and problem.code != UNPROVED]
    for problem in errors:
        tell(str(problem))
    tell(f"{file} is written; {counted(len(made.notes), 'thing')} could not be kept as it was")
    return INVALID if errors else 0
