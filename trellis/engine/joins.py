"""When the bodies of an `all`, a `race` or an `each` are enough. Reads only arrivals; their order never matters to the value."""

from __future__ import annotations

from msgspec.structs import replace

from trellis.engine.chain import Chain
from trellis.engine.limits import over_visits
from trellis.engine.moves import change, enter, inside, leave, shift
from trellis.engine.program import LinkedNode
from trellis.engine.routes import fail, raise_error, route
from trellis.engine.state import NOTHING, ErrorFacts, Joining, Setting, Token
from trellis.engine.turn import Turn
from trellis.engine.writes import Fault, scope
from trellis.model.graph import Join, Node
from trellis.model.values import Value

MOST = 100_000
"""Items of one `each`: as many as a list that an expression makes may have."""


def open_all(turn: Turn, token: Token, linked: LinkedNode, _text: str) -> None:
    """Enter every branch, in the order of the document."""
    total = len(linked.node.bodies)
    token = change(turn, token, join=Joining(total, total))
    _enter_bodies(turn, token, linked.node, range(total))


def open_each(turn: Turn, token: Token, linked: LinkedNode, _text: str) -> None:
    """Enter the body for the first items; as many as `max` allows. Raises Fault `invalid` over what is no list, or too long."""
    each = linked.node.each
    assert each is not None
    assert linked.items is not None
    items = linked.items(scope(turn, token))
    if not isinstance(items, list):
        raise Fault("invalid", f"each goes over a list, `{each.items}` is {_kind(items)}")
    total = len(items)
    if total > MOST:
        raise Fault(
            "invalid", f"each goes over at most {MOST:,} items, `{each.items}` has {total:,}: go over parts of it"
        )
    join = linked.node.join
    if join is not None and join.mode == "count" and join.count > total:
        raise Fault("invalid", f"the join wants {join.count} of the items, and there are {total}")
    started = min(each.max or total, total)
    token = change(turn, token, join=Joining(total, started, items=tuple(items)))
    if total:
        _enter_bodies(turn, token, linked.node, range(started))
    else:
        turn.later("complete", token.path, token.entry, _value(linked.node, token.join or Joining(0, 0)))


def arrive(
    turn: Turn,
    path: str,
    entry: int,
    index: int,
    outcome: ErrorFacts | tuple[Value],
    last: Token | None = None,
    setting: Setting = NOTHING,
) -> None:
    """A body has ended, with an error or with (its value,); then its token `last` is still there, with what it sets.

    What it sets is a change of its own, unless the join has waited for this body: then it is part of the move
    that follows.
    """
    token = turn.tokens.get(path)
    if token is None or token.entry != entry or token.join is None:
        return
    joining = token.join
    if isinstance(outcome, ErrorFacts):
        joining = replace(joining, failed=Chain((index, outcome), joining.failed))
    else:
        joining = replace(joining, done=Chain((index, outcome[0]), joining.done))
    node = turn.program.node(token.node).node
    join = node.join or Join()
    done, failed = len(joining.done or ()), len(joining.failed or ())
    needed = join.count if join.mode == "count" else joining.total
    if join.mode == "collect":
        enough, impossible = done + failed == joining.total, False
    else:
        enough, impossible = done >= needed, joining.total - failed < needed
    if not (enough or impossible):
        if last is not None and not _kept(turn, last, setting):
            return
        _go_on(turn, turn.tokens[path], joining, node)
        return
    if last is not None:
        leave(turn, last)
    token = change(turn, token, join=joining)
    if joining.running:
        for inner in inside(turn, token):
            if inner.path in turn.tokens:
                leave(turn, inner)
    token = change(turn, token, join=None)
    if impossible and isinstance(outcome, ErrorFacts):
        route(turn, token, outcome)
    else:
        turn.later("complete", token.path, token.entry, _value(node, joining), setting)


def _kept(turn: Turn, token: Token, setting: Setting) -> bool:
    """Leave the body, and what it sets stays; False where states refuse that, and its node has failed."""
    try:
        shift(turn, token, setting)
    except Fault as fault:
        raise_error(turn, token, fault.code, fault.message)
        return False
    leave(turn, token)
    return True


def _go_on(turn: Turn, token: Token, joining: Joining, node: Node) -> None:
    if joining.started < joining.total:
        index = joining.started
        token = change(turn, token, join=replace(joining, started=index + 1))
        _enter_bodies(turn, token, node, range(index, index + 1))
    else:
        change(turn, token, join=joining)


def _enter_bodies(turn: Turn, token: Token, node: Node, indices: range) -> None:
    waiting = len(turn.agenda)
    for index in indices:
        if node.each is not None and token.join is not None:
            body = node.bodies[0]
            region = f"{token.path}[{index}]"
            local = {**token.locals, node.each.item: token.join.items[index], "index": index}
        else:
            body = node.bodies[index]
            region = f"{token.path}.{body.name}" if body.name else token.path
            local = token.locals
        over = over_visits(turn, body.start, token.path)
        if over is not None:
            fail(turn, over)
            return
        enter(turn, region + body.start[len(body.region) :], body.start, token.path, index, local)
    # The agenda takes the newest first; the first body is to act first.
    turn.agenda[waiting:] = reversed(turn.agenda[waiting:])


def _value(node: Node, joining: Joining) -> Value:
    """What the join gives: a list in the order of the items, a map by the names of the branches, or both kinds."""
    done = sorted(joining.done or (), key=_index)
    if node.join is not None and node.join.mode == "collect":
        failed = sorted(joining.failed or (), key=_index)
        return {
            "done": [value for _, value in done],
            "failed": [
                {**_which(node, index), "code": error.code, "message": error.message} for index, error in failed
            ],
        }
    if node.each is not None:
        return [value for _, value in done]
    return {node.bodies[index].name: value for index, value in done}


def _which(node: Node, index: int) -> dict[str, Value]:
    return {"index": index} if node.each is not None else {"name": node.bodies[index].name}


def _index(pair: tuple[int, object]) -> int:
    return pair[0]


def _kind(value: Value) -> str:
    names = {dict: "a map", str: "a text", bool: "a boolean", int: "a number", float: "a number"}
    return names.get(type(value), "not set")
