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
    from trellis.cli import tell
    from trellis.cli.kept import with_store
    from trellis.cli.looking import stands
    from trellis.hosts import operations
    from trellis.stores.base import Store

    async def work(kept: Store) -> tuple[list[bytes], list[str]]:
        lines = await operations.export(kept, run_id)
        _, _, state = await stands(kept, run_id)
        return lines, [request.child for request in operations.children(state)]

    lines, uses = with_store(store, work)
    for child in uses:
        tell(f"it uses run '{child}', which is not in this export: export that one too, and import it before this one")
    data = b"".join(line + b"\n" for line in lines)
    if path is None:
        put_data(data)
        return 0
    from trellis.project.writing import replace_file

    replace_file(path or ".", data)
    return 0
