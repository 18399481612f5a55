"""A schema as it was written becomes one without contradictions: states in their order, relations as numbers.

The rules are those of asyncmachine-go's schema parser: a state neither removes nor follows itself, `add` wins over
`remove`, and what names no state is dropped, but for `require`: such a state can never be active.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from trellis.errors import BadSchema
from trellis.model.problems import suggestion
from trellis.model.states import EXCEPTION, StateDef


def in_order(states: Mapping[str, StateDef], order: Sequence[str] | None) -> tuple[str, ...]:
    """The names of all states in their order; Exception comes last unless the order places it.

    Raises BadSchema, naming every fault, where the order is not one of all states.
    """
    names = tuple(dict.fromkeys(states if order is None else order))
    faults = [
        f"the order names '{name}', which is no state{suggestion(name, states)}"
        for name in names
        if name not in states and name != EXCEPTION
    ]
    faults += [f"the order lacks the state '{name}'" for name in states if name not in names and name != EXCEPTION]
    if faults:
        raise BadSchema(faults)
    return names if EXCEPTION in names else (*names, EXCEPTION)


def clean(states: Mapping[str, StateDef]) -> dict[str, StateDef]:
    """The states with relations that hold no contradiction.

    Raises BadSchema where a state adds and removes something that is no state: the reference crashes on activating it.
    """
    faults = [
        f"state '{name}' adds and removes '{other}', which is no state{suggestion(other, states)}"
        for name, state in states.items()
        for other in dict.fromkeys(state.add)
        if other not in states and other in state.remove
    ]
    if faults:
        raise BadSchema(faults)
    return {
        name: StateDef(
            auto=state.auto,
            multi=state.multi,
            require=state.require,
            add=tuple(other for other in state.add if other in states),
            remove=tuple(
                other for other in _without_one(state.remove, name) if other in states and other not in state.add
            ),
            after=tuple(other for other in _without_one(state.after, name) if other in states),
            tags=state.tags,
        )
        for name, state in states.items()
    }


def conflicts(states: Mapping[str, StateDef]) -> tuple[str, ...]:
    """What a machine starts in Exception for: a state that requires what it removes, and does not add."""
    return tuple(
        f"state '{name}' requires and removes '{other}'"
        for name, state in states.items()
        for other in state.require
        if other in _without_one(state.remove, name) and other not in state.add
    )


def ranks(requires: Sequence[Sequence[int]], count: int) -> list[int]:
    """The place of each state in a topological order over `require` (what is required comes first); -1 for those
    that take part in none. With a cycle there is no order: -1 for all.

    Depth-first post-order, roots and neighbours as written; iterative, because a chain may be 5,000 states long.
    """
    rank = [-1] * count
    place, open_ = 0, set[int]()
    for root in range(count):
        if rank[root] >= 0 or not requires[root]:
            continue
        stack = [(root, iter(requires[root]))]
        open_.add(root)
        while stack:
            state, rest = stack[-1]
            for needed in rest:
                if needed in open_:
                    return [-1] * count
                if rank[needed] < 0:
                    open_.add(needed)
                    stack.append((needed, iter(requires[needed])))
                    break
            else:
                stack.pop()
                open_.remove(state)
                rank[state], place = place, place + 1
    return rank


def _without_one(names: tuple[str, ...], name: str) -> tuple[str, ...]:
    if name not in names:
        return names
    at = names.index(name)
    return names[:at] + names[at + 1 :]
