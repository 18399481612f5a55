"""`trellis schedule next`: the coming firings of a graph's schedules, from its file alone; no store is read."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from trellis.cli import tell
from trellis.cli.options import json_option
from trellis.cli.output import put
from trellis.cli.schedule import COMMANDS
from trellis.errors import UsageError

if TYPE_CHECKING:
    from trellis.model.graph import Graph, Schedule


@click.command("next", short_help=COMMANDS["next"])
@click.argument("file", metavar="FILE", type=click.Path(readable=False))
@click.argument("name", metavar="[NAME]", required=False)
@click.option(
    "-n", "count", type=click.IntRange(1, 1000), default=5, show_default=True, metavar="N", help="So many of each."
)
@click.option("--after", metavar="TIME", help="From this moment on, as 2026-03-28T00:00:00Z.  [default: now]")
@json_option
def command(file: str, name: str | None, count: int, after: str | None, as_json: bool) -> int:
    """Show when the schedules of FILE fire next, or only that called NAME: in its zone, and in UTC.

    Where a schedule has `jitter`, the moment is shown at which the firing is due with it.
    """
    from trellis.project import load

    graph = load(file, tools=None)
    schedules = graph.definition.schedules
    if name is not None:
        schedules = {name: _named(graph, name)}
    begin = _moment(after)
    found = [
        fact for name, schedule in schedules.items() for fact in islice(_coming(graph, name, schedule, begin), count)
    ]
    if as_json:
        import msgspec

        put(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
    elif found:
        from trellis.cli.tables import columns

        keys = ("schedule", "local", "zone", "due")
        put(columns([("schedule", "fires", "zone", "due, UTC"), *(tuple(fact[key] for key in keys) for fact in found)]))
    else:
        tell("nothing fires: the graph has no schedules" if not schedules else "nothing fires any more")
    return 0


def _named(graph: Graph, name: str) -> Schedule:
    from trellis.model.problems import suggestion

    schedules = graph.definition.schedules
    if name not in schedules:
        raise UsageError(f"no schedule named '{name}' in graph '{graph.name}'{suggestion(name, schedules)}")
    return schedules[name]


def _coming(graph: Graph, name: str, schedule: Schedule, after: float) -> Any:
    from datetime import datetime

    from trellis.hosts.lines import timestamp
    from trellis.schedules import firings
    from trellis.schedules.facts import delay, firing_id
    from trellis.schedules.zones import zone_of

    for at in firings(schedule, after):
        run = firing_id(graph.name, name, at)
        local = datetime.fromtimestamp(at, zone_of(schedule.zone))
        yield {
            "schedule": name,
            "run": run,
            "at": timestamp(at),
            "due": timestamp(at + delay(schedule, run)),
            "local": f"{local:%a} {local.isoformat(' ', 'seconds')}",
            "zone": schedule.zone,
        }


def _moment(text: str | None) -> float:
    if text is None:
        from trellis.hosts.clock import SystemClock

        return SystemClock().now()
    from datetime import UTC, datetime

    try:
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo is not None else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise UsageError(f"--after takes a moment such as 2026-03-28T00:00:00Z, found '{text}'") from None
