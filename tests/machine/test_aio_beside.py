"""An AsyncMachine does what a Machine does, whichever handlers are awaited: beside the recordings, the naive machine, a queue."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings

from tests.conformance.test_relations import Panic, as_recorded
from tests.conformance.vectors import COUNTS, Step, Vector, auto_of, departure, handler_names, vectors
from tests.machine.aio import PATIENCE, STATES, Answer, gated, idle, run, told_to_the_loop
from tests.machine.naive import HandlerRaised, NaiveMachine
from tests.machine.test_stateful import (
    ANSWERS,
    MODEST,
    TRANSITIONS,
    Case,
    Script,
    Side,
    answer,
    cases,
    on_naive,
    same,
    seen,
    transitions,
)
from trellis import AsyncMachine, Machine, Result
from trellis.errors import LoopLimit, UnknownState
from trellis.machine.result import CANCELED, EXECUTED, PREPENDED

# The recordings


def mutated(machine: AsyncMachine, kind: str, states: Sequence[str]) -> Answer:
    if kind.startswith("add_err"):
        return machine.add_err(Panic("asked for by the vector"), *(states if kind == "add_err_state" else ()))
    future: Answer = getattr(machine, kind)(*states)
    return future


class AsyncSubject:
    """An AsyncMachine in the words of the vectors; each of its handlers is awaited, and gives way first."""

    def __init__(self, vector: Vector, runner: asyncio.Runner) -> None:
        self.vector, self.runner = vector, runner
        self.called: list[str] = []
        self.nested: list[Step] = []

    def init(self) -> Step:
        return self.runner.run(self.made())

    async def made(self) -> Step:
        self.machine = machine = AsyncMachine(self.vector["schema"], self.vector["order"])
        first, tick = [as_recorded(each) for each in machine.last_transitions], machine.queue_tick
        scripts = self.vector.get("handlers", {})
        machine.bind({name: self.handler(name, scripts.get(name, {})) for name in handler_names(machine.names)})
        await idle(machine)
        again = [] if machine.queue_tick == tick else [as_recorded(each) for each in machine.last_transitions]
        return self.told("", [*first, *again])

    def handler(self, name: str, said: bool | dict[str, Any]) -> Callable[..., Awaitable[bool | None]]:
        script: dict[str, Any] = {"ret": said} if isinstance(said, bool) else said
        calls = 0

        async def handler(event: Any, **args: Any) -> bool | None:
            nonlocal calls
            calls += 1
            self.called.append(name)
            await asyncio.sleep(0)
            if calls <= script.get("max", 1):
                for kind, states in script.get("queue", ()):
                    done = await mutated(event.machine, kind, states)
                    self.nested.append({"handler": name, "op": [kind, states], "result": done.value, "raw": done.tick})
            if script.get("panic"):
                raise Panic(name)
            return script.get("ret")

        return handler

    def step(self, kind: str, states: Sequence[str]) -> Step:
        return self.runner.run(self.performed(kind, states))

    async def performed(self, kind: str, states: Sequence[str]) -> Step:
        self.called.clear()
        self.nested.clear()
        try:
            async with asyncio.timeout(PATIENCE):
                result = await mutated(self.machine, kind, states)
                await idle(self.machine)
        except UnknownState:
            return self.told("panic_unknown_state", [])
        return self.told(result.value, [as_recorded(each) for each in self.machine.last_transitions])

    def told(self, result: str, recorded: list[dict[str, Any]]) -> Step:
        machine = self.machine
        return {
            "result": result,
            "active": list(machine.active),
            "clock": machine.clock,
            "time_sum": machine.time_sum,
            "queue_tick": machine.queue_tick,
            "auto": auto_of(recorded),
            "handlers": list(self.called),
            "tx": recorded,
            "nested": list(self.nested),
        }


def departed(name: str, part: slice) -> str | None:
    with asyncio.Runner() as runner:
        departures = (departure(vector, AsyncSubject(vector, runner)) for vector in vectors(name)[part])
        return next(filter(None, departures), None)


@pytest.mark.covers("AM06", "AM07", "AM08")
@pytest.mark.parametrize("name", ["named", "public_handlers", "public_panics"])
def test_with_every_handler_awaited_it_agrees_with_the_recordings(name: str) -> None:
    text = departed(name, slice(None))
    assert text is None, text


@pytest.mark.parametrize("first", range(0, 200, 50))
def test_with_handlers_that_only_give_way_it_agrees_with_the_recordings(first: int) -> None:
    text = departed("public", slice(first, first + 50))
    assert text is None, text


@pytest.mark.soak
@pytest.mark.parametrize("name", COUNTS)
def test_it_agrees_with_every_recording(name: str) -> None:
    text = departed(name, slice(None))
    assert text is None, text


# Random sequences


class AsyncSide(Side):
    """Scripts of which those that are chosen must be awaited, and give way before and after what they do."""

    def __init__(self, case: Case, awaited: str) -> None:
        super().__init__(case, lambda event, kind, states: plain(given_up_by(event.machine, kind, states).result()))
        self.awaited = awaited

    def handler(self, name: str, script: Script) -> Callable[..., Any]:
        scripted = super().handler(name, script)
        if self.awaited == "none" or (self.awaited == "some" and sum(map(ord, name)) % 2):
            return scripted

        async def handler(event: Any, **args: Any) -> bool | None:
            await asyncio.sleep(0)
            said = scripted(event, **args)
            await asyncio.sleep(0)
            return said

        return handler


def plain(result: Result) -> tuple[str, int]:
    return result.value, result.tick


def given_up_by(machine: AsyncMachine, kind: str, states: Sequence[str]) -> Answer:
    if kind.startswith("add_err"):
        return machine.add_err(HandlerRaised(kind), *(states if kind == "add_err_state" else ()))
    future: Answer = getattr(machine, kind)(*states)
    return future


async def run_beside_the_naive_machine(case: Case, awaited: str) -> None:
    naive_side, side = Side(case, on_naive), AsyncSide(case, awaited)
    naive = NaiveMachine(case.schema, case.order, transition_limit=TRANSITIONS)
    machine = AsyncMachine(case.schema, case.order, transition_limit=TRANSITIONS)
    unheard = told_to_the_loop()

    async def answered(call: Callable[[], Answer | None]) -> object:
        """What a call comes to, to whomever it is told; an error is told once."""
        unheard.clear()
        raised: list[BaseException] = []
        result: Result | None = None
        future: Answer | None = None
        try:
            future = call()
            result = None if future is None else await future
        except tuple(ANSWERS) as error:
            raised.append(error)
        await idle(machine)
        await asyncio.sleep(0)  # what nobody awaits is told to the loop in its next turn
        errors = [ANSWERS[type(error)] for error in (*raised, *unheard) if isinstance(error, Exception)]
        assert len(errors) <= 1, errors
        return errors[0] if errors else result and plain(result)

    if case.bound != "none":
        wanted = seen(naive, naive_side, answer(lambda: naive.bind(naive_side.handlers())))

        def bind() -> None:
            machine.bind(side.handlers())

        same(wanted, seen_async(machine, side, await answered(bind)), "bind")
    for number, (kind, states) in enumerate(case.operations):
        for each in (naive_side, side):
            each.called.clear()
            each.nested.clear()
        wanted = seen(naive, naive_side, answer(lambda: on_naive(naive, kind, states)))  # noqa: B023 - called at once
        found = await answered(lambda: given_up_by(machine, kind, states))  # noqa: B023 - called at once
        same(wanted, seen_async(machine, side, found), f"operation {number}: {kind} {states}")


def seen_async(machine: AsyncMachine, side: Side, answered: object) -> dict[str, object]:
    return {
        "answer": answered,
        "active": list(machine.active),
        "clock": machine.clock,
        "queue tick": machine.queue_tick,
        "transitions": transitions(machine.last_transitions),
        "handlers": list(side.called),
        "nested": list(side.nested),
    }


@pytest.mark.slow
@pytest.mark.parametrize("awaited", ["none", "some", "all"])
@settings(MODEST, max_examples=30)
@given(case=cases())
def test_whoever_is_awaited_it_never_differs_from_the_naive_machine(awaited: str, case: Case) -> None:
    asyncio.run(run_beside_the_naive_machine(case, awaited))


@pytest.mark.soak
@pytest.mark.parametrize("awaited", ["none", "some", "all"])
@settings(MODEST, max_examples=3_000)
@given(case=cases())
def test_it_never_differs_from_the_naive_machine_in_thousands_of_sequences(awaited: str, case: Case) -> None:
    asyncio.run(run_beside_the_naive_machine(case, awaited))


# Many tasks and one queue

KINDS = ("add", "add", "remove", "set", "toggle", "can_add", "prepend_add")
LETTERS = list("ABCDEF")
NESTED = 20
"""How many mutations handlers make in all, so that it ends."""


class Traffic:
    """A schema, what is done first, and then all that comes while the handler of Go runs. The same for the same seed."""

    def __init__(self, seed: int) -> None:
        dice = random.Random(seed)
        self.schema = {name: self.state(dice) for name in LETTERS} | {"Go": {}}
        pairs = [tuple(dice.sample(LETTERS, 2)) for _ in range(2)]
        self.before = [(dice.choice(["add", "set"]), names) for names in pairs]
        count = dice.randint(2, 8)
        self.during = [(dice.choice(KINDS), tuple(dice.sample(LETTERS, dice.randint(1, 2)))) for _ in range(count)]
        self.nested = {f"{name}State": dice.choice(LETTERS) for name in dice.sample(LETTERS, 2)}
        self.vetoed = f"{dice.choice(LETTERS)}Enter"

    @staticmethod
    def state(dice: random.Random) -> dict[str, object]:
        def some(most: int, chance: float) -> list[str]:
            return dice.sample(LETTERS, dice.randint(0, most)) if dice.random() < chance else []

        return {
            "auto": dice.random() < 0.25,
            "multi": dice.random() < 0.2,
            "require": some(1, 0.3),
            "add": some(2, 0.4),
            "remove": some(2, 0.5),
        }

    @property
    def names(self) -> list[str]:
        return [name + moment for name in LETTERS for moment in ("Enter", "Exit", "State", "End")]


def facts(machine: Machine | AsyncMachine, called: list[str]) -> tuple[object, ...]:
    return machine.active, machine.clock, machine.queue_tick, machine.last_transitions, called


class Outcomes:
    """What came of each mutation that one handler queued, in the order in which they ran. A tracer."""

    def __init__(self) -> None:
        self.found: list[Result] = []

    def transition_end(self, tx: Any) -> None:
        if tx.source is not None and tx.source.transition == self.of:
            self.found.append(EXECUTED if tx.accepted else CANCELED)

    of = ""


def on_one_queue(traffic: Traffic) -> tuple[tuple[object, ...], list[Result]]:
    """All of it made by a handler of a Machine; with what each came to in the end."""
    machine, called, outcomes = Machine(traffic.schema, [*LETTERS, "Go"]), list[str](), Outcomes()
    queued: list[tuple[str, frozenset[str], Result]] = []
    left = NESTED
    for kind, names in traffic.before:
        getattr(machine, kind)(*names)

    def handler(name: str) -> Callable[[Any], bool | None]:
        def call(event: Any) -> bool | None:
            nonlocal left
            called.append(name)
            if name in traffic.nested and left:
                left -= 1
                machine.add(traffic.nested[name])
            return False if name == traffic.vetoed else None

        return call

    def go(event: Any) -> None:
        called.append("GoState")
        outcomes.of = event.id
        for kind, names in traffic.during:
            does = kind if kind != "toggle" else "remove" if machine.is_(*names) else "add"
            queued.append((does, frozenset(names), getattr(machine, kind)(*names)))

    machine.bind({name: handler(name) for name in traffic.names} | {"GoState": go})
    machine.trace(outcomes)
    machine.add("Go")
    return facts(machine, called), list(map(came_to(queued, outcomes.found), range(len(queued))))


def came_to(queued: list[tuple[str, frozenset[str], Result]], ran: list[Result]) -> Callable[[int], Result]:
    """By the number of a mutation what it came to; one that waited already comes to what the one that waited does."""
    prepended = [number for number, (_, _, result) in enumerate(queued) if result == PREPENDED]
    appended = [number for number, (_, _, result) in enumerate(queued) if result.value == "queued" and result.tick > 2]
    outcome = dict(zip([*reversed(prepended), *appended], ran, strict=True))

    def found(number: int) -> Result:
        kind, names, result = queued[number]
        if number in outcome:
            return outcome[number]
        twins = [
            other
            for other in range(number)
            if other in outcome and queued[other][:2] in ((kind, names), (f"prepend_{kind}", names))
        ]
        return outcome[twins[-1]] if twins else result

    return found


async def from_many_tasks(traffic: Traffic) -> tuple[tuple[object, ...], list[Result]]:
    """All of it made by tasks of their own while the handler of Go is awaited."""
    machine, called, gate = AsyncMachine(traffic.schema, [*LETTERS, "Go"]), list[str](), asyncio.Event()
    left = NESTED
    for kind, names in traffic.before:
        await getattr(machine, kind)(*names)

    def handler(name: str) -> Callable[[Any], Awaitable[bool | None]]:
        async def call(event: Any) -> bool | None:
            nonlocal left
            called.append(name)
            await asyncio.sleep(0)
            if name in traffic.nested and left:
                left -= 1
                await machine.add(traffic.nested[name])
            await asyncio.sleep(0)
            return False if name == traffic.vetoed else None

        return call

    async def go(_event: Any) -> None:
        called.append("GoState")
        await gate.wait()

    async def ask(kind: str, names: tuple[str, ...]) -> Result:
        result: Result = await getattr(machine, kind)(*names)
        return result

    machine.bind({name: handler(name) for name in traffic.names} | {"GoState": go})
    first = machine.add("Go")
    await asyncio.sleep(0)
    asked = [asyncio.create_task(ask(kind, names)) for kind, names in traffic.during]
    await asyncio.sleep(0)
    gate.set()
    results = await asyncio.gather(first, *asked)
    await idle(machine)
    return facts(machine, called), results[1:]


@pytest.mark.covers("AM05")
@pytest.mark.parametrize("first", range(0, 120, 30))
def test_tasks_that_mutate_at_once_come_to_what_one_queue_of_them_comes_to(first: int) -> None:
    for seed in range(first, first + 30):
        traffic = Traffic(seed)
        with suppress(LoopLimit):
            assert (seed, *run(from_many_tasks(traffic))) == (seed, *on_one_queue(traffic))


def test_a_mutation_that_waits_already_is_answered_with_what_that_one_comes_to() -> None:
    async def main() -> list[object]:
        machine = AsyncMachine({**STATES, "N": {"remove": ["B"]}})
        await machine.add("N")
        gate = gated(machine)
        first, once, twice, other = machine.add("A"), machine.add("B"), machine.add("B"), machine.add("C")
        again = machine.add("C")
        await asyncio.sleep(0)
        early = [future.done() for future in (once, twice, other, again)]
        gate.set()
        return [early, *await asyncio.gather(first, once, twice, other, again)]

    assert run(main()) == [[False] * 4, EXECUTED, CANCELED, CANCELED, EXECUTED, EXECUTED]
