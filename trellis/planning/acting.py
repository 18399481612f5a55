"""One visit of a node: what its verb may come to, what is known then, and every way that may lead on from there."""

from __future__ import annotations

from typing import Any

from trellis.engine.answers import read_answer, read_form
from trellis.engine.routes import ENGINE_ERRORS
from trellis.engine.writes import failed_check
from trellis.errors import ExpressionError
from trellis.model.graph import END, FAIL, TARGETS, Ask, Node
from trellis.model.values import Value
from trellis.planning import bodies
from trellis.planning.known import LONGEST, UNKNOWN, Known, compact
from trellis.planning.spans import Span, call_span, child_span, endless, undo_span
from trellis.planning.walk import ANSWERS, NONE, Exit, Seen, Visit, Walk, Way, Work

ANY = "*"
"""The code that stands for whatever a tool may say."""


def visit(walk: Walk, node: Node, known: Known, level: str, *, caught: bool) -> Visit:
    """Visit a node with what is known, and note what was seen of it."""
    seen = walk.seen.get(node.id)
    if seen is None:
        seen = walk.seen[node.id] = Seen(known)
    seen.meet(known)
    work = _work(walk, node, known)
    seen.cost = max(seen.cost, work.cost, key=lambda span: (len(span.reasons), span.seconds))
    ways: list[tuple[Way, Known, bool]] = []
    exits = list(work.exits)
    codes = set(work.codes)
    if node.say is not None and not walk.reader.says(node.say, known)[1]:
        codes.add("expression")
    # What fails may have written already; what is interrupted may have done part of it.
    touched = known.without(walk.inner[node.id])
    if node.verb == "end":
        exits.append(Exit("end", node.id))
    for after in work.after:
        seen.worked(after)
        found, failing = _leave(walk, node, after, seen)
        codes |= failing
        for way, behind in found:
            if way.to in TARGETS:
                exits.append(Exit(way.to, node.id))
            ways.append((way, behind, False))
    ambient = walk.ambient if level == "root" else NONE
    waits = work.stays or any(edge.undo for edge in node.to)
    if level == "root" and waits and walk.definition.limits.time is not None:
        ambient |= {"timeout"}  # the time of the run is up wherever its root waits
    aside: list[Way] = []
    for way, taken in _caught(walk, node, frozenset(codes), level, caught=caught, ambient=ambient):
        if way.to in TARGETS:
            aside.append(way)
            exits.append(Exit(way.to, node.id, frozenset((way.by,)) if way.to == FAIL else NONE))
        elif way.to:
            ways.append((way, touched, True))
        else:
            exits.append(Exit("error", node.id, taken))
    for way in _interrupted(walk, node, level) if work.stays else ():
        if way.to in TARGETS:
            aside.append(way)
            exits.append(Exit(way.to, node.id))
        else:
            ways.append((way, touched, False))
    for way in [*(way for way, _, _ in ways), *aside]:
        key = (way.kind, way.to, way.by)
        seen.ways[key] = seen.ways.get(key, True) and way.sure
    return Visit(node.id, work.cost, work.undo.then(undo_span(walk.definition, node)), ways, exits)


def _work(walk: Walk, node: Node, known: Known) -> Work:
    verb: str = node.verb
    match verb:
        case "say" | "pass":
            return Work([known])
        case "end":
            return Work([], _end_fails(walk, node))
        case "ask":
            return _ask(walk, node, known)
        case "do" | "emit":
            after = known.learned({node.save: UNKNOWN}) if node.save else known
            return Work([after], frozenset((ANY, "expression")), call_span(walk.definition, node), stays=True)
        case "all" | "race" | "each":
            return bodies.work(walk, node, known)
        case "wait":
            return _wait(walk, node, known)
        case "use":
            return _use(walk, node, known)
    # A verb that came after this was written: it may take any time, give anything and fail in any way.
    span = endless(node.id, f"nothing is known of how long {verb} takes").within(node.timeout, node.deadline)
    return Work([known.without(walk.inner[node.id])], frozenset((ANY, "expression")), span, stays=True)


def _use(walk: Walk, node: Node, known: Known) -> Work:
    child = walk.enter(walk, node, known)
    before = walk.children.get(node.id)
    walk.children[node.id] = child if before is None else before.common(child)
    after = [known.without(walk.inner[node.id])] if child.completes else []
    return Work(after, frozenset((ANY, "expression")), child_span(node, child.time), stays=True)


def _end_fails(walk: Walk, node: Node) -> frozenset[str]:
    codes = {"expression"} if node.end is not None and node.end.result is not None else set[str]()
    if node.set:
        codes |= {"expression", "invalid", "value_limit"}
    if walk.definition.states:
        codes.add("states_refused")
    if node.end is not None and node.end.result is not None:
        codes.add("value_limit")
    return frozenset(codes)


def _timed(node: Node) -> frozenset[str]:
    return frozenset(("timeout",)) if node.timeout is not None or node.deadline is not None else NONE


def _wait(walk: Walk, node: Node, known: Known) -> Work:
    wait = node.wait
    assert wait is not None
    span = endless(node.id, f"it waits for {wait.shown} without a timeout")
    codes = set(_timed(node))
    after = known.learned({node.save: UNKNOWN}) if node.save else known
    if wait.time is not None:
        span = Span(wait.time)
        if all(limit is None or limit > wait.time for limit in (node.timeout, node.deadline)):
            codes.clear()
    elif wait.until is not None:
        codes |= {"expression", "invalid"}
        span = endless(node.id, f"it waits until {wait.until}, however far that is from its start")
    elif wait.condition is not None:
        codes.add("expression")
        try:
            holds = walk.reader.decide(wait.condition, known)
        except ExpressionError:
            return Work([], frozenset(codes), stays=True)
        if holds:
            return Work([after])
        if holds is False:  # who may write what it reads meanwhile is known: nobody
            never = endless(node.id, f"it waits for {wait.shown}, which never comes")
            return Work([], frozenset(codes), never.within(node.timeout, node.deadline), stays=True)
    return Work([after], frozenset(codes), span.within(node.timeout, node.deadline), stays=True)


def _ask(walk: Walk, node: Node, known: Known) -> Work:
    ask = node.ask
    assert ask is not None
    lapses = ask.kind == "approve" and "timeout" not in node.catch
    codes = {"open_limit", "value_limit"} if lapses else {"open_limit", "value_limit", *_timed(node)}
    if any(walk.definition.fields[name].check or walk.definition.fields[name].merge for name in ask.fields):
        codes.add("invalid")
    span = endless(node.id, "it waits for a person without a timeout").within(node.timeout, node.deadline)
    given, counts = _answer(walk, node, ask, known)
    if given is None:
        forgotten = dict.fromkeys(ask.fields, UNKNOWN)
        return Work([known.learned({**forgotten, **counts})], frozenset(codes), span, stays=True)
    walk.seen[node.id].answered = True
    learned = {name: UNKNOWN if _loose(walk, node, name) else value for name, value in given.items()}
    return Work([known.learned({**learned, **counts})], frozenset(codes - {"timeout"}), stays=True)


def _answer(walk: Walk, node: Node, ask: Ask, known: Known) -> tuple[dict[str, Any] | None, dict[str, Any]]:
    """The fields that a given answer writes, None where there is none; and how many answers are taken then."""
    named = isinstance(walk.answers, dict)
    counter = ANSWERS + node.id if named else ANSWERS
    given = walk.answers
    sheet = given.get(node.id, []) if isinstance(given, dict) else given
    listed: list[Value] = sheet if isinstance(sheet, list) else [sheet]
    if not listed:
        return None, {}
    place = known.values.get(counter)
    if not isinstance(place, int) or "[]" in node.id or ask.kind in ("approve", "secret"):
        return None, {counter: UNKNOWN}
    fields: Any
    for number in range(place, len(listed)):  # one that does not fit is asked for again
        try:
            if ask.form:
                fields = read_form(walk.program, ask.form, _typed_form(listed[number]), known.values)
            else:
                value = read_answer(walk.program, ask, _typed(listed[number]))
                if failed_check(walk.program.fields[ask.field], value, known.values):
                    continue
                fields = {ask.field: value}
        except ValueError:
            continue
        shown = {name: UNKNOWN if walk.definition.fields[name].secret else value for name, value in fields.items()}
        return shown, {counter: number + 1}
    return None, {counter: len(listed)}


def _typed(value: Value) -> Value:
    """A written answer as a person would have typed it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


def _typed_form(value: Value) -> Value:
    return {name: _typed(part) for name, part in value.items()} if isinstance(value, dict) else value


def _loose(walk: Walk, node: Node, field: str) -> bool:
    """Whether what is written to this field is not followed."""
    return field in walk.loose or bool(node.region and walk.definition.fields[field].merge)


def _leave(walk: Walk, node: Node, known: Known, seen: Seen) -> tuple[list[tuple[Way, Known]], frozenset[str]]:
    """The ways on after the work was done, with what is known behind them; and what may go wrong."""
    reader, codes = walk.reader, set[str]()
    if node.undo is not None and node.undo.call.args:
        codes.add("expression")
    if node.undo is not None and node.undo.call.allow:
        codes.add("expression")
    if walk.definition.states:
        codes.add("states_refused")
    if node.save is not None:
        codes |= {"invalid", "value_limit"}
    if node.set and walk.definition.limits.value < LONGEST:
        codes.add("value_limit")
    changes: dict[str, Any] = {}
    for field, text in node.set.items():
        try:
            value = reader.value(text, known)
            stored = reader.stored(walk.program.fields[field], value, known)
        except ExpressionError:
            return [], frozenset(codes | {"expression"})
        except ValueError:
            return [], frozenset(codes | {"invalid"})
        if stored is UNKNOWN:
            codes |= {"expression", "invalid", "value_limit"}
        changes[field] = UNKNOWN if _loose(walk, node, field) else stored
    behind = known.learned(changes)
    if not node.to:
        return [(Way("edge", END, "", True), behind)], frozenset(codes)  # noqa: FBT003
    ways: list[tuple[Way, Known]] = []
    doubts = False
    for number, edge in enumerate(node.to):
        holds: bool | None = True
        if edge.when is not None:
            try:
                holds = reader.decide(edge.when, behind)
            except ExpressionError:
                codes.add("expression")
                if not doubts:
                    _exclude(seen, range(number, len(node.to)), f"`{edge.when}` cannot be evaluated")
                    break
                holds = False
        if holds is False:
            _exclude(seen, (number,), _why_not(walk, edge.when or "", behind))
            continue
        if holds is None:
            codes.add("expression")
        seen.taken.add(number)
        kind = "undo" if edge.undo else "edge"
        if edge.undo:
            codes.add("undo_failed")
        ways.append((Way(kind, edge.to, edge.when or "", holds is True and not doubts), behind))
        if holds:
            if edge.when is not None:
                _exclude(seen, range(number + 1, len(node.to)), f"`{edge.when}` holds before it")
            break
        doubts = True
    else:
        codes.add("no_edge")
    return ways, frozenset(codes)


def _exclude(seen: Seen, numbers: Any, why: str) -> None:
    for number in numbers:
        seen.excluded.setdefault(number, why)


def _why_not(walk: Walk, text: str, known: Known) -> str:
    values = [
        f"{name} is {compact(known.values[name])}" for name in sorted(walk.reader.names(text)) if name in known.values
    ]
    return f"`{text}` does not hold" + (f": {', '.join(values)}" if values else "")


def _caught(
    walk: Walk, node: Node, codes: frozenset[str], level: str, *, caught: bool, ambient: frozenset[str]
) -> list[tuple[Way, frozenset[str]]]:
    """Where errors go: by the node's own `catch`, in the root then by the graph's, unless the node was itself reached so.

    `ambient`: codes of what states do, which takes the graph's in the place of the root. A way to "" has the codes that
    nothing took.
    """
    found, rest = _sort(node.catch, codes)
    if level == "root":
        rest |= ambient
        if not caught:
            routes = {code: to for code, to in walk.definition.catch.items() if ambient or code not in node.catch}
            others, rest = _sort(routes, rest)
            found += others
    ways = [(Way("catch", target, code), NONE) for code, target in found]
    return [*ways, (Way("catch", "", ""), rest)] if rest else ways


def _sort(catch: dict[str, str], codes: frozenset[str]) -> tuple[list[tuple[str, str]], frozenset[str]]:
    """The (code, target) of those that `catch` takes, and the codes that it leaves."""
    found: list[tuple[str, str]] = []
    rest = set(codes)
    for code, target in catch.items():
        if code == "*":
            taken = {one for one in rest if one == ANY or (one not in ENGINE_ERRORS and one not in catch)}
            if taken:
                found.append((code, target))
                rest -= taken
        elif code in codes or (ANY in codes and code not in ENGINE_ERRORS):
            found.append((code, target))
            rest.discard(code)
    return found, frozenset(rest)


def _interrupted(walk: Walk, node: Node, level: str) -> list[Way]:
    """Where signals and states lead from a node that stays."""
    ways = [Way("upon", target, name) for name, target in node.upon.items()]
    ways += [Way("states", target, name) for name, target in node.upon_states.items()]
    if level == "root":
        ways += [Way("upon", target, name) for name, target in walk.definition.upon.items() if name not in node.upon]
        ways += [Way("states", target, name) for name, target in walk.definition.upon_states.items()]
    return ways
