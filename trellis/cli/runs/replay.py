"""`trellis runs replay`: a run as some of its events left it, folded anew; nothing is performed."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from trellis.cli.options import json_option, store_option
from trellis.cli.output import put
from trellis.cli.runs import COMMANDS

LONGEST = 2000
"""Characters of one line, as a run said it."""

if TYPE_CHECKING:
    from trellis.hosts.operations import Replayed


@click.command("replay", short_help=COMMANDS["replay"])
@click.argument("run_id", metavar="ID")
@click.option("--until", type=click.IntRange(min=1), metavar="N", help="Only its first N events.  [default: all]")
@json_option
@store_option
def command(run_id: str, until: int | None, as_json: bool, store: str | None) -> int:
    """Show what the run ID said and did until its event N, and where it stood then."""
    from trellis.cli.kept import with_store
    from trellis.cli.redacting import redactor
    from trellis.hosts.operations import replayed

    found = with_store(store, lambda kept: replayed(kept, run_id, until=until, redactor=redactor()))
    if as_json:
        import msgspec

        put(msgspec.json.format(msgspec.json.encode(facts(found)), indent=2).decode())
    else:
        _tell(found)
    return 0


def facts(found: Replayed) -> dict[str, Any]:
    """The run as it was, for programs."""
    from trellis.cli.redacting import shown_error, shown_value
    from trellis.cli.standing import waits
    from trellis.engine.program import program_of
    from trellis.engine.state import shown_states
    from trellis.hosts.lines import error_facts, public_fields, timestamp

    state, program = found.state, program_of(found.graph)
    return {
        "id": state.run,
        "graph": found.graph.name,
        "hash": found.graph.hash,
        "status": state.status,
        "until": state.seq,
        "events": found.events,
        "at": timestamp(state.at),
        "position": list(state.tokens),
        "fields": shown_value({**public_fields(program, state)}),
        "states": shown_states(program, state),
        "waits": waits(found.graph, state, {}),
        "result": shown_value(state.result),
        "error": shown_error(error_facts(state)),
        "lines": found.lines,
    }


def _tell(found: Replayed) -> None:
    from trellis.cli.delivery import now_at
    from trellis.cli.redacting import redactor
    from trellis.cli.screen import words_for
    from trellis.cli.standing import assigned
    from trellis.cli.words import one_line
    from trellis.engine.program import program_of
    from trellis.hosts.lines import public_fields

    words = words_for(sys.stdout)
    for line in found.lines:
        text = words.asked(line) if line["type"] == "ask" else words.say(line)
        if line["type"] == "fields.changed":
            text = f"= {one_line(assigned(line['fields']))}"
        if text is not None:
            put(text if len(text) <= LONGEST else f"{text[:LONGEST]}… ({len(text)} characters; --json has them all)")
    state = found.state
    put(f"\nafter event {state.seq} of {found.events}: {now_at(found.graph, state, at=state.at)}")
    fields: Any = redactor().value(public_fields(program_of(found.graph), state))
    if fields:
        put(f"fields: {one_line(assigned(fields))}")
