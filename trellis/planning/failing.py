"""What would happen if one node failed for good: which `catch` takes it, and what is undone then."""

from __future__ import annotations

from trellis.engine.routes import ENGINE_ERRORS
from trellis.model.graph import FAIL, ROLLBACK, TARGETS, Node
from trellis.planning.facts import Failing, Kept, Route, Time, Together, Undone, time_of
from trellis.planning.ordering import reachable, turned
from trellis.planning.spans import Span, attempts_of, endless, undo_span
from trellis.planning.undoing import Undoing
from trellis.planning.walk import Walk

FAILED = "failed"
COLLECTS = "collects it and goes on"
STATUS = {"denied": "denied", "timeout": "timed_out"}


def failing(walk: Walk, name: str, code: str = "") -> Failing:
    """`name` is a node of the graph. Without a code it is `failed`, the one that a tool says when it says no other."""
    code = code or FAILED
    node = walk.definition.nodes[name]
    attempts: int | None = 1
    if (node.do is not None or node.use is not None or node.emit is not None) and not (
        node.retry is not None and code in node.retry.non_retryable
    ):
        attempts = attempts_of(node.retry) or None
    if name not in walk.seen:
        return Failing(name, code, reached=False, attempts=attempts)
    undoing = Undoing(walk)
    routes, target, at = _route(walk, undoing, node, code)
    if routes[-1].does == COLLECTS:
        return Failing(name, code, reached=True, attempts=attempts, routes=routes, goes_on=at)
    if target == ROLLBACK:
        found = undoing.before([at])
        kept = _kept(name, node, found.kept)
        return Failing(
            name, code, reached=True, attempts=attempts, routes=routes, ends="rolled_back", undone=found.undone, kept=kept,
            time=_time(walk, found.undone),
        )  # fmt: skip
    if target in ("", FAIL):
        return Failing(name, code, reached=True, attempts=attempts, routes=routes, ends=STATUS.get(code, "failed"))
    if target in TARGETS:
        ends = "" if walk.definition.nodes[at].region else "completed"
        return Failing(name, code, reached=True, attempts=attempts, routes=routes, ends=ends)
    region = walk.definition.nodes[target].region
    behind = reachable(_follows(walk, region), target)
    sites = [one for one in walk.definition.nodes if one in behind and _rolls_back(walk, one)]
    if not sites or region:
        return Failing(name, code, reached=True, attempts=attempts, routes=routes, goes_on=target)
    earlier = reachable(turned(_follows(walk, region)), at)
    edges = ("edge", "undo")
    done = frozenset(
        one for one in sites if any(to == ROLLBACK and kind in edges for kind, to, _ in walk.seen[one].ways)
    )
    found = undoing.before(sites, frozenset(behind | earlier), done)
    return Failing(
        name, code, reached=True, attempts=attempts, routes=routes, goes_on=target, later=tuple(sites), undone=found.undone,
        kept=_kept(name, node, found.kept), time=_time(walk, found.undone),
    )  # fmt: skip


def _route(walk: Walk, undoing: Undoing, node: Node, code: str) -> tuple[tuple[Route, ...], str, str]:
    """The stations of the error, where it leads ("" where nothing takes it), and from which node."""

    def caught(catch: dict[str, str]) -> str:
        return catch.get(code) or ("" if code in ENGINE_ERRORS else catch.get("*", ""))

    routes: list[Route] = []
    while True:
        target = caught(node.catch)
        if target:
            return (*routes, Route(node.id, "catches it", target)), target, node.id
        owner = undoing.owners.get(node.region)
        if owner is None:
            break
        above, _ = owner
        join = above.join
        if join is not None and join.mode == "collect":
            return (*routes, Route(above.id, COLLECTS)), "", above.id
        total = walk.seen[above.id].items if above.each is not None else len(above.bodies)
        if join is not None and join.mode == "count" and (total is None or total > join.count):
            need = f"needs {join.count} of {'its items' if total is None else total}: fails only if too few are left"
            routes.append(Route(above.id, need))
        else:
            routes.append(Route(above.id, "fails with it, the rest is cancelled" if total != 1 else "fails with it"))
        node = above
    if node.region:
        routes.append(Route(node.id, "what a state does has failed, which is an error of the run"))
    target = caught(walk.definition.catch)
    if target:
        unless = ", unless the node was itself reached by catch" if _reached_by_catch(walk, node.id) else ""
        return (*routes, Route("", f"the graph catches it{unless}", target)), target, node.id
    return (*routes, Route("", "nothing catches it")), "", node.id


def _reached_by_catch(walk: Walk, name: str) -> bool:
    return any((kind, to) == ("catch", name) for seen in walk.seen.values() for kind, to, _ in seen.ways)


def _rolls_back(walk: Walk, name: str) -> bool:
    return any(to == ROLLBACK for _, to, _ in walk.seen[name].ways)


def _follows(walk: Walk, region: str) -> dict[str, set[str]]:
    nodes = walk.definition.nodes
    return {
        name: {to for _, to, _ in seen.ways if to not in TARGETS}
        for name, seen in walk.seen.items()
        if nodes[name].region == region
    }


def _kept(name: str, node: Node, kept: tuple[Kept, ...]) -> tuple[Kept, ...]:
    if node.undo is not None:
        return (Kept(name, "it has not completed"), *(one for one in kept if one.node != name))
    return kept


def _time(walk: Walk, steps: tuple[Undone | Together, ...]) -> Time:
    total = Span()
    nodes = walk.definition.nodes
    late = False
    for step in steps:
        for one in step.steps if isinstance(step, Together) else (step,):
            span = undo_span(walk.definition, nodes[one.node])
            late = late or one.late
            if isinstance(step, Together) and step.of in ("loop", "items") and not span.nothing:
                span = span.then(endless(one.node, "it may have completed several times"))
            total = total.then(span)
    return time_of(total.then(walk.left()) if late else total)
