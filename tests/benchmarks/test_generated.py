"""The generated workloads: the same everywhere, never the same twice, and nothing a peer would choke on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.generated import SplitMix64, workload
from trellis.engine.relations import Relations
from trellis.machine import Machine
from trellis.model.states import StateDef

FOLDER = Path(__file__).parents[2] / "benchmarks" / "relations"
PUBLISHED = (6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431, 16408922859458223821)
"""The first numbers of splitmix64 from the seed 1234567, as they are published with it."""


def test_the_dice_are_splitmix64() -> None:
    dice = SplitMix64(1234567)
    assert tuple(dice.bits() for _ in PUBLISHED) == PUBLISHED


def test_a_seed_gives_the_same_workload_and_another_seed_another_one() -> None:
    assert workload(7, 40, 100) == workload(7, 40, 100)
    assert len({json.dumps(workload(seed, 40, 0)["schema"]) for seed in range(50)}) == 50


@pytest.mark.parametrize("states", [12, 40, 200])
def test_a_generated_schema_has_no_contradiction_and_every_mutation_can_be_made(states: int) -> None:
    work = workload(3, states, 200)
    schema = {
        name: StateDef(
            auto=state.get("auto", False),
            multi=state.get("multi", False),
            **{
                relation: tuple(state[relation])
                for relation in ("require", "add", "remove", "after")
                if relation in state
            },
        )
        for name, state in work["schema"].items()
    }
    relations = Relations(schema, work["order"])
    assert relations.problems == ()
    machine = Machine(relations)
    results = {getattr(machine, kind)(*names).value for kind, names in work["ops"]}
    assert results == {"executed", "canceled"}


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.json")), ids=lambda path: path.stem)
def test_a_workload_names_only_what_it_declares(path: Path) -> None:
    work = json.loads(path.read_text(encoding="utf-8"))
    assert work["name"] == path.stem
    assert sorted(work["order"]) == sorted(work["schema"])
    assert {name for _, names in work["ops"] for name in names} <= set(work["order"])
    assert {kind for kind, _ in work["ops"]} <= {"add", "remove", "set", "toggle"}
