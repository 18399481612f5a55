"""`trellis runs export`: a run as JSON lines, whole or not at all."""

from __future__ import annotations

import click

from trellis.cli.options import store_option
from trellis.cli.output import put_data
from trellis.cli.runs import COMMANDS


@click.command("export", short_help=COMMANDS["export"])
@click.argument("run_id", metavar="ID")
@click.option("-o", "--output", "path", metavar="FILE", help="Write there instead of stdout.")
@store_option
def command(run_id: str, path: str | None, store: str | None) -> int:
    """Write the run ID with its definitions as JSON lines, for `trellis runs import`. Secrets stay as they are kept."""
    from trellis.cli.kept import with_store
    from trellis.hosts import operations

    lines = with_store(store, lambda kept: operations.export(kept, run_id))
    data = b"".join(line + b"\n" for line in lines)
    if path is None:
        put_data(data)
        return 0
    from trellis.cli.writing import replace_file

    replace_file(path or ".", data)
    return 0
