"""W509: a state that the graph itself declares can come: something brings it, and all that it requires comes too.

So can one of a schema that a `set` adds. Where a `wait` or an `upon` names such a state, W508 tells of it there; what is
told of one state is not told again of those that require it.
"""

from __future__ import annotations

from collections.abc import Iterator

from trellis.compiler.sites import View
from trellis.model.problems import Problem
from trellis.model.states import EXCEPTION

CODES = ("W509",)


def check(view: View) -> Iterator[Problem]:
    """A warning for each state that can never become active in a run of this graph."""
    relations = view.relations
    # What could not be read may have added anything.
    if view.open or view.torn() or not relations.states:
        return
    lacking = {
        name
        for name in relations.states
        if name != EXCEPTION and not relations.possible & relations.bits[name] and not relations.is_contradictory(name)
    }
    told = {mention.meant for mention in view.mentions if mention.role in ("wait", "upon")}
    told |= {mention.meant for mention in view.mentions if not mention.sound}
    added = {mention.meant: mention.steps for mention in reversed(view.mentions) if mention.role == "set"}
    own = {name for name in lacking if not view.is_included(view.states[name].steps) and not view.states[name].mixin}
    for name in view.states:
        if name in told or name not in lacking or (name not in own and name not in added):
            continue
        if name in own and any(other in own or other in told for other in relations.lacking(name)):
            continue
        message = f"'{name}' never becomes active: {relations.why_never(name)}"
        key = name in own
        steps = view.states[name].steps if key else added[name]
        hint = "add it in a `set`, or give it `auto`" if not relations.is_brought(name) else ""
        yield view.problem("W509", message, steps, key=key, hint=hint, severity="warning")
