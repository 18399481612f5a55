"""What somebody outside tells a run, as data that can cross processes; and the event that it comes to.

A command is judged where the run is: by the host that drives it, or by whoever claims it to deliver the command.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from trellis.engine import State
from trellis.engine.answers import ASKED_AGAIN, INVALID_ANSWER
from trellis.engine.program import program_of
from trellis.errors import Refused, RunClosed
from trellis.hosts.clock import Clock
from trellis.hosts.vault import Vault, sealed
from trellis.model.actions import CallTool, RequestInput
from trellis.model.events import (
    ActionCompleted,
    ActionFailed,
    AnswerGiven,
    AttemptWanted,
    CancelRequested,
    Event,
    SignalReceived,
)
from trellis.model.graph import Graph
from trellis.model.secrets import seal, sealed_names
from trellis.model.values import Value, reject

CLOSED, DUPLICATE = "closed", "duplicate"


class Answer(msgspec.Struct, frozen=True, omit_defaults=True, tag="answer"):
    """Answer the question of a node (its path). `id`: the sender's own; sent again under it, it counts once."""

    node: str
    value: Value = None
    by: str = ""
    id: str = ""


class Signal(msgspec.Struct, frozen=True, omit_defaults=True, tag="signal"):
    """Send a signal."""

    name: str
    data: dict[str, Value] = {}
    by: str = ""
    id: str = ""


class CancelRun(msgspec.Struct, frozen=True, omit_defaults=True, tag="cancel"):
    """End the run now, nothing is undone. `terminate`: as an operator does it; sent again, it changes nothing.

    `undo`: as a run does it that goes on without this one; what completed is undone first.
    """

    reason: str = ""
    by: str = ""
    terminate: bool = False
    undo: bool = False


class Resolve(msgspec.Struct, frozen=True, omit_defaults=True, tag="resolve"):
    """Say how a call ended whose outcome is uncertain: done with `value`, failed with `code`, or to be made `again`."""

    node: str
    value: Value = None
    code: str = ""
    message: str = ""
    again: bool = False
    by: str = ""


class Adopt(msgspec.Struct, frozen=True, omit_defaults=True, tag="adopt"):
    """Go on with another definition: its hash, and what it was compiled to."""

    graph: str
    definition: str
    by: str = ""


Command = Answer | Signal | CancelRun | Resolve | Adopt


class Reply(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of a command. `code` is empty where it was taken, else says why it was not."""

    status: str
    """That of the run now."""
    code: str = ""
    message: str = ""
    driven: bool = True
    """Whether a living host has the run; else its sender wrote the event, and nobody drives it."""

    def check(self, run: str) -> bool:
        """True where it was taken, False where the question is asked again. Raises RunClosed, Refused."""
        if self.code == CLOSED:
            raise RunClosed(run, self.status)
        if self.code and self.code not in ASKED_AGAIN:
            raise Refused(self.code, self.message)
        return not self.code


class Message(msgspec.Struct, frozen=True):
    """A command on its way to the owner of a run."""

    run: str
    command: Command


encode = msgspec.json.Encoder().encode
decode_message = msgspec.json.Decoder(Message).decode
decode_reply = msgspec.json.Decoder(Reply).decode


class Judged(NamedTuple):
    """The event of a command and the secret that it brings; or why there is none, with the question to ask again."""

    event: Event | None = None
    secret: tuple[str, str] | None = None
    code: str = ""
    message: str = ""
    question: RequestInput | None = None


def judge(
    command: Answer | Signal | CancelRun | Resolve, graph: Graph, state: State, clock: Clock, vault: Vault | None
) -> Judged:
    """What the command means for a run in this state. Whether the run takes the event, its engine says."""
    if isinstance(command, Answer):
        return _answer(command, graph, state, clock, vault)
    if isinstance(command, Signal):
        fault = reject(command.data) or reject(command.by) or reject(command.id)
        if fault is not None or sealed_names(command.data):
            why = f"signal '{command.name}': {fault or 'it holds a seal of a secret'}"
            return Judged(code="invalid_signal", message=why)
        return Judged(SignalReceived(clock.now(), command.name, command.data, command.by, command.id))
    if isinstance(command, CancelRun):
        fault = reject(command.reason) or reject(command.by)
        if fault is not None:
            return Judged(code="invalid_reason", message=f"reason: {fault}")
        return Judged(CancelRequested(clock.now(), command.reason, command.by, command.terminate, command.undo))
    return _resolve(command, graph, state, clock, vault)


def _answer(command: Answer, graph: Graph, state: State, clock: Clock, vault: Vault | None) -> Judged:
    token = state.tokens.get(command.node)
    pending = state.open.get(token.request) if token is not None else None
    asked = pending.request if pending is not None and isinstance(pending.request, RequestInput) else None
    value, secret = command.value, asked is not None and asked.field in program_of(graph).secrets
    fault = (
        reject(value)
        or reject(command.by)
        or reject(command.id)
        or ("it holds the mark that stands for a secret" if sealed_names(value) else None)
    )
    if secret and (not isinstance(value, str) or not value):
        fault = "a secret is a text that is not empty"
    if asked is None:  # the engine says so; what is no value goes nowhere
        value = value if fault is None else None
        return Judged(AnswerGiven(clock.now(), command.node, value, command.by, command.id))
    if fault is not None:
        return Judged(code=INVALID_ANSWER, message=fault, question=msgspec.structs.replace(asked, reason=fault))
    if not secret:
        return Judged(AnswerGiven(clock.now(), command.node, value, command.by, command.id))
    kept = sealed(vault, state.run, {asked.field: str(value)})
    event = AnswerGiven(clock.now(), command.node, seal(asked.field), command.by, command.id, kept)
    return Judged(event, (asked.field, str(value)))


def _resolve(command: Resolve, graph: Graph, state: State, clock: Clock, vault: Vault | None) -> Judged:
    found = [pending for pending in state.open.values() if pending.uncertain and pending.request.node == command.node]
    if not found or not isinstance(found[0].request, CallTool):
        uncertain = [pending.request.node for pending in state.open.values() if pending.uncertain]
        others = f"uncertain now: {', '.join(uncertain)}" if uncertain else "no call of the run is uncertain"
        return Judged(code="not_uncertain", message=f"node '{command.node}' has no call that is uncertain; {others}")
    request, now, who = found[0].request, clock.now(), command.by
    fault = reject(command.value) or next(filter(None, map(reject, (command.code, command.message, who))), None)
    if fault is None and sealed_names(command.value):
        fault = "it holds the mark that stands for a secret"
    if fault is not None:
        return Judged(code="invalid", message=f"node '{command.node}': {fault}")
    if command.again:
        return Judged(AttemptWanted(now, request.id, who))
    if command.code:
        return Judged(ActionFailed(now, request.id, command.code, command.message, retryable=False, by=who))
    program = program_of(graph)
    save = program.node(found[0].token.node).node.save
    if save is None or save not in program.secrets:
        return Judged(ActionCompleted(now, request.id, command.value, by=who))
    if not isinstance(command.value, str) or not command.value:
        return Judged(code="invalid", message=f"node '{command.node}': a secret is a text that is not empty")
    kept = sealed(vault, state.run, {save: command.value})
    return Judged(ActionCompleted(now, request.id, seal(save), kept, who), (save, command.value))
