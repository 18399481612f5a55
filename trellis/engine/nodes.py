"""A visit of a node: say, act, and at success save, undo, set, and the way on, in this order."""

from __future__ import annotations

from collections.abc import Callable

from trellis.engine import attempts, joins, reminders, rollback
from trellis.engine.limits import no_room
from trellis.engine.moves import change, finish, shift, write
from trellis.engine.program import LinkedNode
from trellis.engine.questions import asked
from trellis.engine.routes import follow, raise_error, remember_value
from trellis.engine.state import NOTHING, ErrorFacts, Open, Setting, Status, Token
from trellis.engine.turn import Turn
from trellis.engine.writes import Fault, fitted, said, scope
from trellis.errors import ExpressionError
from trellis.model.actions import RenderContent, RequestInput
from trellis.model.dates import read_moment
from trellis.model.graph import END, Ask
from trellis.model.values import Value


def act(turn: Turn, path: str, entry: int) -> None:
    """A node was entered: start its timers, say its text, do what its verb says."""
    token = turn.tokens.get(path)
    if token is None or token.entry != entry:
        return  # a sibling's end has cancelled it in the meantime
    linked = turn.program.node(token.node)
    try:
        if linked.timed:
            token = _start_timers(turn, token, linked)
        text = _say(turn, token, linked) if linked.say is not None else ""
        ACTS[linked.node.verb](turn, token, linked, text)
    except Fault as fault:
        raise_error(turn, turn.tokens[path], fault.code, fault.message)
    except ExpressionError as error:
        raise_error(turn, turn.tokens[path], "expression", str(error))


def complete(turn: Turn, path: str, entry: int, value: Value, ahead: Setting = NOTHING) -> None:
    """The node's work succeeded with `value`. `ahead` is what the last of its bodies sets, as part of the move."""
    token = turn.tokens.get(path)
    if token is None or token.entry != entry:
        return
    linked = turn.program.node(token.node)
    node = linked.node
    token = remember_value(turn, token, value)
    try:
        field = node.ask.field if node.ask is not None else node.save
        if field:
            # The fact is kept whatever becomes of the move.
            write(turn, {field: fitted(turn, token, field, value, ahead)})
            if ahead is not NOTHING:
                ahead = ahead.without(field)
        elif node.ask is not None:
            _write_form(turn, token, node.ask, value)
        _leave(turn, token, linked, ahead)
    except Fault as fault:
        raise_error(turn, token, fault.code, fault.message)
    except ExpressionError as error:
        raise_error(turn, token, "expression", str(error))


def _write_form(turn: Turn, token: Token, ask: Ask, answers: Value) -> None:
    """Write what a form was answered with, all of it at once: the check of one field may read the others."""
    assert isinstance(answers, dict)  # as `answers.read_form` gives it
    together = Setting(answers)
    write(turn, {field: fitted(turn, token, field, answers[field], together.without(field)) for field in ask.fields})


def proceed(turn: Turn, path: str, entry: int) -> None:
    """What the node waited for has come."""
    token = turn.tokens.get(path)
    if token is None or token.entry != entry:
        return
    try:
        _leave(turn, token, turn.program.node(token.node))
    except Fault as fault:
        raise_error(turn, token, fault.code, fault.message)
    except ExpressionError as error:
        raise_error(turn, token, "expression", str(error))


def back(turn: Turn, path: str, target: str, setting: Setting, failures: tuple[object, ...]) -> None:
    """What an edge with `undo: true` had to undo is undone, as far as it could be."""
    token = turn.tokens[path]
    turn.stirred = True  # nobody could go on meanwhile
    if failures:
        raise_error(turn, token, "undo_failed", f"{len(failures)} of what completed could not be undone")
        return
    try:
        follow(turn, token, target, setting=setting)
    except Fault as fault:
        raise_error(turn, token, fault.code, fault.message)


def _leave(turn: Turn, token: Token, linked: LinkedNode, ahead: Setting = NOTHING) -> None:
    """Keep the undo, evaluate what is set, and take the way on. Raises Fault or ExpressionError."""
    if linked.node.undo is not None or linked.node.commit:
        _keep_undo(turn, token, linked, ahead)
    names = scope(turn, token, ahead)
    setting = ahead
    if linked.sets:
        own = _own_setting(turn, token, linked, names, ahead)
        if own.fields:
            names = {**names, **own.fields}
        setting = own if ahead is NOTHING else ahead.then(own)
    if linked.simple_to is not None:
        follow(turn, token, linked.simple_to, setting=setting)
        return
    if not linked.edges:  # the only node of a body
        follow(turn, token, END, setting=setting)
        return
    for edge in linked.edges:
        if edge.when is None or edge.when(names):
            if edge.undo:
                rollback.begin_back(turn, token, edge.to, setting)
            else:
                follow(turn, token, edge.to, setting=setting)
            return
    raise Fault("no_edge", f"no `if` of node '{token.path}' holds, and it has no way on without one")


def _own_setting(
    turn: Turn, token: Token, linked: LinkedNode, names: dict[str, Value], ahead: Setting = NOTHING
) -> Setting:
    writes: dict[str, Value] = {}
    for field, evaluate in linked.set:
        writes[field] = fitted(turn, token, field, evaluate(names), ahead)
    return Setting(writes, linked.node.adds, linked.node.removes)


def _keep_undo(turn: Turn, token: Token, linked: LinkedNode, ahead: Setting = NOTHING) -> None:
    if linked.node.commit:
        turn.undo = None
    problem = rollback.push(turn, token, scope(turn, token, ahead))
    if problem:
        raise Fault("expression", f"its undo: {problem}")


def _start_timers(turn: Turn, token: Token, linked: LinkedNode) -> Token:
    """The deadline of the visit; and its timeout, which where there are attempts is one's and starts with it."""
    node = linked.node
    timers = token.timers
    if node.deadline is not None:
        timers = (*timers, turn.start_timer("deadline", node.deadline, token.path, token.entry, turn.key(token), 1))
    attempted = node.do is not None or node.emit is not None or node.use is not None
    if node.timeout is not None and not attempted:
        timers = (*timers, turn.start_timer("timeout", node.timeout, token.path, token.entry, turn.key(token), 1))
    if node.remind is not None or node.escalate:
        timers = (*timers, *reminders.start(turn, token, node))
    return change(turn, token, timers=timers)


def _say(turn: Turn, token: Token, linked: LinkedNode) -> str:
    """Say what the node has to say in the language of the run, and give it; empty where none of it holds."""
    assert linked.say is not None
    text = said(linked.say, turn, token)
    if text is None:
        return ""
    turn.emit(RenderContent(id=turn.next_id(), idempotency_key=turn.key(token), node=token.path, text=text))
    turn.note("say", {"node": token.path, "text": text})
    return text


def _pass(turn: Turn, token: Token, linked: LinkedNode, _text: str) -> None:
    _leave(turn, token, linked)


def _wait(turn: Turn, token: Token, linked: LinkedNode, _text: str) -> None:
    """Set the timer that ends the wait. Without one there is nothing to do: waits are looked at when all has settled."""
    wait = linked.node.wait
    assert wait is not None
    if linked.until is not None:
        try:
            due = read_moment(linked.until(scope(turn, token)))
        except ValueError as error:
            raise Fault("invalid", f"node '{token.path}' waits until: {error}") from error
    elif wait.time is not None:
        due = turn.at + wait.time
    else:
        return
    if due <= turn.at:
        _leave(turn, token, linked)
        return
    timer = turn.set_timer("wait", due, token.path, token.entry, turn.key(token), 1)
    change(turn, token, timers=(*token.timers, timer))


def _ask(turn: Turn, token: Token, linked: LinkedNode, text: str) -> None:
    ask = linked.node.ask
    assert ask is not None
    reason = no_room(turn)
    if reason:
        raise Fault("open_limit", reason)
    request = RequestInput(
        id=turn.next_id(),
        idempotency_key=turn.key(token),
        node=token.path,
        field=ask.field,
        ask=ask.kind,
        prompt=text,
        options=ask.options,
        default=ask.default,
        by=ask.by,
        quorum=ask.quorum,
        form=ask.form,
        lines=ask.lines,
    )
    turn.emit(request, "ask", asked(request))
    token = change(turn, token, request=request.id)
    turn.write_open()[request.id] = Open(request, token)


def _end(turn: Turn, token: Token, linked: LinkedNode, _text: str) -> None:
    end = linked.node.end
    assert end is not None
    names = scope(turn, token)
    setting = _own_setting(turn, token, linked, names) if linked.sets else NOTHING
    result = linked.result({**names, **setting.fields}) if linked.result is not None else None
    shift(turn, token, setting)
    statuses: dict[str, Status] = {"ok": "completed", "failed": "failed", "cancelled": "cancelled"}
    if end.status == "failed":
        turn.error = _ended_by(token)
    finish(turn, statuses[end.status], result)


def _ended_by(token: Token) -> ErrorFacts:
    caught = token.locals.get("error")
    if isinstance(caught, dict):  # the node was reached by `catch`: the run ends with what was caught
        return ErrorFacts(caught["code"], caught["message"], caught["node"], caught["attempt"])
    return ErrorFacts("failed", f"node '{token.path}' ended the run as failed", token.path)


ACTS: dict[str, Callable[[Turn, Token, LinkedNode, str], None]] = {
    "say": _pass,
    "pass": _pass,
    "ask": _ask,
    "do": attempts.begin,
    "use": attempts.begin_child,
    "all": joins.open_all,
    "race": joins.open_all,
    "each": joins.open_each,
    "wait": _wait,
    "emit": attempts.emit,
    "end": _end,
}
"""What each verb does. Every entry may raise Fault or ExpressionError."""

WORK: dict[str, Callable[..., None]] = {
    "act": act,
    "complete": complete,
    "proceed": proceed,
    "arrive": joins.arrive,
    "unwind": rollback.unwind,
    "back": back,
    "make": attempts.make,
}
"""The pieces of work that a turn's agenda may hold."""
