"""kill -9 of workers on Temporal: nothing is lost, and nothing done twice that must not be."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.nursery import Nursery
from tests.crash.workers import Place, kill
from tests.reliability import publish, say


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    with Nursery() as made:
        yield made


def place(address: str, folder: Path) -> Place:
    return Place(address, f"work-{secrets.token_hex(6)}", str(folder / "ledger"))


@pytest.mark.covers("GT01", "GT02", "TR07")
def test_runs_survive_ten_kills_of_two_workers(temporal_address: str, nursery: Nursery, tmp_path: Path) -> None:
    done = kill(nursery, place(temporal_address, tmp_path), kills=10, seed=10, runs=10, pause_s=0.3)
    say("kills temporal", done.kills, done.runs, done.found, f"{done.uncertain} uncertain")


@pytest.mark.soak
def test_runs_survive_a_hundred_kills_of_two_workers(temporal_address: str, nursery: Nursery, tmp_path: Path) -> None:
    done = kill(nursery, place(temporal_address, tmp_path), kills=100, seed=100, runs=100, pause_s=0.3)
    publish("kills temporal", done.kills, done.runs, done.found, note=f"{done.uncertain} uncertain")
