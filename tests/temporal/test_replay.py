"""What was recorded under every semantics is gone through again without a server, command by command as it was."""

from __future__ import annotations

import asyncio
import importlib
import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer

from tests.temporal.record import HISTORIES, NOBODY, SCENES
from trellis.errors import TrellisError
from trellis.hosts.temporal import interpreter, messages
from trellis.hosts.temporal.calls import options
from trellis.hosts.temporal.messages import SEMANTICS
from trellis.hosts.temporal.ordering import Ordered
from trellis.hosts.temporal.payloads import data_converter
from trellis.hosts.temporal.workflow import WORKFLOWS

FILES = sorted(HISTORIES.glob("*/*.json"))


def replayed(file: Path) -> Exception | None:
    """Why the history does not come to the commands that it tells of; None where it does."""
    recorded = json.loads(file.read_text("utf-8"))
    history = WorkflowHistory.from_json(recorded.pop("id"), recorded)
    replayer = Replayer(
        workflows=WORKFLOWS,
        data_converter=data_converter(),
        workflow_runner=Ordered("tests"),
        workflow_failure_exception_types=[TrellisError],
    )
    return asyncio.run(replayer.replay_workflow(history, raise_on_replay_failure=False)).replay_failure


def test_every_scene_was_recorded_under_the_semantics_that_is_spoken() -> None:
    assert {file.stem.rsplit("-", 1)[0] for file in FILES if file.parent.name == str(SEMANTICS)} == set(SCENES)


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_a_history_replays(file: Path) -> None:
    assert replayed(file) is None


def test_a_history_does_not_replay_where_what_is_asked_for_is_something_else(monkeypatch: pytest.MonkeyPatch) -> None:
    def otherwise(*given: Any, **named: Any) -> dict[str, Any]:
        return options(*given, **named) | {"activity_id": "other"}

    monkeypatch.setattr(interpreter, "options", otherwise)
    failure = replayed(HISTORIES / str(SEMANTICS) / "calls-0.json")
    assert failure is not None
    assert "Nondeterminism" in type(failure).__name__


def test_a_history_names_nobody_and_no_machine() -> None:
    for file in FILES:
        recorded = file.read_text("utf-8")
        assert set(re.findall(r'"identity":"([^"]*)"', recorded)) <= {NOBODY}, file
        assert re.search(r"/(home|tmp|root|work|Users)/", recorded) is None, file


@pytest.mark.parametrize("speaks", [1, 7])
def test_the_semantics_of_a_run_are_the_same_for_a_worker_of_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, speaks: int
) -> None:
    """What a Trellis of these semantics writes is read by one of later semantics: as that of whoever wrote it."""

    def spoken(semantics: int) -> Any:
        text = Path(str(messages.__file__)).read_text("utf-8")
        file = tmp_path / f"speaking_{semantics}.py"
        file.write_text(re.sub(r"(?m)^SEMANTICS = .*$", f"SEMANTICS = {semantics}", text), "utf-8")
        monkeypatch.syspath_prepend(str(tmp_path))
        return importlib.import_module(file.stem)

    earlier, later = spoken(speaks), spoken(speaks + 1)
    begun = msgspec.json.encode(earlier.Begin("h", semantics=earlier.SEMANTICS))
    assert msgspec.json.decode(begun, type=later.Begin).semantics == speaks


def test_whatever_begins_an_execution_says_its_semantics() -> None:
    package = Path(str(messages.__file__)).parent
    begun = [
        made for file in sorted(package.glob("*.py")) for made in re.findall(r"\bBegin\((.*)", file.read_text("utf-8"))
    ]
    begun = [made for made in begun if not made.startswith("msgspec.Struct")]
    assert len(begun) >= 4
    assert [made for made in begun if "SEMANTICS" not in made] == []
