"""A plan of what was walked: each node with what it may do, and over all what is needed, how it may end, how long it takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from trellis.model import graph as model
from trellis.model.graph import Graph
from trellis.model.types import VERDICTS
from trellis.model.values import Value
from trellis.planning import facts
from trellis.planning.courses import ENDS, courses
from trellis.planning.endings import Walked, endings_of
from trellis.planning.facts import Call, Excluded, Plan, Question, Secret, Tool, Used, Way, time_of
from trellis.planning.failing import failing
from trellis.planning.sources import Sources
from trellis.planning.spans import attempts_of
from trellis.planning.walk import ANSWERS, Walk
from trellis.planning.walking import Answers, walk_graph

PERMITTED = ("process",)
"""Kinds of tools that a host has to be given permission for."""
MOST_SITES = 6
"""Nodes that are named where more than one starts runs of a graph."""


def plan(
    graph: Graph,
    fields: Mapping[str, Value] | None = None,
    answers: Answers | None = None,
    fail_at: str = "",
    code: str = "",
) -> Plan:
    """What would happen with these start values and answers (a list in order, or a map by node).

    `fail_at` is a node of the graph that fails for good, with `code`. Raises InvalidField where a start value does not
    do, KeyError for a node that is not there.
    """
    walked = walk_graph(graph, fields or {}, answers if answers is not None else [])
    if fail_at and fail_at not in graph.definition.nodes:
        raise KeyError(fail_at)
    found = _alone(walked, failing(walked.walk, fail_at, code) if fail_at else None)
    if not walked.used:
        return found
    used = [Used(name, tuple(at), _alone(walked.used[name])) for name, at in _sites(walked).items()]
    tools = _all_tools(found, used)
    return replace(
        found,
        graphs=tuple(used),
        tools=tools,
        permissions=tuple(dict.fromkeys(tool.allow for tool in tools if tool.allow)),
        secrets=(*found.secrets, *(one for each in used for one in _its_secrets(walked, each))),
        questions=(
            *found.questions,
            *(_put(one, at) for each in used for at in each.at for one in each.plan.questions),
        ),
    )


def _sites(walked: Walked) -> dict[str, list[str]]:
    """Each graph that is used -> where, as the nodes of a run are called by the one above; a few where there are many."""
    sites: dict[str, list[str]] = {}
    queue: list[tuple[str, Walk, frozenset[str]]] = [("", walked.walk, frozenset())]
    for prefix, walk, above in queue:
        for node in walk.definition.nodes.values():
            if node.use is None or node.id not in walk.seen or node.use.graph in above:
                continue
            name, at = node.use.graph, prefix + node.id
            listed = sites.setdefault(name, [])
            if len(listed) < MOST_SITES:
                listed.append(at)
                queue.append((f"{at}.", walked.used[name].walk, above | {name}))
    return sites


def _all_tools(found: Plan, used: list[Used]) -> tuple[Tool, ...]:
    """The tools of a run and of all that it may start: those of one name, declared alike, are one."""
    tools = {(tool.name, tool.kind, tool.declared, tool.timeout): tool for tool in found.tools}
    for each in used:
        for tool in each.plan.tools:
            key = (tool.name, tool.kind, tool.declared, tool.timeout)
            known = tools.get(key, replace(tool, called_at=(), undoes=(), beside=()))
            tools[key] = replace(
                known,
                called_at=known.called_at + _at(each, tool.called_at),
                undoes=known.undoes + _at(each, tool.undoes),
                beside=known.beside + _at(each, tool.beside),
            )
    return tuple(tools.values())


def _its_secrets(walked: Walked, used: Used) -> list[Secret]:
    """The secrets that a child does not have from above."""
    return [
        Secret(f"{used.at[0]}.{one.field}", one.source, _at(used, one.read_at))
        for one in used.plan.secrets
        if one.field not in walked.used[used.file].passed
    ]


def _below(used: Mapping[str, Walked]) -> dict[str, list[str]]:
    """Each graph that is used -> the tools that its runs may call, and those that these start."""
    own = {name: [tool.name for tool in _tools(walked.walk) if tool.called_at] for name, walked in used.items()}
    return {
        name: [tool for one in {name: 0, **walked.walk.definition.uses} for tool in own.get(one, ())]
        for name, walked in used.items()
    }


def _at(used: Used, names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"{at}.{name}" for at in used.at for name in names)


def _put(question: Question, at: str) -> Question:
    return replace(question, node=f"{at}.{question.node}", form=tuple(_put(part, at) for part in question.form))


def _alone(walked: Walked, failing: facts.Failing | None = None) -> Plan:
    """The plan of one graph, without those that it uses."""
    walk = walked.walk
    graph, definition = walk.graph, walk.definition
    sources = Sources(walk, walked.missing)
    found, more = courses(walk, _below(walked.used))
    tools = _tools(walk)
    signals = dict.fromkeys(name for seen in walk.seen.values() for kind, _, name in seen.ways if kind == "upon")
    waits = (node.wait for name, node in definition.nodes.items() if name in walk.seen)
    signals.update(dict.fromkeys(wait.signal for wait in waits if wait is not None and wait.signal))
    nodes = tuple(_node(walk, sources, node) for name, node in definition.nodes.items() if name in walk.seen)
    return Plan(
        v=facts.VERSION,
        graph=graph.name,
        hash=graph.hash,
        start=definition.start,
        given={
            name: value
            for name, value in walked.given.values.items()
            if value is not None and not name.startswith(ANSWERS)
        },
        missing=walked.missing,
        nodes=nodes,
        unreached=tuple(_unreached(walk)),
        courses=found,
        more_courses=more,
        endings=endings_of(walked),
        time=time_of(walked.time),
        tools=tools,
        permissions=tuple(dict.fromkeys(tool.allow for tool in tools if tool.allow)),
        secrets=_secrets(walk),
        questions=tuple(_question(walk, definition.nodes[name]) for name in definition.nodes if _asks(walk, name)),
        signals=tuple(signals),
        uses=tuple(dict.fromkeys(node.uses for node in nodes if node.uses)),
        catch=definition.catch,
        upon={**definition.upon, **definition.upon_states},
        states=tuple(walk.beside),
        notes=tuple(_notes(walked, more)),
        failing=failing,
    )


def _node(walk: Walk, sources: Sources, node: model.Node) -> facts.Node:
    seen, reader = walk.seen[node.id], walk.reader
    return facts.Node(
        id=node.id,
        verb=node.verb,
        region=node.region,
        time=time_of(seen.cost),
        says=reader.says(node.say, seen.known)[0] if node.say is not None else "",
        calls=_call(walk, node, node.do, attempts_of(node.retry)) if node.do is not None else None,
        emits=_emits(walk, node) if node.emit is not None else None,
        saves=node.save or "",
        waits_for=node.wait.shown if node.wait is not None else "",
        sets=node.set,
        adds=node.adds,
        removes=node.removes,
        listens=tuple(dict.fromkeys((*node.upon, *node.upon_states))),
        timeout=node.timeout,
        deadline=node.deadline,
        heartbeat=node.heartbeat,
        beside=tuple(_notice(walk, node, notice) for notice in node.notices),
        undo=_undo(walk, node),
        commit=node.commit,
        status=ENDS[node.end.status] if node.end is not None else "",
        uses=node.use.path if node.use is not None else "",
        join=_join(node),
        items=seen.items,
        at_once=(node.each.max or None) if node.each is not None else None,
        bodies=tuple(_body(walk, body) for body in node.bodies),
        ways=tuple(_ways(sources, node, seen.ways)),
        excluded=tuple(
            Excluded(edge.to, seen.excluded[number], edge.when or "")
            for number, edge in enumerate(node.to)
            if number in seen.excluded and number not in seen.taken
        ),
    )


def _body(walk: Walk, body: model.Body) -> facts.Body:
    inside = (name for name, node in walk.definition.nodes.items() if node.region == body.region and name in walk.seen)
    return facts.Body(body.name, body.start, tuple(inside))


def _ways(sources: Sources, node: model.Node, seen: dict[tuple[str, str, str], bool]) -> list[Way]:
    ways: list[Way] = []
    before: list[str] = []
    for edge in node.to:
        key = ("undo" if edge.undo else "edge", edge.to, edge.when or "")
        if key not in seen:
            continue
        depends = sources.of([*before, edge.when] if edge.when is not None else before)
        ways.append(Way(key[0], edge.to, key[2], "always" if seen[key] else "maybe", tuple(before), depends))  # type: ignore[arg-type]
        if edge.when is not None and not seen[key]:
            before.append(edge.when)
    if not node.to and ("edge", "$end", "") in seen:
        ways.append(Way("edge", "$end", "", "always"))
    ways += [Way(kind, to, by) for kind, to, by in seen if kind not in ("edge", "undo")]  # type: ignore[arg-type]
    return ways


def _call(walk: Walk, node: model.Node, call: model.Call, attempts: int) -> Call:
    args, complete = walk.reader.data(dict(call.args), walk.seen[node.id].known)
    assert isinstance(args, dict)
    return Call(call.allow or (call.tool,), args, complete, attempts or None)


def _emits(walk: Walk, node: model.Node) -> facts.Emits:
    assert node.emit is not None
    known = walk.seen[node.id].known
    data, _ = walk.reader.data(dict(node.emit.data), known)
    assert isinstance(data, dict)
    return facts.Emits(node.emit.signal, walk.reader.says(node.emit.to, known)[0], data)


def _notice(walk: Walk, node: model.Node, notice: model.Remind | model.Escalation) -> facts.Notice:
    says = walk.reader.says(notice.say, walk.seen[node.id].known)[0] if notice.say is not None else ""
    calls = _call(walk, node, notice.call, 1) if notice.call is not None else None
    if isinstance(notice, model.Remind):
        return facts.Notice("remind", notice.every, notice.max or None, calls, says)
    return facts.Notice("escalate", notice.after, 1, calls, says, notice.by)


def _undo(walk: Walk, node: model.Node) -> Call | None:
    if node.undo is None:
        return None
    seen = walk.seen[node.id]
    args, complete = walk.reader.data(dict(node.undo.call.args), seen.after or seen.known)
    assert isinstance(args, dict)
    return Call(node.undo.call.allow or (node.undo.call.tool,), args, complete, attempts_of(node.undo.retry) or None)


def _join(node: model.Node) -> str:
    if node.verb not in ("all", "each", "race"):
        return ""
    join = node.join or model.Join()
    return str(join.count) if join.mode == "count" else join.mode


def _tools(walk: Walk) -> tuple[Tool, ...]:
    called: dict[str, list[str]] = {}
    undoes: dict[str, list[str]] = {}
    beside: dict[str, list[str]] = {}
    for name, node in walk.definition.nodes.items():
        if name not in walk.seen:
            continue
        calls = [(node.do, called), (node.undo.call if node.undo is not None else None, undoes)]
        calls += [(notice.call, beside) for notice in node.notices]
        for call, users in calls:
            for tool in (call.allow or (call.tool,)) if call is not None else ():
                users.setdefault(tool, []).append(name)
    return tuple(
        _tool(walk, name, *(tuple(users.get(name, ())) for users in (called, undoes, beside)))
        for name in dict.fromkeys([*called, *undoes, *beside])
    )


def _tool(walk: Walk, name: str, called_at: tuple[str, ...], undoes: tuple[str, ...], beside: tuple[str, ...]) -> Tool:
    tool = walk.definition.tools.get(name)
    if tool is None:
        return Tool(name, "host", called_at=called_at, undoes=undoes, beside=beside)
    declared = tool.python or " ".join(getattr(tool, tool.kind, ()))
    allow = tool.kind if tool.kind in PERMITTED else ""
    return Tool(name, tool.kind, declared, tool.effect, tool.timeout, allow, called_at, undoes, beside)


def _secrets(walk: Walk) -> tuple[Secret, ...]:
    found = []
    for name, field in walk.definition.fields.items():
        if field.secret:
            readers = tuple(node for node in walk.definition.nodes if node in walk.seen and name in _reads(walk, node))
            found.append(Secret(name, field.source or "", readers))
    return tuple(found)


def _reads(walk: Walk, name: str) -> frozenset[str]:
    """The names that the arguments of a node and of its undo read, and what it says."""
    from trellis.expr.template import compile_value

    node = walk.definition.nodes[name]
    data: list[Any] = [
        node.do.args if node.do is not None else None,
        node.undo.call.args if node.undo is not None else None,
    ]
    data += [_plain(node.say), _plain(node.emit), _plain(node.use), *(_plain(notice) for notice in node.notices)]
    compiled = compile_value(data)
    return compiled.names | compiled.soft_names


def _plain(value: Any) -> Any:
    import msgspec

    return msgspec.to_builtins(value)


def _asks(walk: Walk, name: str) -> bool:
    return name in walk.seen and walk.definition.nodes[name].ask is not None


def _question(walk: Walk, node: model.Node) -> Question:
    assert node.ask is not None
    limits = [limit for limit in (node.timeout, node.deadline) if limit is not None]
    return _asked(node.id, node.ask, walk.seen[node.id].answered, min(limits, default=None))


def _asked(node: str, ask: model.Ask, answered: bool, within: float | None) -> Question:
    options = VERDICTS if ask.kind == "approve" else ask.options
    form = tuple(_asked(node, part, answered, within) for part in ask.form)
    return Question(node, ask.field, ask.kind, tuple(options), ask.default, ask.by, ask.quorum, answered, within, form)


def _unreached(walk: Walk) -> list[Excluded]:
    """The nodes that cannot be visited, each with the nearest reason."""
    nodes, found = walk.definition.nodes, []
    leading: dict[str, list[tuple[str, str]]] = {}
    for name, node in nodes.items():
        seen = walk.seen.get(name)
        for number, edge in enumerate(node.to):
            why = (
                f"{name} cannot be reached"
                if seen is None
                else f"at {name} {seen.excluded.get(number, 'its work never succeeds')}"
            )
            leading.setdefault(edge.to, []).append((name, why))
        for code, to in node.catch.items():
            why = f"{name} cannot be reached" if seen is None else f"{name} raises no error '{code}'"
            leading.setdefault(to, []).append((name, why))
        for body in node.bodies:
            why = f"{name} cannot be reached" if seen is None else f"{name} has no items"
            leading.setdefault(body.start, []).append((name, why))
        for to in (*node.upon.values(), *node.upon_states.values()):
            why = f"{name} cannot be reached" if seen is None else f"{name} waits for nothing"
            leading.setdefault(to, []).append((name, why))
    for name in nodes:
        if name in walk.seen:
            continue
        whys = [why for source, why in leading.get(name, []) if source != name]
        near = [why for why in whys if not why.endswith("cannot be reached")] or whys
        found.append(Excluded(name, "; ".join(dict.fromkeys(near)) or "no way leads to it"))
    return found


def _notes(walked: Walked, more: bool) -> list[str]:
    notes = []
    if walked.missing:
        notes.append(f"a run has to be given: {', '.join(walked.missing)}; here they are unknown")
    if walked.loose:
        notes.append(f"too many ways to follow every value: {', '.join(sorted(walked.loose))} taken as unknown")
    if more:
        notes.append("there are more courses than are listed; every node and every way is")
    if walked.walk.beside:
        notes.append("what states do runs beside the rest, whenever they come or go")
    return notes
