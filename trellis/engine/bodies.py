"""What a state does when it has come or gone: a region of its own, beside the run's; the last word is the newest.

What `entered` began is cancelled when the state goes. Neither holds up the end of the run, and at the end of the run
neither is begun.
"""

from __future__ import annotations

from trellis.engine.declared import Declared
from trellis.engine.limits import over_limit
from trellis.engine.moves import enter, leave
from trellis.engine.routes import fail
from trellis.engine.turn import Turn


def begin(turn: Turn) -> None:
    """Begin, before anything else goes on, what the states do that came or went, in the order in which they did."""
    active = turn.states
    assert active is not None
    moved, active.moved = active.moved, []
    if turn.over or (turn.rollback is not None and turn.rollback.back is None):
        return
    declared = active.declared
    waiting = len(turn.agenda)
    for exits, enters in moved:
        for number in exits:
            _stop(turn, declared, declared.entered.get(number))
        for node in (*map(declared.exited.get, exits), *map(declared.entered.get, enters)):
            if node is not None and not _started(turn, declared, node):
                return
    # The agenda takes the newest first.
    turn.agenda[waiting:] = reversed(turn.agenda[waiting:])


def _started(turn: Turn, declared: Declared, node: str) -> bool:
    """Enter the body anew; False where that was one too many, and the run has failed."""
    _stop(turn, declared, node)
    over = over_limit(turn, node, node)
    if over is not None:
        fail(turn, over)
        return False
    turn.steps += 1
    enter(turn, node, node)
    return True


def _stop(turn: Turn, declared: Declared, node: str | None) -> None:
    for member in declared.members[node] if node is not None else ():
        token = turn.tokens.get(member)
        if token is not None:
            leave(turn, token)
