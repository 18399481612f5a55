"""E501: who speaks of a state names a declared one. E503: of nodes, only `require` speaks, and of the graph's own."""

from __future__ import annotations

from collections.abc import Iterator

from trellis.compiler.names import near_state
from trellis.compiler.sites import Mention, View
from trellis.model.mixins import MIXINS
from trellis.model.problems import Problem, did_you_mean

CODES = ("E501", "E503")

MOVES = "a state never moves a run, it can only `require` a node"
NO_NODES = {
    "add": MOVES,
    "remove": MOVES,
    "after": "only states come in an order",
    "set": "`set` adds and removes states; a node is entered by `to`",
    "wait": "one waits for states",
    "upon": "`upon` reacts to states here",
    "groups": "a group is made of states",
}
"""Where a name stands -> why it is no node."""


def check(view: View) -> Iterator[Problem]:
    """One problem for each name that means no state, where all states are known."""
    told: set[tuple[str, str]] = set()
    unsound = [mention for mention in view.mentions if not mention.sound]
    inner = {name for region in view.regions.values() for name in region.names} if unsound else set()
    for mention in unsound:
        if mention.name in view.regions[""].names:
            message = f"'{mention.name}' is a node, not a state"
            yield view.problem("E503", message, mention.steps, key=mention.key, hint=NO_NODES[mention.role])
        elif mention.role == "require" and (mention.name in inner or mention.name in view.sites):
            message = f"'{mention.name}' is a node inside a body, which no state can require"
            yield view.problem("E503", message, mention.steps, hint="require the node around it")
        elif not view.open and not _may_be_lost(view, mention):
            holder = mention.holder
            if holder is not None and holder.mixin:
                if (holder.mixin, mention.name) not in told:
                    told.add((holder.mixin, mention.name))
                    message = f"'{holder.mixin}' speaks of state '{mention.name}', which is not there"
                    yield view.problem("E501", message, mention.steps, hint=_home(mention.name))
                continue
            near = near_state(view, mention.name, mention.role)
            hint = did_you_mean(mention.name, [near]) if near is not None else ""
            if mention.name in view.groups:
                states = [name for name in dict.fromkeys(view.groups[mention.name].members) if name in view.states]
                hint = "it is a group; name states" + (f": {', '.join(states)}" if states else "")
            hint = hint or _home(mention.name) or f"declare it: states: {{{mention.name}: {{}}}}"
            yield view.problem("E501", f"no state named '{mention.name}'", mention.steps, key=mention.key, hint=hint)


def _may_be_lost(view: View, mention: Mention) -> bool:
    """Whether a state of this name, here or in the same document, could not be read."""
    prefix = mention.steps[:1] if view.is_included(mention.steps) else ()
    return mention.name in view.lost("states") | view.lost(*prefix, "states") | view.lost("nodes")


def _home(name: str) -> str:
    """Which mixin has a state of this name."""
    mixin = next((mixin for mixin, states in MIXINS.items() if name in states), None)
    return f"'{mixin}' has it: extends: [{mixin}, …]" if mixin else ""
