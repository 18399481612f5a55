"""The tokens of a run, and what their nodes are about: each has its like in the new version, and can go on there."""

from __future__ import annotations

from trellis.engine.nodes import ACTS
from trellis.engine.state import State, Token
from trellis.engine.versions.names import Versions
from trellis.engine.versions.texts import Reads
from trellis.model.actions import CallTool, Emit, StartChild
from trellis.model.graph import Join, Node, Wait

_BUSY = {
    "ask": "asks", "do": "has a call to make", "all": "has branches at work",
    "race": "has branches at work", "each": "has items at work", "wait": "waits", "emit": "has a signal to send",
    "use": "has a run to use",
}  # fmt: skip
_LOCALS = {"error": "by `catch`", "signal": "by `upon`"}


def check_position(versions: Versions, state: State) -> None:
    """Tell of every token that could not go on where it is."""
    rolling = state.rollback
    done = rolling.back[0].path if rolling is not None and rolling.back is not None else ""
    for path, token in state.tokens.items():
        old = versions.old.nodes[token.node]
        new = versions.new.nodes.get(versions.node(token.node))
        if new is None and old.region and not token.parent:
            versions.findings.blocked(
                f"node '{path}' is at work, and the new version does nothing there; keep it until it has ended"
            )
        elif new is None:
            versions.lacks(token.node, f"the run is at node '{token.node}'")
        elif _is_in_place(versions, state, token, old, new) and path != done:
            _check_work(versions, state, token, old, new)


def body_places(versions: Versions, old: Node, new: Node) -> list[int]:
    """For each body of a node, which it is in the new version. Only where all of them are there."""
    return [versions.body(body.region, new) or 0 for body in old.bodies]


def _is_in_place(versions: Versions, state: State, token: Token, old: Node, new: Node) -> bool:
    """Whether the node that takes the place of this one is in the region that takes the place of its region."""
    findings = versions.findings
    if not token.parent:
        if new.region == old.region:
            return True
        if old.region:
            findings.blocked(f"node '{token.path}' is what a state does, and '{new.id}', which takes its place, is not")
        else:
            findings.blocked(
                f"node '{token.path}' is one of the graph itself, and '{new.id}', which takes its place, is in a body; "
                "map it to a node of the graph itself"
            )
        return False
    around = versions.old.nodes[state.tokens[token.parent].node]
    holder = versions.new.nodes.get(versions.node(around.id))
    if holder is None:
        return False  # told of the token around it
    body = around.bodies[0 if around.each is not None else token.index]
    place = versions.body(body.region, holder)
    if place is None or holder.bodies[place].region != new.region:
        findings.blocked(
            f"node '{token.path}' is in a body of '{token.parent}', and '{new.id}', which takes its place, is not in the "
            "one that takes the place of that; map it to a node of the same body"
        )
        return False
    return True


def _check_work(versions: Versions, state: State, token: Token, old: Node, new: Node) -> None:
    path, findings = token.path, versions.findings
    if ACTS[new.verb] is not ACTS[old.verb]:
        findings.blocked(
            f"node '{path}' {_BUSY.get(old.verb, 'is at work')}, and what takes its place is `{new.verb}`, not "
            f"`{old.verb}`; let the run leave it first, or keep the verb"
        )
        return
    if old.verb in ("do", "emit", "use"):
        _check_call(versions, state, token, new)
    if old.wait is not None and new.wait is not None and old.wait.timed is not new.wait.timed:
        findings.blocked(
            f"node '{path}' waits for {_awaited(old.wait)}, and what takes its place for {_awaited(new.wait)}; let the run "
            "leave it first, or keep what it waits for"
        )
    if token.join is not None:
        _check_bodies(versions, token, old, new)
    running = {state.timers[name].purpose for name in token.timers}
    for purpose in ("timeout", "deadline"):
        if purpose in running and getattr(new, purpose) is None:
            findings.blocked(
                f"the {purpose} of node '{path}' is running, and the new version has none there; keep one: a visit under "
                "way is not given another length"
            )
    endless = new.retry is not None and new.retry.max_attempts == 0
    if endless and new.deadline is not None and old.deadline is None:
        findings.blocked(
            f"node '{path}' would be tried again for ever: this visit began without the deadline that ends it in the new "
            "version; give its `retry` a `max_attempts`"
        )
    _check_locals(versions, token, old, new)


def _awaited(wait: Wait) -> str:
    return "a time" if wait.timed else wait.shown


def _check_call(versions: Versions, state: State, token: Token, new: Node) -> None:
    pending = state.open.get(token.request)
    call = pending.request if pending is not None else token.call
    if call is None:
        return
    findings, path = versions.findings, token.path
    if isinstance(call, Emit) and new.emit is not None and call.name != new.emit.signal:
        findings.blocked(
            f"node '{path}' sends signal '{call.name}', and what takes its place sends '{new.emit.signal}'; let the signal "
            "be taken first, or keep it"
        )
    known = () if new.do is None else new.do.allow or (new.do.tool,)
    if isinstance(call, CallTool) and call.tool not in known:
        shown = " or ".join(f"'{tool}'" for tool in known)
        findings.blocked(
            f"node '{path}' calls tool '{call.tool}', and what takes its place calls {shown}; let the call end first, or "
            "keep the tool"
        )
    if isinstance(call, StartChild) and new.use is not None and call.graph != new.use.graph:
        findings.blocked(
            f"node '{path}' uses '{call.graph}', and what takes its place uses '{new.use.graph}'; let the run that it uses "
            "end first, or keep the graph"
        )
    if pending is None:
        if new.retry is None:
            findings.blocked(
                f"node '{path}' waits to try again, and the new version does not retry there; keep its `retry`, or let "
                "the call end first"
            )
        elif 0 < new.retry.max_attempts <= token.attempt:
            findings.blocked(
                f"node '{path}' waits for attempt {token.attempt + 1}, and the new version makes no more than "
                f"{new.retry.max_attempts}; raise `max_attempts`, or let the call end first"
            )


def _check_bodies(versions: Versions, token: Token, old: Node, new: Node) -> None:
    path, joining, findings = token.path, token.join, versions.findings
    assert joining is not None
    if old.each is not None and new.each is not None:
        if old.each.item != new.each.item:
            findings.blocked(
                f"the items of node '{path}' are at work as '{old.each.item}', the new version calls them "
                f"'{new.each.item}'; keep `as` until no run is at it"
            )
    else:
        places = {versions.body(body.region, new): body for body in old.bodies}
        added = [body for place, body in enumerate(new.bodies) if place not in places]
        gone = [body for body in old.bodies if versions.body(body.region, new) is None]
        if added and gone:
            for body in gone:
                why = f"the branches of node '{path}' are at work"
                versions.lacks(body.region, why)
        elif added or gone or len(places) != len(old.bodies):
            were = ", ".join(sorted(body.name for body in old.bodies))
            are = ", ".join(sorted(body.name for body in new.bodies))
            findings.blocked(
                f"the branches of node '{path}' are at work: {were}; the new version has {are}; let the run leave the "
                "node first"
            )
    join = new.join or Join()
    done, failed = len(joining.done or ()), len(joining.failed or ())
    needed = join.count if join.mode == "count" else joining.total
    if join.mode != "collect" and (done >= needed or joining.total - failed < needed):
        findings.blocked(
            f"by its join in the new version node '{path}' would be over by now, with {done} done and {failed} failed of "
            f"{joining.total}; keep the join, or let the run leave the node first"
        )


def _check_locals(versions: Versions, token: Token, old: Node, new: Node) -> None:
    """What the run came by to a node is read there, and in its bodies: it must have come so."""
    for name, way in _LOCALS.items():
        if name in token.locals:
            continue
        before = {versions.node(node) for node in _readers(versions, old, name, new=False)}
        for node in _readers(versions, new, name, new=True):
            if node not in before:
                versions.findings.blocked(
                    f"node '{node}' reads '{name}' in the new version, and the run did not come to '{token.path}' {way}; "
                    f"write default({name}, …), or let the run leave the node first"
                )


def _readers(versions: Versions, node: Node, name: str, *, new: bool) -> list[str]:
    definition = versions.new if new else versions.old
    inside = (node.id + ".", node.id + "[") if node.bodies else ()
    near = [node, *(other for other in definition.nodes.values() if inside and other.id.startswith(inside))]
    return [other.id for other in near if name in Reads(other, definition).every]
