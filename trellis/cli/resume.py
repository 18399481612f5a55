"""`trellis resume`: go on with a run where its journal ends; no file is needed."""

from __future__ import annotations

import click

from trellis.cli import COMMANDS
from trellis.cli.options import Options, session_options
from trellis.cli.places import root_here


@click.command("resume", short_help=COMMANDS["resume"])
@click.argument("run_id", metavar="ID")
@session_options
def command(
    run_id: str,
    store: str | None,
    answers: str | None,
    output: str,
    allow: tuple[str, ...],
    ask_tools: bool,
    by: str,
    headless: bool,
) -> int:
    """Go on with the run ID; one that has ended says again how. Ends as `trellis run` does."""
    from trellis.cli.session import hold

    options = Options(store, answers, output, allow, root_here(), run_id, by, headless, ask_tools)
    return hold(lambda host, secrets: host.resume(run_id, secrets=secrets), options)
