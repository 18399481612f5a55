"""What a run keeps for later: undo, calls that were left, a rollback, signals that wait, and visits that are remembered."""

from __future__ import annotations

from collections.abc import Iterator

from trellis.engine.state import State
from trellis.engine.versions.names import Versions
from trellis.model.actions import CallTool
from trellis.model.sizes import format_size
from trellis.model.types import fitter, parse_type


def check_pending(versions: Versions, state: State) -> None:
    """Tell of everything kept that the new version could not go on with."""
    _check_undo(versions, state)
    _check_tools(versions, state)
    _check_way_back(versions, state)
    _check_marks(versions, state)
    _check_signals(versions, state)
    _check_journal(versions, state)


def _check_undo(versions: Versions, state: State) -> None:
    kept = {entry.node: entry.path for entry in state.undo or ()}
    if state.rollback is not None and state.rollback.current is not None:
        kept[state.rollback.current.node] = state.rollback.current.path
    for name in kept:
        _has_undo(versions, name, f"what node '{name}' did may still be taken back")
    for pending in state.open.values():
        name = pending.token.node
        if not pending.cancelling:
            continue
        if versions.old.nodes[name].undo is not None:  # it is awaited for the sake of its undo
            _has_undo(versions, name, f"what node '{name}' does may still have to be taken back")
        elif versions.node(name) not in versions.new.nodes:
            versions.lacks(name, f"the run that node '{name}' uses has not ended yet")


def _has_undo(versions: Versions, name: str, why: str) -> None:
    node = versions.new.nodes.get(versions.node(name))
    if node is None:
        versions.lacks(name, why)
    elif node.undo is None:
        versions.findings.blocked(f"{why}, and the new version has no `undo` there; keep it until no run needs it")


def _check_tools(versions: Versions, state: State) -> None:
    """What the old version declared and is still to be called is declared in the new one."""
    for tool, node in dict(_tools(state)).items():
        if tool in versions.old.tools and tool not in versions.new.tools:
            versions.findings.blocked(
                f"tool '{tool}' may still be called for node '{node}', and the new version does not declare it; keep it "
                "until no run needs it"
            )


def _tools(state: State) -> Iterator[tuple[str, str]]:
    for entry in state.undo or ():
        yield entry.tool, entry.path
    if state.rollback is not None and state.rollback.current is not None:
        yield state.rollback.current.tool, state.rollback.current.path
    for pending in state.open.values():
        if isinstance(pending.request, CallTool):
            yield pending.request.tool, pending.request.node
    for token in state.tokens.values():
        if isinstance(token.call, CallTool):
            yield token.call.tool, token.path


def _check_way_back(versions: Versions, state: State) -> None:
    """An edge that undoes goes on where it led, and sets what it would have set."""
    if state.rollback is None or state.rollback.back is None:
        return
    token, target, setting = state.rollback.back
    findings = versions.findings
    goes = f"the run goes from node '{token.path}' to '{target}' once it has undone"
    node = versions.new.nodes.get(versions.node(target))
    if node is None:
        versions.lacks(target, goes)
    elif node.region:
        findings.blocked(f"{goes}, and '{node.id}', which takes its place, is in a body; map it to a node of the graph")
    for name, value in setting.fields.items():
        now = versions.new_program.fields.get(versions.field(name))
        if now is None:
            there = {versions.field(other) for other in versions.old.fields}
            added = [other for other in versions.new.fields if other not in there]
            findings.lacks("field", name, f"{goes} and writes '{name}' then", added)
            continue
        try:
            if now.fit(value) != value:
                raise ValueError(f"it would be stored as {now.fit(value)!r}")
        except ValueError as error:
            findings.blocked(f"{goes}, and what it then writes to '{now.name}' does not fit the new version: {error}")
    for name in (*setting.adds, *setting.removes):
        if name not in versions.new.states:
            findings.blocked(f"{goes} and sets state '{name}' then, which the new version does not have; keep it")


def _check_marks(versions: Versions, state: State) -> None:
    """Where an edge undoes back to a node, its visits must have been remembered while there was something to undo."""
    if state.undo is None:
        return
    marked = {versions.node(name) for name in versions.old_program.marked}
    visited = {versions.node(name) for name in versions.old.nodes}
    for name in sorted(versions.new_program.marked - marked):
        if name in visited:
            versions.findings.blocked(
                f"an edge of the new version undoes what was done since node '{name}' was visited, which the run did not "
                "remember; let it roll back or commit first"
            )


def _check_journal(versions: Versions, state: State) -> None:
    """The next event does not end the run because of this version. An adoption itself has no size."""
    limit = versions.new.limits.journal
    if state.size > limit:
        versions.findings.blocked(
            f"the journal has {state.size} bytes, and `limits.journal` of the new version is {format_size(limit)}; raise it"
        )


def _check_signals(versions: Versions, state: State) -> None:
    for arrived in state.buffer:
        declared = versions.new.signals.get(arrived.name)
        waits = f"signal '{arrived.name}' has arrived and waits for a taker"
        if declared is None:
            versions.findings.blocked(f"{waits}, and the new version does not declare it; keep it until it is taken")
            continue
        unknown = sorted(set(arrived.data) - set(declared.data))
        if unknown:
            versions.findings.blocked(f"{waits}, and carries '{unknown[0]}', which the new version does not know")
        for name, written in declared.data.items():
            try:
                fitter(parse_type(written))(arrived.data.get(name))
            except ValueError as error:
                versions.findings.blocked(f"{waits}, and its '{name}' does not fit the new version: {error}")
