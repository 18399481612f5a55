"""Where a run stands: what each of its nodes waits for, as facts for programs and as words for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from trellis.cli.redacting import shown_wait
from trellis.cli.words import compact, one_line, wanted
from trellis.engine import State
from trellis.engine.program import program_of
from trellis.engine.questions import asked
from trellis.engine.signals import INTERRUPT, taker
from trellis.engine.state import Open, Token
from trellis.hosts.lines import timestamp
from trellis.model.actions import CallTool, Emit, RequestInput, StartChild
from trellis.model.graph import Graph, Node, static_id
from trellis.model.graph import Wait as WaitFor
from trellis.model.secrets import mask
from trellis.stores.base import RunRow

Wait = dict[str, Any]
"""`node` (its path), `for` (answer, call, emit, remind, escalate, undo, uncertain, retry, states, signal, time, condition,
bodies, nothing), and what there is to know of it; `limits` are its timers."""


def waits(graph: Graph, state: State, since: Mapping[str, float]) -> list[Wait]:
    """What the run waits for. `since` says of nodes when they began with it; those it lacks are told without."""
    if state.closed:
        return []
    nodes, told = graph.definition.nodes, set[str]()
    found: list[Wait] = []
    for token in state.tokens.values():
        pending = state.open.get(token.request)
        if pending is not None and not pending.cancelling:
            told.add(token.request)
            facts = _pending(pending)
        else:
            facts = _resting(nodes[token.node], state, token)
        found.append({"node": token.path, **facts, **_limits(state, token)})
    found += [
        {"node": pending.request.node, **_pending(pending)} for name, pending in state.open.items() if name not in told
    ]
    for wait in found:
        if wait["node"] in since:
            wait["since"] = timestamp(since[wait["node"]])
    return [shown_wait(wait) for wait in found]


def wait_of(graph: Graph, state: State, path: str) -> Wait | None:
    """What the node at `path` waits for, where it waits for nothing that is open; None where there is no such node."""
    token = state.tokens.get(path)
    if token is None or token.request in state.open:
        return None
    return shown_wait(
        {"node": path, **_resting(graph.definition.nodes[token.node], state, token), **_limits(state, token)}
    )


def _pending(pending: Open) -> Wait:
    request = pending.request
    if isinstance(request, RequestInput):
        facts = {key: value for key, value in asked(request).items() if key != "node"}
        return {"for": "answer", **facts, **({"prompt": request.prompt} if request.prompt else {})}
    if isinstance(request, StartChild):
        facts = {"for": "child", "graph": request.graph, "child": request.child, "attempt": request.attempt}
        return {**facts, **({"left": True} if pending.cancelling else {})}
    if isinstance(request, Emit):
        facts = {"for": "emit", "signal": request.name, "to": request.run, "attempt": request.attempt}
        facts |= {"key": request.idempotency_key, "data": mask(request.data)}
        return {**facts, **({"left": True} if pending.cancelling else {})}
    kind = "uncertain" if pending.uncertain else "undo" if request.undo else pending.beside or "call"
    facts = {"for": kind, "tool": request.tool, "attempt": request.attempt, "key": request.idempotency_key}
    return {**facts, "args": mask(request.args), **({"left": True} if pending.cancelling else {})}


def _resting(node: Node, state: State, token: Token) -> Wait:
    if node.wait is not None:
        return _awaited(node.wait, state, token)
    join = token.join
    if join is not None:
        done, failed = len(join.done or ()), len(join.failed or ())
        needed = node.join.count if node.join is not None and node.join.mode == "count" else join.total
        enough = {"enough": needed} if needed < join.total else {}
        return {"for": "bodies", "done": done, "failed": failed, "running": join.running, "total": join.total, **enough}
    retries = [state.timers[name] for name in token.timers if state.timers[name].purpose == "retry"]
    if retries:
        tool = {"tool": token.call.tool} if isinstance(token.call, CallTool) else {}
        if isinstance(token.call, Emit):
            tool = {"signal": token.call.name, "to": token.call.run}
        return {"for": "retry", **tool, "attempt": token.attempt, "due": timestamp(retries[0].due)}
    return {"for": "nothing"}


def _awaited(wait: WaitFor, state: State, token: Token) -> Wait:
    if wait.signal:
        return {"for": "signal", "signal": wait.signal}
    if wait.condition is not None:
        return {"for": "condition", "if": wait.condition}
    due = [state.timers[name].due for name in token.timers if state.timers[name].purpose == "wait"]
    if due:
        return {"for": "time", "due": timestamp(due[0])}
    return {"for": "states", "states": [name for name in wait.states if name not in state.active]}


def _limits(state: State, token: Token) -> Wait:
    timers = [state.timers[name] for name in token.timers if name in state.timers]
    found = [{"purpose": each.purpose, "due": timestamp(each.due)} for each in timers if each.purpose in _AHEAD]
    return {"limits": found} if found else {}


def signals_taken(graph: Graph, state: State) -> list[str]:
    """The signals that something would take now, `interrupt` last."""
    if state.closed or state.rollback is not None:
        return []
    program = program_of(graph)
    names = [*graph.definition.signals, INTERRUPT]
    return [name for name in names if taker(program, state.tokens, name) is not None]


def wants_driving(row: RunRow, now: float) -> bool:
    """Whether something of the run is to be done now, by whoever drives it."""
    return row.status == "running" and row.wake is not None and row.wake <= now


def told(wait: Wait, now: float) -> str:
    """One wait as words, without its node: `asks for env (staging, prod); since 3m`."""
    parts = [_what(wait, now)]
    for limit in wait.get("limits", ()):
        due = seconds(limit["due"])
        over, ahead = _AHEAD[limit["purpose"]]
        parts.append(f"{ahead if due > now else over} {until(due, now)}")
    if "since" in wait:
        parts.append(f"since {span(now - seconds(wait['since']))}")
    return "; ".join(parts)


_AHEAD = {
    "timeout": ("its time was up", "times out"),
    "deadline": ("its deadline was", "its deadline is"),
    "remind": ("to be reminded of", "reminds"),
    "escalate": ("to be escalated", "escalates"),
}
"""Purpose of a timer -> what is said before the time when it is over, and when it is ahead."""


def _what(wait: Wait, now: float) -> str:
    kind = wait["for"]
    if kind == "answer":
        reason = f"{one_line(wait['reason'])}; " if wait.get("reason") else ""
        return f"{reason}asks for {wanted(wait)}"
    if kind == "call":
        verb = "was left, and waits for" if wait.get("left") else "calls"
        return f"{verb} {wait['tool']}, attempt {wait['attempt']}"
    if kind in ("remind", "escalate"):
        return f"{kind}s by {wait['tool']}"
    if kind == "emit":
        verb = "was left, and waits for" if wait.get("left") else "sends"
        return f"{verb} signal {wait['signal']} to run '{one_line(wait['to'])}', attempt {wait['attempt']}"
    if kind == "child":
        verb = "was left, and waits for" if wait.get("left") else "uses"
        return f"{verb} {wait['graph']}, run {wait['child']}"
    if kind == "undo":
        return f"is undone by {wait['tool']}, attempt {wait['attempt']}"
    if kind == "uncertain":
        return f"uncertain: nobody knows whether {wait['tool']} was done; attempt {wait['attempt']}, key {wait['key']}"
    if kind == "retry" and "signal" in wait:
        return f"sends signal {wait['signal']} to run '{one_line(wait['to'])}' again {until(seconds(wait['due']), now)}"
    if kind == "retry":
        return f"calls {wait.get('tool', 'again')} again {until(seconds(wait['due']), now)}"
    if kind == "states":
        return f"waits for {', '.join(wait['states']) or 'nothing more'}"
    if kind == "signal":
        return f"waits for signal {wait['signal']}"
    if kind == "condition":
        return f"waits until {one_line(wait['if'])} holds"
    if kind == "time":
        return f"goes on {until(seconds(wait['due']), now)}"
    if kind == "bodies":
        failed = f", {wait['failed']} failed" if wait["failed"] else ""
        enough = f", {wait['enough']} will do" if "enough" in wait else ""
        return f"{wait['done']} of {wait['total']} done{failed}{enough}"
    return "rests"


def brief(row: RunRow, graph: Graph | None, now: float) -> str:
    """What the run of an index row waits for, in a few words; `graph` None where its definition cannot be read."""
    if row.status != "running":
        return ""
    due = "" if row.wake is None else f", due {until(row.wake, now)}"
    if row.wake == 0:
        return "under way"  # its position may be that of its last rest
    if graph is None:
        return f"at {', '.join(row.position)}{due}"
    parts = list(_briefly(row, graph.definition.nodes))
    more = f", and {len(parts) - 3} more" if len(parts) > 3 else ""
    return ", ".join(parts[:3]) + more + due


def _briefly(row: RunRow, nodes: Mapping[str, Node]) -> Iterator[str]:
    for path in row.position:
        node = nodes.get(static_id(path))
        if node is None:
            yield path
        elif node.ask is not None:
            yield f"{path} asks {', '.join(node.ask.fields)}"
        elif node.wait is not None:
            yield f"{path} waits" if node.wait.timed else f"{path} waits for {one_line(node.wait.shown)}"
        elif node.use is not None:
            yield f"{path} uses {node.use.path}"
        elif node.do is not None:
            yield f"{path} is uncertain" if row.wake is None else f"{path} calls {node.do.tool}"
        elif node.emit is not None:
            yield f"{path} sends signal {node.emit.signal}"
        elif not node.bodies or len(row.position) == 1:
            yield path


def seconds(moment: str) -> float:
    """Seconds since 1970 of one of our timestamps."""
    from datetime import datetime

    return datetime.fromisoformat(moment).timestamp()


def until(due: float, now: float) -> str:
    """`in 5m`, or how long ago it was due."""
    return f"in {span(due - now)}" if due > now else f"{span(now - due)} ago"


def span(length: float) -> str:
    """A length of time, its two largest units: `12s`, `3m 5s`, `2h 40m`, `5d 3h`."""
    whole = max(int(length), 0)
    parts = [(whole // 86_400, "d"), (whole // 3600 % 24, "h"), (whole // 60 % 60, "m"), (whole % 60, "s")]
    while len(parts) > 1 and not parts[0][0]:
        del parts[0]
    return " ".join(f"{number}{unit}" for number, unit in parts[:2] if number) or "0s"


def assigned(fields: Mapping[str, Any]) -> str:
    """Fields on one line, as a person reads them: `env "prod", tries 3`."""
    return ", ".join(f"{name} {compact(value)}" for name, value in fields.items())
