"""A run on one page for whoever looks after it, ending with the exact commands that make sense now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from trellis.cli.delivery import kinds_needed
from trellis.cli.looking import Look
from trellis.cli.output import harmless
from trellis.cli.places import command_line, on_temporal
from trellis.cli.redacting import redactor, shown_value
from trellis.cli.standing import assigned, seconds, signals_taken, span, told, waits, wants_driving
from trellis.cli.tables import columns
from trellis.cli.words import compact, one_line
from trellis.engine.program import program_of
from trellis.engine.signals import INTERRUPT
from trellis.engine.state import shown_states
from trellis.hosts.clock import SystemClock
from trellis.hosts.lines import public_fields, timestamp
from trellis.hosts.rows import calls
from trellis.model.values import Value

WIDE = 90
"""Characters of what happened in one event."""


def page(found: Look, store: str | None) -> str:
    """The page, without an end of line."""
    now = SystemClock().now()
    parts = [columns(_head(found, now, driven=on_temporal(store)))]
    waiting = [(wait["node"], told(wait, now)) for wait in waits(found.graph, found.state, found.since)]
    parts += _part("waits for", waiting)
    program = program_of(found.graph)
    states = shown_states(program, found.state)
    parts += _part("states", [(name, "") for name in states])
    parts += _part("fields", [(name, compact(value)) for name, value in shown_fields(found).items()])
    parts += _part("last events", [_happened(event) for event in found.events])
    parts += _part("next", [(line, f"# {why}") for line, why in next_commands(found, store)])
    return harmless("\n\n".join(parts))


def shown_fields(found: Look) -> dict[str, Value]:
    """The fields that are set, without secrets and what is hidden."""
    fields: Any = redactor().value(public_fields(program_of(found.graph), found.state))
    return dict(fields)


def _part(title: str, rows: Sequence[tuple[str, ...]]) -> list[str]:
    return [f"{title}\n{columns(rows, indent=2)}"] if rows else []


def _head(found: Look, now: float, *, driven: bool) -> list[tuple[str, str]]:
    row, state = found.row, found.state
    status = state.status.replace("_", " ")
    if state.error is not None:
        status += f" at {state.error.node}" if state.error.node else ""
        message = one_line(str(shown_value(state.error.message)))
        status = ": ".join(
            filter(None, (status, state.error.code if state.error.code != state.status else "", message))
        )
    elif state.result is not None:
        status += f": {compact(shown_value(state.result))}"
    # Of a run on Temporal whose events nobody tells, its server knows the end, and not the number of it.
    by = f", by event {state.seq}" if found.events or not driven else ""
    lines = [
        ("run", row.run),
        ("graph", f"{row.name}  {state.graph[:12]}" + (f"  {row.source}" if row.source else "")),
        ("status", status),
        ("started", f"{_moment(row.created)}, {span(now - row.created)} ago"),
        ("changed", f"{_moment(state.at)}, {span(now - state.at)} ago{by}"),
    ]
    if state.parent:
        lines.append(("used by", state.parent))
    elif row.request:
        lines.append(("request", row.request))
    if state.rollback is not None:
        left = len(list(state.undo or ()))
        lines.append(("rollback", f"under way, {left} more to undo"))
    if state.undo_failures:
        lines.append(("not undone", ", ".join(failure.node for failure in state.undo_failures)))
    if wants_driving(row, now) and not driven:
        busy = "a call is under way" if calls(state) else "it waits for a run that it uses"
        overdue = f"a timer was due {span(now - row.wake)} ago" if row.wake else busy
        lines.append(("driving", f"{overdue}: some host drives it, or a worker is needed"))
    return lines


def _moment(at: float) -> str:
    return timestamp(at).replace("T", " ").partition(".")[0] + "Z"


def _happened(event: dict[str, Any]) -> tuple[str, str, str, str]:
    """One event as columns: number, time, kind, and the rest of it."""
    rest = {key: value for key, value in event.items() if key not in ("seq", "at", "type")}
    node = rest.pop("node", rest.pop("name", ""))
    rest.pop("request", None)
    rest.pop("timer", None)
    node = " ".join(filter(None, (str(node), rest.pop("purpose", ""))))
    by = f"by {rest.pop('by')}" if rest.get("by") else ""
    rest.pop("id", None)
    if "graph" in rest:
        rest["graph"] = str(rest["graph"])[:12]
    rest.pop("run", None)
    what = [node, assigned({key: value for key, value in rest.items() if value not in ({}, None)}), by]
    text = one_line("  ".join(filter(None, what)))
    shown = text if len(text) <= WIDE else text[: WIDE - 1] + "…"
    return str(event["seq"]), _moment(seconds(event["at"])).partition(" ")[2], event["type"], shown


def next_commands(found: Look, store: str | None) -> list[tuple[str, str]]:
    """What makes sense now: each command as it is typed, and what for."""
    row, graph, state = found.row, found.graph, found.state
    run = row.run
    if state.closed:
        return _after_the_end(found, store)
    lines: list[tuple[str, str]] = []
    for wait in waits(graph, state, {}):
        node = wait["node"]
        if wait["for"] == "answer":
            value = "-" if wait["kind"] == "secret" else "VALUE"
            names = ", ".join(part["field"] for part in wait.get("form", [wait]))
            why = "the secret on stdin" if wait["kind"] == "secret" else f"answer it: {names}"
            who = ["--as", "WHO"] if wait.keys() & {"by", "quorum"} else []
            lines.append((command_line(["answer", run, node, value, *who], store), why))
        elif wait["for"] == "child":
            lines.append((command_line(["runs", "show", wait["child"]], store), f"the run that {node} uses"))
        elif wait["for"] == "uncertain":
            base = ["runs", "resolve", run, node]
            lines.append((command_line([*base, "--value", "JSON"], store), "it was done, and gave this"))
            lines.append((command_line([*base, "--failed", "CODE"], store), "it was not done"))
            lines.append((command_line([*base, "--again"], store), "make the call once more"))
    for name in signals_taken(graph, state):
        if name != INTERRUPT:
            words = [f"{key}=VALUE" for key in graph.definition.signals[name].data]
            lines.append((command_line(["signal", run, name, *words], store), "it would be taken now"))
    if row.wake is not None and not on_temporal(store):
        why = "go on with it here, if nobody drives it"
        lines.append((command_line(["resume", run], store, kinds_needed(graph)), why))
    lines.append((command_line(["runs", "cancel", run], store), "end it; nothing is undone"))
    return lines


def _after_the_end(found: Look, store: str | None) -> list[tuple[str, str]]:
    run, error = found.row.run, found.state.error
    lines = []
    if error is not None and error.node and not on_temporal(store):  # there no journal is written but by its server
        again = command_line(["runs", "retry", run, "--from", error.node], store)
        lines.append((again, "a new run that tries this node again"))
    lines.append((command_line(["runs", "replay", run], store), "how it came to that"))
    return lines
