"""trellis.Machine does what asyncmachine-go was recorded doing: every vector, whole, through the public interface alone.

Each is run with every possible handler bound and, where no handler does anything, with none bound; each of the two once
on a fresh schema and once more on a second machine that shares what the first one compiled and remembered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from tests.conformance.vectors import (
    CHUNK,
    COUNTS,
    Step,
    Vector,
    auto_of,
    chunks,
    departure,
    handler_names,
    vectors,
)
from trellis import Machine, Result
from trellis.errors import UnknownState
from trellis.model.states import EXCEPTION


class Panic(Exception):
    """What a handler raises that the vector wants to panic."""


def perform(machine: Machine, kind: str, states: Sequence[str]) -> Result:
    match kind:
        case "add_err":
            return machine.add_err(Panic("asked for by the vector"))
        case "add_err_state":
            return machine.add_err(Panic("asked for by the vector"), *states)
        case _:
            done: Result = getattr(machine, kind)(*states)
            return done


def as_recorded(transition: Any) -> dict[str, Any]:
    lists = {key: list(getattr(transition, key)) for key in ("called", "exits", "enters", "target")}
    flags = {key: True for key in ("auto", "check") if getattr(transition, key)}
    return {"type": transition.type, "accepted": transition.accepted, **lists, **flags}


class MachineSubject:
    """trellis.Machine in the words of the vectors."""

    def __init__(self, vector: Vector, machine: Machine, *, bound: bool) -> None:
        self.machine = machine
        self.called: list[str] = []
        self.nested: list[Step] = []
        self.transitions = [as_recorded(each) for each in machine.last_transitions]
        if bound:
            scripts = vector.get("handlers", {})
            tick = machine.queue_tick
            machine.bind({name: self.handler(name, scripts.get(name, {})) for name in handler_names(machine.names)})
            if machine.queue_tick != tick:
                self.transitions += [as_recorded(each) for each in machine.last_transitions]

    def handler(self, name: str, said: bool | dict[str, Any]) -> Callable[..., bool | None]:
        script: dict[str, Any] = {"ret": said} if isinstance(said, bool) else said
        calls = 0

        def handler(event: Any, **args: Any) -> bool | None:
            nonlocal calls
            calls += 1
            self.called.append(name)
            if calls <= script.get("max", 1):
                for kind, states in script.get("queue", ()):
                    done = perform(event.machine, kind, states)
                    self.nested.append({"handler": name, "op": [kind, states], "result": done.value, "raw": done.tick})
            if script.get("panic"):
                raise Panic(name)
            return script.get("ret")

        return handler

    def init(self) -> Step:
        return self.seen("", self.transitions)

    def step(self, kind: str, states: Sequence[str]) -> Step:
        self.called.clear()
        self.nested.clear()
        try:
            result = perform(self.machine, kind, states)
        except UnknownState:
            return self.seen("panic_unknown_state", [])
        return self.seen(result.value, [as_recorded(each) for each in self.machine.last_transitions])

    def seen(self, result: str, transitions: list[dict[str, Any]]) -> Step:
        machine = self.machine
        return {
            "result": result,
            "active": list(machine.active),
            "clock": machine.clock,
            "time_sum": machine.time_sum,
            "queue_tick": machine.queue_tick,
            "auto": auto_of(transitions),
            "handlers": list(self.called),
            "tx": transitions,
            "nested": list(self.nested),
        }


class Onlooker:
    """A tracer that looks at every hook and changes nothing."""

    def transition_init(self, tx: Any) -> None: ...

    def transition_start(self, tx: Any) -> None: ...

    def transition_end(self, tx: Any) -> None: ...

    def queue_end(self, machine: Any) -> None: ...


def attended(machine: Machine, company: str) -> object:
    """Have somebody look on, which has a path of its own in the machine; keep what is given, or the wait is gone."""
    waits = (machine.when_time([10**9], EXCEPTION), machine.when_query(lambda _: False)) if company != "tracer" else ()
    if company != "wait":
        machine.trace(Onlooker())
    return waits


def cold_then_warm(name: str, first: int, *, bound: bool) -> Iterator[str | None]:
    for vector in vectors(name)[first : first + CHUNK]:
        if not bound and "handlers" in vector:
            continue
        expected = vector if bound else without_handlers(vector)
        cold = Machine(vector["schema"], vector["order"])
        warm = Machine(cold.relations)
        yield departure(expected, MachineSubject(vector, cold, bound=bound), handlers=bound)
        later = departure(expected, MachineSubject(vector, warm, bound=bound), handlers=bound)
        yield f"warm, on a shared schema: {later}" if later else None


def without_handlers(vector: Vector) -> Vector:
    """The same where nothing is bound: only then is an error of the schema not added once more."""
    if not vector["init"]["tx"]:
        return vector

    def earlier(step: Step) -> Step:
        clock = {**step["clock"], EXCEPTION: step["clock"][EXCEPTION] - 2}
        return {**step, "clock": clock, "time_sum": step["time_sum"] - 2, "queue_tick": step["queue_tick"] - 1}

    init = {**vector["init"], "tx": vector["init"]["tx"][:1]}
    return {**vector, "init": earlier(init), "steps": [earlier(step) for step in vector["steps"]]}


@pytest.mark.covers("AM01", "AM03", "AM06", "AM07")
@pytest.mark.parametrize(("name", "first"), list(chunks()))
def test_machine_with_every_handler_bound_agrees_with_the_recordings(name: str, first: int) -> None:
    departed = next(filter(None, cold_then_warm(name, first, bound=True)), None)
    assert departed is None, departed


@pytest.mark.parametrize(
    ("name", "first"), [chunk for chunk in chunks() if chunk[0] not in {"public_handlers", "public_panics"}]
)
def test_machine_without_handlers_agrees_with_the_recordings(name: str, first: int) -> None:
    departed = next(filter(None, cold_then_warm(name, first, bound=False)), None)
    assert departed is None, departed


@pytest.mark.parametrize("bound", [False, True])
@pytest.mark.parametrize("company", ["wait", "tracer", "both"])
def test_who_looks_on_changes_nothing(company: str, bound: bool) -> None:
    for name in ("named", "public_handlers", "public_panics") if bound else ("named", "public"):
        for vector in vectors(name)[:200]:
            if not bound and "handlers" in vector:
                continue
            machine = Machine(vector["schema"], vector["order"])
            subject = MachineSubject(vector, machine, bound=bound)
            kept = attended(machine, company)
            departed = departure(vector if bound else without_handlers(vector), subject, handlers=bound)
            assert departed is None, departed
            del kept


def test_no_recording_is_left_out() -> None:
    assert {name: len(vectors(name)) for name in COUNTS} == COUNTS
    reached = {
        name: sum(len(vectors(each)[first : first + CHUNK]) for each, first in chunks() if each == name)
        for name in COUNTS
    }
    assert reached == COUNTS
