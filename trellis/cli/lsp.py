"""`trellis lsp`: the language server, for an editor that starts it and talks to it over stdin and stdout."""

from __future__ import annotations

import click

from trellis.cli import COMMANDS
from trellis.errors import UsageError


@click.command("lsp", short_help=COMMANDS["lsp"])
@click.option("--stdio", is_flag=True, help="Talk over stdin and stdout, as it does anyway.")
def command(stdio: bool) -> int:  # noqa: ARG001 - editors add it by habit
    """Serve an editor: problems while one types, completion, hover, definitions, references, renaming, formatting.

    An editor starts it; docs/editor.md has the settings of some.
    """
    try:
        from trellis.editor.server import made
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in ("pygls", "lsprotocol", "cattrs", "attrs", "attr"):
            raise
        raise UsageError("the language server needs pygls: pip install 'trellis-engine[lsp]'") from error
    import logging
    import os
    import sys

    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    frames = os.fdopen(os.dup(1), "wb")  # the server closes it; and whatever else writes to stdout spoils no frame
    os.dup2(2, 1)
    made(sys.modules["trellis"].__version__).start_io(sys.stdin.buffer, frames)
    return 0
