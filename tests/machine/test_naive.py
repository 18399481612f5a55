"""The naive machine is worth comparing with: it agrees with every recorded vector."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from tests.conformance.vectors import CHUNK, COUNTS, Step, Vector, auto_of, chunks, departure, handler_names, vectors
from tests.machine.naive import Handler, HandlerRaised, NaiveMachine, NaiveUnknownState, Outcome, Transition
from tests.machine.resolution import EXCEPTION


def perform(machine: NaiveMachine, kind: str, states: Sequence[str]) -> Outcome:
    match kind:
        case "add_err":
            return machine.add_err()
        case "add_err_state":
            return machine.add_err(*states)
        case "prepend_add":
            return machine.prepend("add", *states)
        case _:
            done: Outcome = getattr(machine, kind)(*states)
            return done


def as_recorded(transition: Transition) -> dict[str, Any]:
    keys = ("type", "called", "accepted", "exits", "enters", "target")
    written = {key: getattr(transition, key) for key in keys}
    return {**written, **{key: True for key in ("auto", "check") if getattr(transition, key)}}


class NaiveSubject:
    """The naive machine in the words of the vectors."""

    def __init__(self, vector: Vector) -> None:
        self.nested: list[Step] = []
        scripts = vector.get("handlers", {})
        names = handler_names([*vector["schema"], EXCEPTION])
        handlers = {name: self.scripted(name, scripts.get(name, {})) for name in names}
        self.machine = NaiveMachine(vector["schema"], vector["order"])
        at_construction, self.machine.transitions = self.machine.transitions, []
        self.machine.bind(handlers)
        self.machine.transitions = at_construction + self.machine.transitions

    def scripted(self, name: str, said: Any) -> Handler:
        script: dict[str, Any] = {"ret": said} if isinstance(said, bool) else said
        calls = 0

        def handler(machine: NaiveMachine) -> bool | None:
            nonlocal calls
            calls += 1
            if calls <= script.get("max", 1):
                for kind, states in script.get("queue", ()):
                    done = perform(machine, kind, states)
                    self.nested.append({"handler": name, "op": [kind, states], "result": done.value, "raw": done.tick})
            if script.get("panic"):
                raise HandlerRaised
            return script.get("ret")

        return handler

    def init(self) -> Step:
        return self.seen("")

    def step(self, kind: str, states: Sequence[str]) -> Step:
        self.nested.clear()
        self.machine.calls, self.machine.transitions = [], []
        try:
            return self.seen(perform(self.machine, kind, states).value)
        except NaiveUnknownState:
            return self.seen("panic_unknown_state")

    def seen(self, result: str) -> Step:
        machine = self.machine
        tx = [as_recorded(each) for each in machine.transitions]
        return {
            "result": result,
            "active": machine.active,
            "clock": machine.clock,
            "time_sum": machine.time_sum,
            "queue_tick": machine.queue_tick,
            "auto": auto_of(tx),
            "handlers": machine.calls,
            "tx": tx,
            "nested": list(self.nested),
        }


def test_each_file_holds_every_vector_it_was_recorded_with() -> None:
    assert {name: len(vectors(name)) for name in COUNTS} == COUNTS


@pytest.mark.parametrize(("name", "first"), list(chunks()))
def test_naive_machine_agrees_with_the_recordings(name: str, first: int) -> None:
    departures = (departure(each, NaiveSubject(each)) for each in vectors(name)[first : first + CHUNK])
    departed = next(filter(None, departures), None)
    assert departed is None, departed


def test_a_departure_names_the_vector_the_step_and_both_sides() -> None:
    vector = dict(vectors("named")[0])
    wrong = {**vector["steps"][-1], "time_sum": 99}
    text = departure({**vector, "steps": [*vector["steps"][:-1], wrong]}, NaiveSubject(vector))
    assert text is not None
    assert f"vector {vector['id']} (full)" in text
    assert text.splitlines()[-3:] == [
        "    time_sum",
        "      recorded 99",
        f"      found    {vector['steps'][-1]['time_sum']}",
    ]
