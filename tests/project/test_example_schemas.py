"""schemas/*.yaml: sound by themselves, and true to what their comments say of them."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pytest

from trellis.engine.relations import Config, Relations
from trellis.project import load_states, validate

SCHEMAS = Path(__file__).parents[2] / "schemas"


def reached(relations: Relations, names: tuple[str, ...]) -> set[Config]:
    """Every configuration that adding and removing these states leads to, with the auto states that follow."""
    first = relations.auto(relations.empty)
    waiting = [first.after if first else relations.empty]
    seen = set(waiting)
    while waiting:
        config = waiting.pop()
        for name in names:
            for kind in ("add", "remove"):
                after = relations.mutate(kind, config, (name,)).last
                if after not in seen:
                    seen.add(after)
                    waiting.append(after)
    return seen


@pytest.mark.parametrize("path", sorted(SCHEMAS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_schema_is_sound(path: Path) -> None:
    assert validate([path]) == []
    states, groups, name = load_states(path)
    assert name == path.stem
    assert {member for members in groups.values() for member in members} <= states.keys()


def test_a_connection_is_always_in_exactly_one_of_its_states_and_ready_with_connected() -> None:
    states, groups, _ = load_states(SCHEMAS / "connection.yaml")
    relations = Relations(states)
    drive = ("Start", "Connecting", "Connected", "Disconnecting", "ErrNetwork", "ErrConnecting", "Exception", "GivenUp")
    for config in reached(relations, drive):
        active = set(relations.named(config.order))
        assert len(active & {*groups["Connection"]}) == 1, active
        assert ("Ready" in active) == ("Connected" in active), active
        assert "Exception" in active or not active & {"ErrNetwork", "ErrConnecting"}, active


def test_a_worker_is_idle_or_works_and_drains_only_when_it_is_idle() -> None:
    states, groups, _ = load_states(SCHEMAS / "worker.yaml")
    relations = Relations(states)
    drive = ("Start", "Working", "Ailing", "Draining", "Disposing", "Disposed")
    for config in reached(relations, drive):
        active = set(relations.named(config.order))
        assert len(active & {*groups["Work"]}) == ("Start" in active), active
        assert "Drained" not in active or {"Draining", "Idle"} <= active, active
        for first, second in combinations(("Ready", "Ailing"), 2):
            assert not {first, second} <= active, active
