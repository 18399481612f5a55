"""What waits for states or fields goes on once everything else has settled: first along routes, then out of waits.

A state is not used up: every token whose route names it leaves. A wait is looked at anew after each that went on,
since what went on may have changed the states.
"""

from __future__ import annotations

from trellis.engine.routes import go, raise_error, root_token
from trellis.engine.signals import in_document_order
from trellis.engine.state import Token
from trellis.engine.states import Active
from trellis.engine.turn import Turn
from trellis.engine.writes import scope
from trellis.errors import ExpressionError


def react(turn: Turn) -> bool:
    """Let go on what can; False where nothing can."""
    if turn.over:
        return False
    active = turn.states
    if active is not None:
        if active.written:
            active.follow(turn)
        if active.moved:
            return True
    if turn.rollback is not None or not turn.stirred:
        return False
    program = turn.program
    reacting = [token for token in turn.tokens.values() if program.node(token.node).reacts]
    tokens = in_document_order(program, turn.tokens, reacting)
    if active is not None:
        leaving = _leaving(turn, active, tokens)
        active.fresh = 0
        if leaving:
            _leave(turn, leaving)
            return True
    for token in tokens:
        try:
            over = _is_over(turn, token)
        except ExpressionError as error:
            raise_error(turn, token, "expression", str(error))
            return True
        if over:
            turn.later("proceed", token.path, token.entry)
            return True
    turn.stirred = False
    return False


def _is_over(turn: Turn, token: Token) -> bool:
    """Whether what the node waits for is true now. Raises ExpressionError."""
    linked, active = turn.program.node(token.node), turn.states
    if linked.holds is not None:
        names = scope(turn, token)
        if linked.asks and active is not None:
            names = {
                **dict.fromkeys(linked.asks, False),
                **{name: True for name in linked.asks if active.holds(name)},
                **names,
            }
        return bool(linked.holds(names))
    wait = linked.node.wait
    return wait is not None and bool(wait.states) and active is not None and all(map(active.holds, wait.states))


def _leaving(turn: Turn, active: Active, tokens: list[Token]) -> list[tuple[Token, str]]:
    """Who leaves by which route: a node's own where the state is active, the graph's where no node had one for it.

    A route that leads to where the token is, and every route of the graph, is taken only when the state was entered
    just now: else it would be taken for ever.
    """
    mask, fresh, taken = active.config.mask, active.fresh & active.config.mask, 0
    leaving: list[tuple[Token, str]] = []
    for token in tokens:
        route = ""
        for name, target in turn.program.node(token.node).node.upon_states.items():
            bit = active.bit(name)
            if bit & (mask if target != token.node else fresh):
                route = route or target
                taken |= bit
        if route:
            leaving.append((token, route))
    for name, target in turn.program.definition.upon_states.items() if fresh else ():
        root = root_token(turn)
        if active.bit(name) & fresh & ~taken and target != root.node:
            leaving.append((root, target))
            break
    return leaving


def _leave(turn: Turn, leaving: list[tuple[Token, str]]) -> None:
    waiting = len(turn.agenda)
    for token, target in leaving:
        now = turn.tokens.get(token.path)
        if now is not None and now.entry == token.entry and turn.rollback is None:
            go(turn, now, target)
    # The agenda takes the newest first; the first of the document is to act first.
    turn.agenda[waiting:] = reversed(turn.agenda[waiting:])
