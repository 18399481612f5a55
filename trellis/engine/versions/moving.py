"""The move itself: the state as the new version has it, found together with whether there is one."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from trellis.engine.apply import settle
from trellis.engine.approvals import approvers
from trellis.engine.chain import Chain
from trellis.engine.program import Say
from trellis.engine.questions import asked
from trellis.engine.state import (
    ErrorFacts,
    Joining,
    Open,
    Refusal,
    Rollback,
    Setting,
    State,
    Step,
    Timer,
    Token,
    UndoEntry,
    UndoFailure,
)
from trellis.engine.tally import Tally
from trellis.engine.turn import Turn
from trellis.engine.versions.active import carry_active
from trellis.engine.versions.fields import carry_fields
from trellis.engine.versions.names import Versions
from trellis.engine.versions.pending import check_pending
from trellis.engine.versions.position import body_places, check_position
from trellis.engine.versions.unset import check_unset
from trellis.engine.versions.verdict import Verdict
from trellis.errors import ExpressionError
from trellis.model.actions import CallTool, Given, RequestInput
from trellis.model.events import Adopted
from trellis.model.graph import Ask, Graph
from trellis.model.secrets import mask
from trellis.model.values import Value


def move(old: Graph, new: Graph, state: State, event: Adopted) -> Step:
    """The step of an adoption; see `adopt`."""
    if state.status != "running":
        return _refuse(state, "closed", f"run '{state.run}' has ended: {state.status}")
    for graph, wanted, what in ((old, state.graph, "the run is"), (new, event.graph, "what is to be adopted is")):
        if graph.hash != wanted:
            return _refuse(state, "other_graph", f"{what} of definition {wanted[:12]}, found {graph.hash[:12]}")
    verdict, moved = prepare(old, new, state)
    if moved is None:
        return _refuse(state, verdict.status, "; ".join(verdict.reasons))
    declared = new.definition.migrate
    of_nodes = verdict.nodes.items() <= event.nodes.items() <= declared.nodes.items()
    if not (of_nodes and verdict.fields.items() <= event.fields.items() <= declared.fields.items()):
        return _refuse(state, "other_map", "the map of the event is not the one of the new version")
    versions = Versions(old, new)
    turn = Turn(versions.new_program, moved, event.at)
    facts = {"graph": new.hash, "from": old.hash, "nodes": verdict.nodes, "fields": verdict.fields}
    turn.note("adopted", facts)
    for name, pending in moved.open.items():
        before = state.open[name].request
        request = pending.request
        if isinstance(request, RequestInput) and isinstance(before, RequestInput):
            if replace(before, node=request.node, field=request.field) != request:
                # It was told before, so a turn that leaves it cancels it as any other.
                turn.requests.append(request)
                turn.note("ask", asked(request))
    turn.stirred = True
    if turn.states is not None:
        turn.states.written = old.definition.states != new.definition.states
    return settle(turn)  # the journal is no longer for it, so that an edit beside the run changes nothing


def _refuse(state: State, code: str, message: str) -> Step:
    return Step(state, refusal=Refusal(code, message))


def prepare(old: Graph, new: Graph, state: State) -> tuple[Verdict, State | None]:
    """The verdict and, where it is safe, the state as `new` has it."""
    versions = Versions(old, new)
    findings = versions.findings
    if state.status != "running":
        findings.blocked(f"the run has ended: {state.status}")
        return findings.verdict(versions.nodes, versions.fields), None
    if old.name != new.name:
        findings.blocked(f"'{new.name}' is no version of '{old.name}': a graph keeps its `name`")
    versions.clash()
    check_position(versions, state)
    check_pending(versions, state)
    fields = carry_fields(versions, state)
    active, clock = carry_active(versions, state)
    moved = None
    if not findings.mappable and not findings.blocking:
        moved = _Mover(versions, state, fields).state(active, clock)
        check_unset(versions, state, moved)
    verdict = findings.verdict(versions.nodes, versions.fields)
    return verdict, moved if verdict.status == "safe" else None


class _Mover:
    """Every part of a state under its new names. Used only once all names are known to be there."""

    def __init__(self, versions: Versions, before: State, fields: dict[str, Value]) -> None:
        self.versions, self.before, self.fields = versions, before, fields
        self.node, self.path = versions.node, versions.path

    def state(self, active: tuple[str, ...], clock: dict[str, int]) -> State:
        before, versions = self.before, self.versions
        tokens = {self.path(path): self.token(token) for path, token in before.tokens.items()}
        new = versions.new
        visits = before.visits
        if versions.nodes:
            visits = Tally.of({self.node(name): count for name, count in visits.counts().items()})
        return replace(
            before,
            graph=versions.new_hash,
            fields=self.fields,
            tokens=tokens,
            open={name: self.pending(pending) for name, pending in before.open.items()},
            timers={name: self.timer(timer) for name, timer in before.timers.items()},
            undo=self.undo(before.undo),
            rollback=None if before.rollback is None else self.rollback(before.rollback),
            marks={
                self.node(name): entry
                for name, entry in before.marks.items()
                if self.node(name) in versions.new_program.marked
            },
            visits=visits,
            error=self.error(before.error),
            undo_failures=self.failures(before.undo_failures),
            active=active,
            clock=clock,
            secrets={name: kept for name, kept in before.secrets.items() if name in new.fields},
        )

    def token(self, token: Token) -> Token:
        return replace(
            token,
            path=self.path(token.path),
            node=self.node(token.node),
            parent=self.path(token.parent),
            index=self.index(token),
            call=None if token.call is None else replace(token.call, node=self.path(token.call.node)),
            locals=self.locals(token.locals),
            join=None if token.join is None else self.join(token, token.join),
        )

    def index(self, token: Token) -> int:
        around = self.before.tokens.get(token.parent)
        return token.index if around is None else self.place(around, token.index)

    def place(self, token: Token, index: int) -> int:
        """Which body it is now that was the one of this number."""
        old = self.versions.old.nodes[token.node]
        if old.each is not None or not old.bodies:
            return index
        return body_places(self.versions, old, self.versions.new.nodes[self.node(token.node)])[index]

    def join(self, token: Token, joining: Joining) -> Joining:
        return replace(
            joining,
            done=_mapped(joining.done, lambda pair: (self.place(token, pair[0]), pair[1])),
            failed=_mapped(joining.failed, lambda pair: (self.place(token, pair[0]), self.error(pair[1]))),
        )

    def locals(self, local: dict[str, Value]) -> dict[str, Value]:
        error = local.get("error")
        if isinstance(error, dict) and isinstance(error.get("node"), str):
            return {**local, "error": {**error, "node": self.path(error["node"])}}
        return local

    def pending(self, pending: Open) -> Open:
        """A call that takes back keeps the path that its key was made of."""
        request, token = pending.request, pending.token
        if isinstance(request, RequestInput):
            moved = self.token(token)
            return replace(pending, request=self.question(request, moved), token=moved)
        if isinstance(request, CallTool) and request.undo:
            return replace(pending, token=replace(token, node=self.node(token.node)))
        return replace(pending, request=replace(request, node=self.path(request.node)), token=self.token(token))

    def question(self, request: RequestInput, token: Token) -> RequestInput:
        """The question as the new version asks it."""
        old = self.versions.old.nodes[self.before.tokens[request.node].node]
        new = self.versions.new_program.node(token.node)
        ask = new.node.ask
        assert ask is not None  # the verb is the same
        prompt = request.prompt
        if new.node.say != old.say:
            prompt = self.say(new.say, token) if new.say is not None else ""
        return replace(
            request,
            node=token.path,
            field=ask.field,
            ask=ask.kind,
            prompt=prompt,
            options=ask.options,
            default=ask.default,
            by=approvers(ask, new.node.escalate, self.before.tokens[request.node].escalated),
            quorum=ask.quorum,
            given=self.given(request, token, ask),
            form=ask.form,
            lines=ask.lines,
        )

    def given(self, request: RequestInput, token: Token, ask: Ask) -> tuple[Given, ...]:
        """Who has approved so far, where that still counts and more are still needed."""
        if not request.given or ask.kind != "approve":
            return ()
        findings = self.versions.findings
        by = approvers(ask, self.versions.new.nodes[token.node].escalate, self.before.tokens[request.node].escalated)
        for one in request.given:
            if by and one.by not in by:
                findings.blocked(f"'{one.by}' has approved node '{token.path}', and is no approver of the new version")
        if len(request.given) >= ask.quorum:
            findings.blocked(
                f"node '{token.path}' has {len(request.given)} of {request.quorum} approvals, and the new version needs no "
                f"more than {ask.quorum}; let the run leave it first"
            )
        return request.given

    def say(self, say: Say, token: Token) -> str:
        try:
            said = say({**self.fields, **token.locals}, self.before.locale)
        except ExpressionError as error:
            self.versions.findings.blocked(
                f"node '{token.path}' asks, and what the new version says there cannot be said now: {error}"
            )
            return ""
        return "" if said is None else str(mask(said))

    def timer(self, timer: Timer) -> Timer:
        return timer if timer.entry == 0 else replace(timer, path=self.path(timer.path))

    def undo(self, chain: Chain[UndoEntry] | None) -> Chain[UndoEntry] | None:
        if not self.versions.nodes:
            return chain
        return _mapped(chain, lambda entry: replace(entry, path=self.path(entry.path), node=self.node(entry.node)))

    def rollback(self, rolling: Rollback) -> Rollback:
        current, back = rolling.current, rolling.back
        if current is not None:
            current = replace(current, node=self.node(current.node))
        if back is not None:
            token, target, setting = back
            writes = {self.versions.field(name): value for name, value in setting.fields.items()}
            back = self.token(token), self.node(target), Setting(writes, setting.adds, setting.removes)
        return replace(
            rolling,
            error=self.error(rolling.error),
            current=current,
            failures=self.failures(rolling.failures),
            back=back,
        )

    def error(self, error: ErrorFacts | None) -> Any:
        return None if error is None else replace(error, node=self.path(error.node))

    def failures(self, failures: tuple[UndoFailure, ...]) -> tuple[UndoFailure, ...]:
        return tuple(replace(failure, node=self.path(failure.node)) for failure in failures)


def _mapped(chain: Chain[Any] | None, change: Any) -> Chain[Any] | None:
    """The same chain of changed values."""
    made: Chain[Any] | None = None
    for value in reversed(list(chain or ())):
        made = Chain(change(value), made)
    return made
