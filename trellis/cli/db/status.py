"""`trellis db status`: in which format a store is, how big, and what it promises. Nothing is written to it."""

from __future__ import annotations

from typing import Any

import click

from trellis.cli.db import COMMANDS
from trellis.cli.options import json_option, store_option
from trellis.cli.output import put

BEHIND = 1


@click.command("status", short_help=COMMANDS["status"])
@json_option
@store_option
def command(as_json: bool, store: str | None) -> int:
    """Show the format of a store and the one this version knows, its size, its runs, how durable it is.

    Ends with 1 where it has to be migrated, or was written by a newer version.
    """
    import asyncio

    from trellis.cli.formats import status

    found = asyncio.run(status(store))
    if as_json:
        import msgspec

        put(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
    else:
        from trellis.cli.tables import columns

        put(columns(_told(found)))
    return BEHIND if found["format"] not in (None, found["known"]) else 0


def _told(found: dict[str, Any]) -> list[tuple[str, str]]:
    now, known = found["format"], found["known"]
    if now is None:
        told = f"nothing yet; this version would write {known}"
    elif now == known:
        told = f"{now}, as this version writes it"
    elif now < known:
        told = f"{now}, this version needs {known}: stop its hosts, then `trellis db migrate`"
    else:
        told = f"{now}, this version knows {known}: a newer trellis wrote it; upgrade trellis"
    rows = [("store", found["store"]), ("format", told)]
    if "bytes" in found:
        rows.append(("size", _size(found["bytes"])))
    if "runs" in found:
        more = "more than " if found["more"] else ""
        parts = ", ".join(f"{count} {status.replace('_', ' ')}" for status, count in found["runs"].items())
        rows.append(("runs", f"{more}{sum(found['runs'].values())}" + (f": {parts}" if parts else "")))
    if "durability" in found:
        rows.append(("durability", found["durability"]))
    return rows


def _size(size: int) -> str:
    for unit, factor in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{size} bytes"
