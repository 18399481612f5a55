"""What relations remember never shows in what machines do, and is never more than the limit says."""

from __future__ import annotations

import gc
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings

from tests.machine.naive import NaiveMachine
from tests.machine.test_stateful import MODEST, Case, cases, on_machine, on_naive, run_both, transitions
from trellis import Machine
from trellis.engine import relations as resolver
from trellis.engine.relations import Change, Config, Relations
from trellis.machine import handlers as programs
from trellis.machine.result import CANCELED, EXECUTED

LIMIT = 1_000
MANY = 1_500
"""Mutations, each of which comes to a configuration of its own, and weighs more than one."""


@pytest.fixture
def little(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolver, "WEIGHT_LIMIT", LIMIT)
    monkeypatch.setattr(programs, "KNOWN", 400)


def alive() -> tuple[int, int, int]:
    """How many configurations and changes there are, and how long their orders and targets are in all."""
    gc.collect()
    configs = changes = length = 0
    for each in gc.get_objects():
        if type(each) is Config:
            configs, length = configs + 1, length + len(each.order)
        elif type(each) is Change:
            changes, length = changes + 1, length + len(each.target)
    return configs, changes, length


def grown_by(work: Callable[[], object]) -> tuple[int, int, int]:
    """The same as a difference; what `work` gives back is held until it is known."""
    before = alive()
    held = work()
    after = alive()
    assert held is not None
    return after[0] - before[0], after[1] - before[1], after[2] - before[2]


# It never shows


@pytest.mark.slow
@pytest.mark.parametrize("limit", [30, 100, 400])
@settings(MODEST, max_examples=60)
@given(case=cases())
def test_a_machine_that_forgets_all_the_time_does_what_the_naive_machine_does(limit: int, case: Case) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resolver, "WEIGHT_LIMIT", limit)
        patch.setattr(programs, "KNOWN", 30)
        run_both(case)


LETTERS = list("ABCDEFG")
KINDS = ("add", "add", "remove", "set", "toggle", "can_add", "can_remove")


def sound(seed: int) -> tuple[random.Random, dict[str, dict[str, Any]]]:
    """A schema without contradictions, and the dice to go on with."""
    dice = random.Random(seed)

    def some(most: int, chance: float, others: list[str]) -> list[str]:
        return dice.sample(others, dice.randint(0, most)) if dice.random() < chance else []

    schema = {}
    for name in LETTERS:
        others = [other for other in LETTERS if other != name]
        require, after = some(1, 0.35, others), some(1, 0.3, others)
        schema[name] = {
            "auto": dice.random() < 0.3,
            "multi": dice.random() < 0.2,
            "require": require,
            "add": some(2, 0.4, others),
            "remove": [other for other in some(2, 0.5, others) if other not in require],
            "after": after,
        }
    return dice, schema


def vetoes(dice: random.Random, schema: dict[str, Any]) -> dict[str, Callable[..., bool]]:
    names = [name + dice.choice(["Enter", "Exit"]) for name in dice.sample([*schema], 3)]
    return {name: lambda _: False for name in names}


def looks(machine: Machine | NaiveMachine, answered: object) -> tuple[object, ...]:
    records = machine.transitions if isinstance(machine, NaiveMachine) else machine.last_transitions
    return answered, list(machine.active), machine.clock, machine.queue_tick, transitions(records)


def random_operations(dice: random.Random, count: int) -> Iterator[tuple[str, tuple[str, ...]]]:
    for _ in range(count):
        yield dice.choice(KINDS), tuple(dice.sample(LETTERS, dice.randint(1, 2)))


@pytest.mark.parametrize("limit", [30, 100, 1_000_000])
def test_machines_that_share_relations_do_not_influence_each_other(limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolver, "WEIGHT_LIMIT", limit)
    for seed in range(60):
        dice, schema = sound(seed)
        first = Machine(schema, LETTERS)
        machines = [first, *(Machine(first.relations) for _ in range(2))]
        naive = [NaiveMachine(schema, LETTERS) for _ in machines]
        vetoing = vetoes(dice, schema)
        machines[1].bind(vetoing)
        naive[1].bind(vetoing)
        machines[2].bind({"AnyEnter": lambda _: True})
        naive[2].bind({"AnyEnter": lambda _: True})
        for kind, names in random_operations(dice, 30):
            which = dice.randrange(3)
            wanted = looks(naive[which], on_naive(naive[which], kind, names))
            found = looks(machines[which], on_machine(machines[which], kind, names))
            assert (seed, found) == (seed, wanted)


@pytest.mark.parametrize("limit", [30, 100, 1_000_000])
def test_handlers_bound_and_detached_in_the_middle_count_from_then_and_until_then(
    limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resolver, "WEIGHT_LIMIT", limit)
    for seed in range(60):
        dice, schema = sound(seed)
        machine, naive = Machine(schema, LETTERS), NaiveMachine(schema, LETTERS)
        for _ in range(5):
            vetoing = vetoes(dice, schema)
            binding = machine.bind(vetoing)
            naive.bind(vetoing)
            for number, (kind, names) in enumerate(random_operations(dice, 12)):
                if number == 6:
                    machine.detach(binding)
                    naive.bind({})
                wanted = looks(naive, on_naive(naive, kind, names))
                assert (seed, looks(machine, on_machine(machine, kind, names))) == (seed, wanted)


def test_one_machine_that_refuses_an_auto_state_leaves_it_to_the_other() -> None:
    schema = {"A": {}, "Z": {"auto": True, "require": ["A"]}}
    refusing = Machine(schema)
    refusing.bind({"ZEnter": lambda _: False})
    free = Machine(refusing.relations)
    seen = []
    for _ in range(2):
        for machine in (refusing, free):
            seen.append((machine.add("A"), str(machine)))
            machine.remove("A")
    assert seen == [
        (EXECUTED, "(A:1)"),
        (EXECUTED, "(A:1 Z:1)"),
        (EXECUTED, "(A:3)"),
        (EXECUTED, "(A:3 Z:3)"),
    ]


def test_a_configuration_that_lacks_what_it_requires_is_not_taken_for_one_that_resolves() -> None:
    schema: dict[str, dict[str, Any]] = {"A": {"multi": True}, "B": {"require": ["A"]}, "C": {}}
    relations = Relations(Machine(schema).schema, ["A", "B", "C", "Exception"])
    lacking, whole = relations.config(relations.numbers("B")), relations.config(relations.numbers("AB"))
    changes = [relations.mutate("add", before, ("C",)) for before in (whole, lacking)]
    assert [relations.named(change.target) for change in changes] == [("C", "A", "B"), ("C",)]


# It is never more than the limit says


def names(count: int) -> list[str]:
    return [f"S{number}" for number in range(count)]


def loose(count: int) -> dict[str, dict[str, Any]]:
    """States that have nothing to do with each other."""
    return {name: {} for name in names(count)}


def a_machine() -> tuple[Machine, random.Random]:
    return Machine(loose(20)), random.Random(1)


def adds() -> object:
    machine, dice = a_machine()
    for _ in range(MANY):
        machine.add(*dice.sample(names(20), 3))
        machine.remove(*dice.sample(names(20), 3))
    return machine


def sets() -> object:
    machine, dice = a_machine()
    for _ in range(MANY):
        machine.set(*dice.sample(names(20), 8))
    return machine


def checks() -> object:
    machine, dice = a_machine()
    for _ in range(MANY):
        machine.can_add(*dice.sample(names(20), 8))
    return machine


def checks_with_handlers() -> object:
    machine, dice = a_machine()
    machine.bind({"S0Enter": lambda _event: None})
    for _ in range(MANY):
        machine.can_add(*dice.sample(names(20), 8))
        machine.can_add("S1")
    return machine


def sets_with_handlers() -> object:
    machine, dice = a_machine()
    machine.bind({"S0Enter": lambda _event: None})
    for _ in range(MANY):
        machine.set(*dice.sample(names(20), 8))
    return machine


def moves() -> object:
    machine, dice = a_machine()
    relations = machine.relations
    config = relations.empty
    for _ in range(MANY):
        several = tuple(dice.sample(range(20), 6))
        config = relations.move(config, several[:4], several[4:]).after
    return machine, config


def undone() -> object:
    """Final handlers raise, so that states are taken back."""
    machine, dice = a_machine()

    def fail(_event: object) -> None:
        raise ValueError("taken back")

    machine.bind({f"{name}State": fail for name in names(20)[::3]})
    for _ in range(MANY // 3):
        machine.set(*dice.sample(names(20), 8))
    return machine


def undone_alone() -> object:
    machine, dice = a_machine()
    relations = machine.relations
    change = relations.mutate("add", relations.empty, tuple(names(20)))
    for _ in range(MANY):
        relations.undone(change, tuple(dice.sample(range(20), 8)))
    return machine, change


def autos() -> object:
    """One state is called, and its auto pass brings a hundred."""
    schema = loose(200)
    for number in range(100):
        schema[f"Z{number}"] = {"auto": True, "require": ["Go"]}
    machine = Machine({**schema, "Go": {"multi": True}})
    for name in names(200):
        machine.set(name, "Go")
    return machine


def autos_of_handlers() -> object:
    """The same, where a handler refuses some of them, at every turn others."""
    dice = random.Random(1)
    schema: dict[str, Any] = {f"Z{number}": {"auto": True, "require": ["Go"]} for number in range(40)}
    machine = Machine({**schema, "Go": {}})
    refused: set[str] = set()
    machine.bind({f"{name}Enter": lambda event: event.state not in refused for name in schema})
    for _ in range(300):
        refused = set(dice.sample([*schema], 20))
        machine.set("Go")
        machine.set()
    return machine


@pytest.mark.usefixtures("little")
@pytest.mark.parametrize(
    "work",
    [
        adds,
        sets,
        checks,
        checks_with_handlers,
        sets_with_handlers,
        moves,
        undone,
        undone_alone,
        autos,
        autos_of_handlers,
    ],
)
def test_however_long_a_machine_runs_it_remembers_no_more_than_the_limit(work: Callable[[], object]) -> None:
    configs, changes, length = grown_by(work)
    assert (configs < LIMIT // 8, changes < LIMIT // 8, length <= LIMIT) == (True, True, True), (
        f"{configs} configurations and {changes} changes, {length} states long"
    )


def test_a_machine_of_a_thousand_states_forgets_before_it_holds_a_million() -> None:
    machine, dice = Machine(loose(1_000)), random.Random(1)
    most = 0
    for _ in range(2_200):
        machine.set(*dice.sample(names(1_000), 500))
        most = max(most, len(machine.relations.configs))
    assert 500 < most < 2_001


@pytest.mark.usefixtures("little")
def test_programs_of_handlers_are_forgotten_too() -> None:
    machine, dice = a_machine()
    machine.bind({"AnyState": lambda _event: None})
    most = 0
    for _ in range(200):
        machine.set(*dice.sample(names(20), 2))
        assert machine.handlers is not None
        most = max(most, len(machine.handlers.known))
    assert 10 < most < 50


@pytest.mark.usefixtures("little")
def test_an_auto_pass_that_is_refused_counts_too() -> None:
    relations = Machine({**loose(20), "Never": {}, "Z": {"auto": True, "require": ["Never"]}}).relations
    dice, most = random.Random(1), 0
    for _ in range(100):
        assert relations.auto(relations.config(tuple(dice.sample(range(20), 12)))) is not None
        most = max(most, len(relations.configs))
    assert 10 < most < 40


@pytest.mark.usefixtures("little")
def test_an_auto_pass_is_looked_for_anew_when_all_was_forgotten() -> None:
    schema = loose(20)
    machine = Machine({**schema, "A": {}, "Z": {"auto": True, "require": ["A"]}})
    relations, dice = machine.relations, random.Random(1)
    kept = relations.mutate("add", relations.empty, ("A",)).after
    first = relations.auto(kept)
    while relations.configs.get(kept.order) is kept:
        machine.set(*dice.sample(names(20), 8))
    again = relations.auto(kept)
    assert first is not None and again is not None
    assert again is not first
    assert again.after is relations.config(again.target)
    assert (again.target, again.ticks) == (first.target, first.ticks)


@pytest.mark.usefixtures("little")
def test_who_holds_a_forgotten_configuration_goes_on_from_it() -> None:
    schema = {**loose(20), "A": {}, "Z": {"auto": True, "require": ["A"]}}
    waiting = Machine(schema)
    waiting.add("A")
    forgetting, dice = Machine(waiting.relations), random.Random(1)
    for _ in range(MANY):
        forgetting.set(*dice.sample(names(20), 8))
    assert [waiting.remove("A"), waiting.add("A"), waiting.add("S0"), waiting.can_remove("S1")] == [EXECUTED] * 4
    assert (str(waiting), bool(CANCELED)) == ("(S0:1 A:3 Z:3)", False)
