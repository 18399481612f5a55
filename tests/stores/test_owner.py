"""An owner is alive exactly as long as it holds its lock."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from trellis.stores import owner
from trellis.stores.owner import OwnerLock

REPOSITORY = Path(__file__).parents[2]
HOLD = """
import sys
from pathlib import Path
from trellis.stores.owner import OwnerLock
print(OwnerLock(Path(sys.argv[1])).hold(), flush=True)
sys.stdin.read()
"""


def locks(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_an_owner_that_holds_nothing_is_dead_and_leaves_no_file(tmp_path: Path) -> None:
    ours, theirs = OwnerLock(tmp_path / "runs.db"), OwnerLock(tmp_path / "runs.db")
    assert not ours.alive(theirs.token)
    ours.close()
    assert locks(tmp_path) == []


def test_an_owner_lives_from_hold_to_close(tmp_path: Path) -> None:
    ours, theirs = OwnerLock(tmp_path / "runs.db"), OwnerLock(tmp_path / "runs.db")
    assert theirs.hold() == theirs.hold() == theirs.token
    assert locks(tmp_path) == [f"runs.db-owner-{theirs.token}"]
    assert ours.alive(theirs.token)
    assert theirs.alive(theirs.token)
    theirs.close()
    assert not ours.alive(theirs.token)
    assert locks(tmp_path) == []
    theirs.close()


def test_an_owner_whose_new_file_a_sweep_removed_makes_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = OwnerLock(tmp_path / "runs.db"), OwnerLock(tmp_path / "runs.db")
    lock = owner._lock
    swept: list[str] = []

    def slow(descriptor: int, *, probe: bool) -> None:
        if not probe and not swept:
            swept.append(theirs.token)
            assert not ours.alive(theirs.token)
        lock(descriptor, probe=probe)

    monkeypatch.setattr(owner, "_lock", slow)
    theirs.hold()
    assert swept == [theirs.token]
    assert ours.alive(theirs.token)
    theirs.close()


def test_owners_of_two_files_in_one_folder_leave_each_other_alone(tmp_path: Path) -> None:
    ours, theirs = OwnerLock(tmp_path / "a.db"), OwnerLock(tmp_path / "b.db")
    ours.hold()
    theirs.hold()
    assert not ours.alive(theirs.token)
    assert len(locks(tmp_path)) == 2
    ours.close()
    theirs.close()


def test_a_killed_owner_is_dead_at_once_and_the_next_owner_clears_its_file_away(tmp_path: Path) -> None:
    base = tmp_path / "runs.db"
    watcher = OwnerLock(base)
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, base], cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with holder:
        assert holder.stdout is not None
        token = holder.stdout.readline().strip()
        assert watcher.alive(token)
        holder.kill()
    assert locks(tmp_path) == [f"runs.db-owner-{token}"]
    following = OwnerLock(base)
    following.hold()
    assert locks(tmp_path) == [f"runs.db-owner-{following.token}"]
    assert not watcher.alive(token)
    following.close()
