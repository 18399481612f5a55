"""`trellis runs ls`: the runs of a store, from its index; no journal is read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from trellis.cli.finding import Query, found, query_of, query_options
from trellis.cli.options import json_option, store_option
from trellis.cli.output import harmless, put
from trellis.cli.runs import COMMANDS

if TYPE_CHECKING:
    from trellis.model.graph import Graph
    from trellis.stores.base import RunRow, Store


@click.command("ls", short_help=COMMANDS["ls"])
@query_options
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="At most so many.")
@json_option
@store_option
def command(
    status: str | None,
    graph: str | None,
    where: str | None,
    older: str | None,
    limit: int | None,
    as_json: bool,
    store: str | None,
) -> int:
    """List runs, the newest first: what each waits for, and how long ago it was started."""
    from trellis.cli.kept import anything_kept, with_store

    query = query_of(status, graph, where, older)
    rows: list[tuple[RunRow, Graph | None]] = []
    if anything_kept(store):
        rows = with_store(store, lambda kept: _rows(kept, query, limit))
    if as_json:
        import msgspec

        put(msgspec.json.format(msgspec.json.encode([facts(row) for row, _ in rows]), indent=2).decode())
        return 0
    put(_table(rows) if rows else _nothing(query, store))
    return 0


async def _rows(store: Store, query: Query, limit: int | None) -> list[tuple[RunRow, Graph | None]]:
    from trellis.errors import StoreError
    from trellis.hosts.journal import Definitions

    graphs = Definitions(store)

    async def of(row: RunRow) -> Graph | None:
        try:
            return await graphs.get(row.graph, row) if row.status == "running" else None
        except StoreError:
            return None  # a list is not the place to fail for one run; `show` says what is wrong

    return [(row, await of(row)) for row in await found(store, query, limit=limit)]


def facts(row: RunRow) -> dict[str, Any]:
    """A run as programs see it."""
    from trellis.cli.redacting import redactor
    from trellis.hosts.lines import timestamp

    return {
        "id": row.run,
        "graph": row.name,
        "hash": row.graph,
        "source": row.source,
        "status": row.status,
        "events": row.revision,
        "position": list(row.position) if row.status == "running" else [],
        "fields": redactor().value(row.fields),
        "wake": timestamp(row.wake) if row.wake is not None else None,
        "created": timestamp(row.created),
        "updated": timestamp(row.updated),
        **({"request": row.request} if row.request else {}),
    }


def _table(rows: list[tuple[RunRow, Graph | None]]) -> str:
    from trellis.cli.standing import brief, span
    from trellis.cli.tables import columns
    from trellis.hosts.clock import SystemClock

    now = SystemClock().now()
    told = [
        (row.run, row.name, row.status.replace("_", " "), brief(row, graph, now) or "-", span(now - row.created))
        for row, graph in rows
    ]
    return harmless(columns([("id", "graph", "status", "position", "age"), *told]))


def _nothing(query: Query, store: str | None) -> str:
    from trellis.cli.places import root_here, shown

    if query.given:
        return "no such run"
    return f"no runs yet in {shown(store, root_here())}; `trellis run FILE` starts one"
