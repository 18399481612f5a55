"""MOVE and what it is made of: the only module that puts tokens down and takes them away."""

from __future__ import annotations

from msgspec.structs import replace

from trellis.engine.state import NOTHING, Ending, Open, Setting, Status, Token
from trellis.engine.turn import Turn
from trellis.engine.writes import Fault
from trellis.model.actions import RequestInput, StartChild
from trellis.model.secrets import MASK, mask
from trellis.model.values import Value


def move(
    turn: Turn,
    token: Token,
    target: str,
    setting: Setting = NOTHING,
    local: dict[str, Value] | None = None,
    *,
    caught: bool = False,
) -> None:
    """Make `setting` true, leave `token` with all that is inside it, and enter the node `target` of the same region.

    `local` are names that only the target reads (`error`, `signal`). A move to the node itself enters it again.
    Raises Fault `states_refused`, and then nothing has changed.
    """
    turn.steps += 1
    if turn.states is not None:
        shift(turn, token, setting, leaving=token.node, entering=target)
    elif setting.fields:
        write(turn, setting.fields)
    leave(turn, token)
    path, inherited = target, local or {}
    if token.parent:
        path = _sibling(token.path, token.node, target, turn.program.node(token.node).node.region)
        inherited = {**turn.tokens[token.parent].locals, **_item_locals(turn, token), **inherited}
    enter(
        turn,
        path,
        target,
        token.parent,
        token.index,
        inherited,
        value=token.value,
        caught=caught,
    )


def shift(turn: Turn, token: Token, setting: Setting, *, leaving: str = "", entering: str = "") -> None:
    """Write the fields and change the declared states of one move, then let the auto states follow.

    `leaving` and `entering` are nodes, which states may require. Raises Fault `states_refused` where a relation or a
    guard refuses; then nothing has changed.
    """
    states = turn.states
    if states is None:
        if setting.fields:
            write(turn, setting.fields)
        return
    change = states.negotiate(setting, {**turn.fields, **setting.fields}, leaving, entering)
    if isinstance(change, str):
        raise Fault("states_refused", change)
    if setting.fields:
        write(turn, setting.fields)
    if change is not None:
        states.commit(turn, change, token.path)
    if states.written or (change is not None and change.ticks):
        states.follow(turn)


def enter(
    turn: Turn,
    path: str,
    node: str,
    parent: str = "",
    index: int = 0,
    local: dict[str, Value] | None = None,
    *,
    value: Value = None,
    caught: bool = False,
) -> None:
    """Put a token on a node, with a new entry sequence, and let the node act next."""
    turn.entries += 1
    program = turn.program
    linked = program.node(node)
    if linked.remembered:
        turn.marks = {**turn.marks, node: turn.entries}
    if program.definition.limits.visits:
        turn.visits = turn.visits.plus(node)
    token = Token(path, node, turn.entries, parent, index, locals=local or {}, value=value, caught=caught)
    turn.write_tokens()[path] = token
    turn.note("node.entered", {"node": path})
    turn.later("act", path, token.entry)
    if linked.reacts:
        turn.stirred = True


def leave(turn: Turn, token: Token) -> None:
    """Take the token away, and first those inside it. Open work is cancelled."""
    if token.join is not None and token.join.running:
        for inner in inside(turn, token):
            _take(turn, inner)
    _take(turn, turn.tokens[token.path])


def leave_all(turn: Turn, *, awaiting: bool) -> None:
    """Take every token away. `awaiting`: the results of cancelled calls that have an undo still count."""
    if turn.states is not None:
        turn.states.leave_nodes(turn)
    for token in _inner_first(turn, list(turn.tokens.values())):
        _take(turn, token, awaiting=awaiting)


def inside(turn: Turn, token: Token) -> list[Token]:
    """The tokens in the bodies of this node, at any depth: the inner first, else in order of entry."""
    nested = (token.path + ".", token.path + "[")
    return _inner_first(turn, [other for path, other in turn.tokens.items() if path.startswith(nested)])


def _inner_first(turn: Turn, tokens: list[Token]) -> list[Token]:
    def depth(token: Token) -> int:
        return 1 + depth(turn.tokens[token.parent]) if token.parent else 0

    return sorted(tokens, key=depth, reverse=True)  # stable: equals keep the order of entry


def write(turn: Turn, writes: dict[str, Value]) -> None:
    """Write these fields. What is written is noted even where it is equal: the trace depends on nothing but facts."""
    turn.write_fields({**turn.fields, **writes})
    if turn.states is not None:
        turn.states.written = True
    secrets = turn.program.secrets
    if secrets:
        writes = {name: MASK if name in secrets else mask(value) for name, value in writes.items()}
    turn.note("fields.changed", {"fields": writes})


def finish(turn: Turn, status: Status, result: Value = None) -> None:
    """End the run: every token goes, open work is cancelled, nothing is waited for but the end of child runs."""
    leave_all(turn, awaiting=False)
    for name, pending in list(turn.open.items()):
        if isinstance(pending.request, StartChild):
            continue
        if not pending.cancelling:
            turn.cancel(pending.request)
        del turn.write_open()[name]
    if turn.timers:
        turn.drop_timers(tuple(turn.timers))
    turn.agenda.clear()
    turn.buffer = ()
    turn.rollback = None
    turn.ending = Ending(status, result)
    end_alone(turn)


def end_alone(turn: Turn) -> None:
    """The run ends, where it is to, once no child run of it is open."""
    ending = turn.ending
    if ending is None or turn.open:
        return
    turn.ending = None
    turn.status, turn.result = ending.status, ending.result
    turn.note("run.finished", {"status": ending.status, "result": ending.result})


def _take(turn: Turn, token: Token, *, awaiting: bool = True) -> None:
    pending = turn.open.get(token.request) if token.request else None
    disarm(turn, token)
    if pending is not None:
        give_up(turn, pending, awaiting=awaiting)
    del turn.write_tokens()[token.path]
    turn.note("node.left", {"node": token.path})


def disarm(turn: Turn, token: Token) -> None:
    """Nothing is timed any more for this visit, and nobody is reminded of it."""
    if token.timers:
        turn.drop_timers(token.timers)
    for name in token.beside:
        pending = turn.write_open().pop(name, None)
        if pending is not None:
            turn.cancel(pending.request)


def give_up(turn: Turn, pending: Open, *, awaiting: bool = True) -> None:
    """Nobody needs this any more. What may succeed all the same, and is to be undone then, is still awaited; so is the
    end of a child run, which undoes what it has done as long as this run goes on."""
    request = pending.request
    child = isinstance(request, StartChild)
    undone = (
        awaiting
        and not isinstance(request, RequestInput)
        and turn.program.node(pending.token.node).node.undo is not None
    )
    awaited, undo = child or undone, child and awaiting
    if awaited and request.id not in turn.wanted:
        turn.write_open()[request.id] = replace(pending, cancelling=True, uncertain=False, undo=undo)
    else:
        del turn.write_open()[request.id]
    turn.cancel(request, awaited=awaited, undo=undo)


def change(turn: Turn, token: Token, **changes: object) -> Token:
    """The token with these parts changed, in its place."""
    changed = replace(token, **changes)
    turn.write_tokens()[token.path] = changed
    return changed


def _sibling(path: str, node: str, target: str, region: str) -> str:
    """The path of `target` beside `path`: both are in `region`, whose indices stand in `path`."""
    # `fan[3].fetch` is `fan[].fetch` in region `fan[]`; the part of the path that is the region keeps its indices.
    inner = node[len(region) :]
    base = path[: len(path) - len(inner)] if inner else path
    return base + target[len(region) :]


def _item_locals(turn: Turn, token: Token) -> dict[str, Value]:
    parent = turn.tokens[token.parent]
    each = turn.program.node(parent.node).node.each
    if each is None or parent.join is None:
        return {}
    return {each.item: parent.join.items[token.index], "index": token.index}
