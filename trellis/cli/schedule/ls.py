"""`trellis schedule ls`: what became of firings, from the index of the store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from trellis.cli.options import json_option, store_option
from trellis.cli.output import harmless, put
from trellis.cli.schedule import COMMANDS

if TYPE_CHECKING:
    from trellis.stores.base import RunRow, Store


@click.command("ls", short_help=COMMANDS["ls"])
@click.option("--graph", metavar="NAME", help="Only schedules of this graph.")
@click.option(
    "--limit", type=click.IntRange(min=1), default=20, show_default=True, metavar="N", help="At most so many."
)
@json_option
@store_option
def command(graph: str | None, limit: int, as_json: bool, store: str | None) -> int:
    """List firings, the last first: the run of each and its status, or why it was skipped."""
    from trellis.cli.kept import anything_kept, with_store
    from trellis.cli.places import on_temporal

    found: list[dict[str, Any]] = []
    if on_temporal(store):
        found = with_store(store, lambda kept: _begun(kept, graph, limit))
    elif anything_kept(store):
        found = with_store(store, lambda kept: _firings(kept, graph, limit))
    if as_json:
        import msgspec

        put(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
        return 0
    from trellis.cli.places import root_here, shown
    from trellis.cli.tables import columns

    if not found:
        put(f"no firings yet in {shown(store, root_here())}; `trellis worker GRAPH` fires the schedules of a graph")
        return 0
    told = [(fact["run"], fact["outcome"].replace("_", " "), fact.get("reason", "")) for fact in found]
    put(harmless(columns([("run", "outcome", "why"), *told])))
    return 0


async def _firings(store: Store, graph: str | None, limit: int) -> list[dict[str, Any]]:
    from trellis.hosts.records import SCHEDULED, SKIPPED, is_of
    from trellis.schedules.facts import folder, moment

    of = {"graph": graph} if graph is not None else {}
    pairs = {
        (str(row.fields["graph"]), str(row.fields["schedule"])) for row in await store.rows(name=SCHEDULED, match=of)
    }
    skipped = await store.rows(name=SKIPPED, match=of)
    found: list[tuple[float, dict[str, Any]]] = []
    for named in sorted({pair[0] for pair in pairs}):
        rows = [*await store.rows(name=named), *skipped]
        for schedule in sorted(pair[1] for pair in pairs if pair[0] == named):
            prefix = folder(named, schedule)
            found += [
                (moment(row.run) or 0.0, _facts(row, named, schedule, row.name == SKIPPED))
                for row in rows
                if is_of(row, prefix)
            ]
    return [facts for _, facts in sorted(found, key=lambda pair: (-pair[0], pair[1]["run"]))[:limit]]


async def _begun(store: Store, graph: str | None, limit: int) -> list[dict[str, Any]]:
    """The runs that a Temporal server has started; what it skipped, its own tools tell."""
    from trellis.hosts.lines import timestamp
    from trellis.hosts.temporal.schedules import fired_at

    found = []
    for row in await store.rows(name=graph):
        mark, _, of = row.request.partition(":")
        if mark == "schedule":
            at = timestamp(fired_at(row.run) or row.created)
            facts = {"run": row.run, "graph": row.name, "schedule": of.removeprefix(f"{row.name}/"), "at": at}
            found.append({**facts, "outcome": row.status})
    return found[:limit]


def _facts(row: RunRow, graph: str, schedule: str, skipped: bool) -> dict[str, Any]:
    from trellis.cli.redacting import redactor
    from trellis.hosts.lines import timestamp
    from trellis.schedules.facts import moment

    facts = {"run": row.run, "graph": graph, "schedule": schedule, "at": timestamp(moment(row.run) or 0.0)}
    if skipped:
        return {**facts, "outcome": "skipped", "reason": redactor().text(str(row.fields["reason"]))}
    return {**facts, "outcome": row.status}
