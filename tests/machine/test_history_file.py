"""The file of a history: where it may be, and what it answers once it is closed."""

from __future__ import annotations

from pathlib import Path

import pytest

from trellis.errors import BadHistory
from trellis.machine import Machine
from trellis.machine.history.sqlite import SqliteHistory

SCHEMA = {"A": {"add": ["B"]}, "B": {}}
ORDER = ["A", "B"]


def test_a_file_in_a_folder_that_is_not_there_is_refused_and_no_folder_is_made(tmp_path: Path) -> None:
    machine = Machine(SCHEMA, ORDER)
    with pytest.raises(BadHistory) as caught:
        SqliteHistory(machine, tmp_path / "no" / "h.db")
    assert str(caught.value) == f"there is no folder '{tmp_path / 'no'}' for the file 'h.db': make it first"
    assert list(tmp_path.iterdir()) == []


def test_a_closed_file_answers_nothing_and_says_so(tmp_path: Path) -> None:
    history = SqliteHistory(Machine(SCHEMA, ORDER, id="m"), tmp_path / "h.db")
    history.close()
    history.close()
    for ask in (history.find_latest, history.sync):
        with pytest.raises(BadHistory) as caught:
            ask()
        assert str(caught.value) == "the history of machine 'm' is closed: ask it before, or open another one"
