"""`trellis runs show`: where one run stands, what it waits for, what happened last, and what can be done about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from trellis.cli.options import json_option, store_option
from trellis.cli.output import put
from trellis.cli.runs import COMMANDS

if TYPE_CHECKING:
    from trellis.cli.looking import Look

LAST = 10


@click.command("show", short_help=COMMANDS["show"])
@click.argument("run_id", metavar="ID")
@click.option(
    "--events", "last", type=click.IntRange(min=0), default=LAST, show_default=True, metavar="N",
    help="How many of the last events to show.",
)  # fmt: skip
@json_option
@store_option
def command(run_id: str, last: int, as_json: bool, store: str | None) -> int:
    """Show the run ID: its status, what each of its nodes waits for, its fields, its last events, and what to do next."""
    from trellis.cli.kept import with_store
    from trellis.cli.looking import look

    found = with_store(store, lambda kept: look(kept, run_id, last=last))
    if as_json:
        import msgspec

        put(msgspec.json.format(msgspec.json.encode(facts(found, store)), indent=2).decode())
    else:
        from trellis.cli.report import page

        put(page(found, store))
    return 0


def facts(found: Look, store: str | None) -> dict[str, Any]:
    """The run as programs see it: what `ls` has of it, and all the rest."""
    from trellis.cli.redacting import shown_error, shown_value
    from trellis.cli.report import next_commands, shown_fields
    from trellis.cli.runs.ls import facts as listed
    from trellis.cli.standing import signals_taken, waits
    from trellis.engine.program import program_of
    from trellis.engine.state import shown_states
    from trellis.hosts.lines import error_facts, timestamp

    row, graph, state = found.row, found.graph, found.state
    program = program_of(graph)
    return {
        **listed(row),
        "status": state.status,
        "events": state.seq,
        "position": list(state.tokens),
        "updated": timestamp(state.at),
        "fields": shown_fields(found),
        "states": shown_states(program, state),
        "waits": waits(graph, state, found.since),
        "signals": signals_taken(graph, state),
        "result": shown_value(state.result),
        "error": shown_error(error_facts(state)),
        "last": found.events,
        "next": [line for line, _ in next_commands(found, store)],
    }
