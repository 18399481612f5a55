"""`trellis runs import`: keep the run that an export holds; what does not follow from its definitions is refused."""

from __future__ import annotations

import click

from trellis.cli.options import store_option
from trellis.cli.output import put
from trellis.cli.runs import COMMANDS


@click.command("import", short_help=COMMANDS["import"])
@click.argument("file", type=click.Path(readable=False, allow_dash=True))
@click.option("--id", "new", metavar="NEW", help="Another id for it.  [default: the one it had]")
@store_option
def command(file: str, new: str | None, store: str | None) -> int:
    """Keep the run that FILE holds, - for stdin, and print its id."""
    import asyncio
    import sys
    from pathlib import Path

    from trellis.cli import tell
    from trellis.cli.looking import stands
    from trellis.cli.places import open_kept, root_here
    from trellis.errors import UsageError
    from trellis.hosts.operations import children, import_run
    from trellis.hosts.vault import Vault

    try:
        data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read {file}: {(error.strerror or str(error)).lower()}") from error

    async def work() -> tuple[str, list[str]]:
        vault = Vault.from_environment()
        kept = open_kept(store, root_here())
        try:
            run = (await import_run(kept, data.splitlines(), id=new, vault=vault)).run
            _, _, state = await stands(kept, run)
            uses = [request.child for request in children(state)]
            return run, [child for child in uses if await kept.row(child) is None]
        finally:
            await kept.close()

    try:
        run, lacking = asyncio.run(work())
    except UsageError as error:
        if type(error) is not UsageError:
            raise
        raise UsageError(f"{file}: {error}") from error
    put(run)
    for child in lacking:
        tell(f"it uses run '{child}', which is not in this store: whoever goes on with it begins that run anew")
    return 0
