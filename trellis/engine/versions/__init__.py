"""A run moves to another version of its graph when it is proved that its position, fields and pending work exist there.

The modules, in the order in which data flows:

    verdict   what is found, and what it comes to
    names     what became of the names of the old version in the new one
    texts     which names the texts of a node read, and when
    unset     which fields may be read before anything writes them
    fields    the fields, as the new version has them
    position  the tokens: verbs, bodies, joins, timers, calls
    pending   what is kept for later: undo, signals, marks
    active    the declared states
    moving    the state as the new version has it
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from trellis.engine.versions.verdict import Verdict as Verdict

if TYPE_CHECKING:
    from trellis.engine.state import State, Step
    from trellis.model.events import Adopted
    from trellis.model.graph import Graph

# Few runs ever adopt: what it takes is loaded by the first that does.


def compare(old: Graph, new: Graph, state: State) -> Verdict:
    """Whether a run of `old`, now in `state`, can go on as `new`; and if not, all reasons why.

    It is safe only where each token has its like in `new`, every call, question, timer, undo, signal and active state
    that is kept can still be had there, the fields that are set still fit, and no field is read that may not be set.
    """
    from trellis.engine.versions.moving import prepare

    return prepare(old, new, state)[0]


def adopt(old: Graph, new: Graph, state: State, event: Adopted) -> Step:
    """Go on as `new`. Refused, with the state that was given, unless `compare` says that it is safe.

    The event names `new` by its hash; of the map of `new` it has at least the parts that `compare` gives. Visits and
    their calls, timers and keys go on as they are; a question that is another one now is asked again, under its id. What
    the new version does at once in such a state, it does.
    """
    from trellis.engine.versions.moving import move

    return move(old, new, state, event)
