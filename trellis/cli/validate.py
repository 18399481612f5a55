"""`trellis validate`: every problem of every file, in the form that its reader takes."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from trellis.cli import COMMANDS, counted, tell
from trellis.cli.output import put

if TYPE_CHECKING:
    from trellis.model.problems import Problem

INVALID = 3


@click.command("validate", short_help=COMMANDS["validate"])
@click.argument("files", nargs=-1, required=True, metavar="FILE…", type=click.Path(readable=False))
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "sarif", "github"]),
    default="text",
    show_default=True,
    help="text: a line for each problem; json: one list; sarif: a log of SARIF 2.1.0; github: annotations of a workflow.",
)
@click.option(
    "--fix", is_flag=True, help="First mend in the files what is certain, such as a letter too much in a name."
)
def command(files: tuple[str, ...], form: str, fix: bool) -> int:
    """Check graphs and state schemas without running anything. Ends with 3 where one has an error; warnings alone are no error.

    A folder stands for the graph that its files are the nodes of, or else for every graph and state schema in it and below.
    """
    import os

    from trellis.project import validate

    if any(map(os.path.isdir, files)):
        from trellis.project.below import documents_below

        files = tuple(document for path in files for document in documents_below(path))
    if fix:
        from trellis.cli.fixing import fix_files

        fix_files(files)
    problems = validate(files)
    if form in ("json", "sarif"):
        import msgspec

        from trellis.cli.sarif import log

        shown = problems if form == "json" else log(problems, sys.modules["trellis"].__version__)
        put(msgspec.json.format(msgspec.json.encode(shown), indent=2).decode())
    else:
        for problem in problems:
            put(str(problem) if form == "text" else annotation(problem))
    errors = sum(problem.severity == "error" for problem in problems)
    warnings = len(problems) - errors
    found = [counted(errors, "error")] * (errors > 0) + [counted(warnings, "warning")] * (warnings > 0)
    tell(f"{', '.join(found) or 'no problems'} in {counted(len(files), 'file')}")
    return INVALID if errors else 0


def annotation(problem: Problem) -> str:
    """A problem as the runner of a GitHub workflow takes it: `::error file=…,line=…,col=…,title=…::message`."""
    path = _escaped(problem.path).replace(":", "%3A").replace(",", "%2C")
    place = f"file={path},line={problem.line},col={problem.column},title={problem.code}"
    hint = f" ({problem.hint})" if problem.hint else ""
    return f"::{problem.severity} {place}::{_escaped(problem.message + hint)}"


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
