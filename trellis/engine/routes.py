"""Where a token goes: along an edge, by `catch` after an error, or by `upon` after a signal."""

from __future__ import annotations

from trellis.engine import rollback
from trellis.engine.limits import over_limit
from trellis.engine.moves import change, finish, leave, move, shift
from trellis.engine.state import NOTHING, ErrorFacts, Setting, Status, Token
from trellis.engine.turn import Turn
from trellis.engine.writes import Fault
from trellis.model.durations import format_duration
from trellis.model.graph import END, FAIL, TARGETS
from trellis.model.values import Value

ENGINE_ERRORS = frozenset({"no_edge", "expression"})
"""Faults of the graph rather than of the world: `"*"` does not take them, their own name does.

A limit of steps, visits or the journal ends the run: who caught it would go on doing what was too much.
"""


def follow(
    turn: Turn,
    token: Token,
    target: str,
    *,
    setting: Setting = NOTHING,
    local: dict[str, Value] | None = None,
    error: ErrorFacts | None = None,
) -> None:
    """Go from `token` to a node of its region, or end the region, or end the run.

    Raises Fault `states_refused`, and then nothing has changed.
    """
    if target not in TARGETS:
        over = over_limit(turn, target, token.path)
        if over is not None:
            fail(turn, over)
            return
        move(turn, token, target, setting, local, caught=error is not None)
        return
    if target == END and token.parent:  # the join decides what becomes of what it sets
        turn.later("arrive", token.parent, turn.tokens[token.parent].entry, token.index, (token.value,), token, setting)
        return
    shift(turn, token, setting, leaving=token.node if target == END else "")
    if target == END and turn.program.node(token.node).node.region:  # what a state did when it came or went
        leave(turn, token)
    elif target == END:
        finish(turn, "completed")
    elif target == FAIL:
        fail(turn, error or ErrorFacts("failed", f"node '{token.path}' went to $fail", token.path, token.attempt))
    else:
        rollback.begin(turn, error)


def go(turn: Turn, token: Token, target: str, local: dict[str, Value] | None = None) -> None:
    """Go to `target`; where states refuse that, the node of `token` has failed."""
    try:
        follow(turn, token, target, local=local)
    except Fault as fault:
        raise_error(turn, token, fault.code, fault.message)


def root_token(turn: Turn) -> Token:
    """The token of the root. There is one as long as the run goes on and nothing is rolled back."""
    return next(
        token for token in turn.tokens.values() if not (token.parent or turn.program.node(token.node).node.region)
    )


def raise_error(turn: Turn, token: Token, code: str, message: str) -> None:
    """The node of `token` has failed."""
    route(turn, token, ErrorFacts(code, message, token.path, token.attempt))


def catches(turn: Turn, token: Token, code: str) -> bool:
    """Whether an error of this code, raised by the node of `token`, meets a `catch` or a join that collects errors."""
    while True:
        node = turn.program.node(token.node).node
        if _caught(node.catch, code) is not None or (node.join is not None and node.join.mode == "collect"):
            return True
        if not token.parent:
            return not token.caught and _caught(turn.program.definition.catch, code) is not None
        token = turn.tokens[token.parent]


def route(turn: Turn, token: Token, error: ErrorFacts) -> None:
    """An error takes the node's own `catch`, else the join it is in, else the graph's `catch`, else the run fails.

    A node that was itself reached by `catch` does not take the graph's again. What a state does takes the graph's
    in the place of the root. Where states refuse the way, the run fails.
    """
    target = _caught(turn.program.node(token.node).node.catch, error.code)
    if target is not None:
        _take(turn, token, target, error)
        return
    if token.parent:
        leave(turn, token)
        turn.later("arrive", token.parent, turn.tokens[token.parent].entry, token.index, error)
        return
    if turn.program.node(token.node).node.region:
        leave(turn, token)
        token = root_token(turn)
    at_graph(turn, token, error)


def at_graph(turn: Turn, token: Token, error: ErrorFacts) -> None:
    """An error that reached the graph itself takes its `catch`, from where the root is, else the run fails."""
    target = None if token.caught else _caught(turn.program.definition.catch, error.code)
    _take(turn, token, target, error)


def _take(turn: Turn, token: Token, target: str | None, error: ErrorFacts) -> None:
    """Go where an error leads; None: nowhere."""
    if target is None or (turn.rollback is not None and target not in TARGETS):
        fail(turn, error)  # while an edge undoes, its node cannot be left
        return
    facts: Value = {
        "code": error.code, "message": error.message, "node": error.node, "attempt": error.attempt,
    }  # fmt: skip
    try:
        follow(turn, token, target, local={"error": facts}, error=error)
    except Fault as fault:
        fail(turn, ErrorFacts(fault.code, fault.message, token.path, token.attempt))


def out_of_time(turn: Turn, limit: float) -> None:
    """The time of the run is over. No node catches that, the graph may; what is rolled back ends by itself."""
    if turn.rollback is not None and turn.rollback.back is None:
        return
    token = root_token(turn)
    message = f"the run has taken {format_duration(limit)}, and may take no longer"
    at_graph(turn, token, ErrorFacts("timeout", message, token.path))


def fail(turn: Turn, error: ErrorFacts) -> None:
    """End the run by an error that nothing caught."""
    turn.error = error
    status: Status = {"denied": "denied", "timeout": "timed_out"}.get(error.code, "failed")  # type: ignore[assignment]
    finish(turn, status)


def remember_value(turn: Turn, token: Token, value: Value) -> Token:
    """What a node gave is, until another node of its body acts, what the body gives."""
    return change(turn, token, value=value) if token.parent else token


def _caught(catch: dict[str, str], code: str) -> str | None:
    if code in catch:
        return catch[code]
    return None if code in ENGINE_ERRORS else catch.get("*")
