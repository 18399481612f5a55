"""A file of an earlier format is brought up whole, once, and never under the hands of who still writes the old one."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import apsw
import pytest

from tests.stores.sqlite_files import URL, opened
from trellis.errors import StoreCorrupt, StoreTooNew, StoreTooOld, StoreUnavailable
from trellis.stores.base import RunRow, Turn
from trellis.stores.owner import OwnerLock
from trellis.stores.sqlite import schema
from trellis.stores.sqlite.schema import APPLICATION, FORMAT, FORMATS, inspect, migrate

REPOSITORY = Path(__file__).parents[2]
FIELDS: dict[str, Any] = {"user": "Zoë", "tries": 2, "ok": True, "tags": ["a", 1.0], "none": None}
OLD = """
    INSERT INTO definitions (hash, data) VALUES ('g-1', x'01'), ('g-2', x'02'), ('g-3', x'03');
    INSERT INTO runs (run, owner, epoch, graph, name, source, status, position, fields, wake, created, updated) VALUES
        ('r-1', 'dead-owner', 3, 'g-1', 'provision', 'a.yaml', 'running', '["a"]', ?, 5.0, 1.0, 2.0),
        ('r-2', NULL, 1, 'g-1', 'provision', 'a.yaml', 'completed', '[]', '{}', NULL, 2.0, 2.0),
        ('r-3', NULL, 1, 'g-2', 'deploy', 'b.yaml', 'running', '[]', '{', NULL, 3.0, 3.0);
    INSERT INTO journal (run, seq, event) VALUES (1, 1, x'31'), (2, 1, x'31'), (1, 2, x'32'), (3, 1, x'31');
"""


def old_file(folder: Path) -> Path:
    """A file of format 1, with three runs in it; the fields of the last one are spoilt."""
    import json

    connection = apsw.Connection(str(folder / "runs.db"))
    connection.execute(FORMATS[0])
    connection.execute(OLD, (json.dumps(FIELDS),))
    connection.execute(f"PRAGMA application_id={APPLICATION}; PRAGMA user_version=1; PRAGMA journal_mode=wal")
    connection.close()
    return folder / "runs.db"


def layout(path: Path) -> list[tuple[Any, ...]]:
    connection = apsw.Connection(str(path))
    found = connection.execute("SELECT type, name, tbl_name FROM sqlite_schema ORDER BY name").fetchall()
    connection.close()
    return found


def test_a_file_of_the_first_format_is_brought_up_with_all_that_is_in_it(tmp_path: Path) -> None:
    old_file(tmp_path)

    async def story() -> None:
        store = opened(tmp_path)
        first = RunRow("r-1", "g-1", "provision", "a.yaml", "running", 2, ("a",), FIELDS, 5.0, 1.0, 2.0)
        second = RunRow("r-2", "g-1", "provision", "a.yaml", "completed", 1, (), {}, None, 2.0, 2.0)
        assert await store.row("r-1") == first
        assert await store.rows(name="provision") == [second, first]
        for field, value in FIELDS.items():
            assert first in await store.rows(name="provision", match={field: value})
        assert await store.rows(match={"ok": 1}) == []
        assert await store.read("r-1") == [b"1", b"2"]
        assert (await store.claim_due(10.0, limit=5)).claimed == (("r-1", 4),)
        assert await store.append([Turn("r-1", 3, b"3", 4, None)]) == [None]
        await store.delete("r-1")
        assert await store.definition("g-1") == b"\1"
        await store.delete("r-2")
        assert [await store.definition(digest) for digest in ("g-1", "g-2", "g-3")] == [None, b"\2", b"\3"]
        with pytest.raises(StoreCorrupt, match="the row of run 'r-3'"):
            await store.row("r-3")
        await store.close()

    asyncio.run(story())


def test_a_file_that_was_brought_up_is_laid_out_like_a_new_one(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "old").mkdir()
    asyncio.run(opened(tmp_path / "new").close())
    old_file(tmp_path / "old")
    asyncio.run(opened(tmp_path / "old").close())
    assert layout(tmp_path / "old/runs.db") == layout(tmp_path / "new/runs.db")


def test_a_file_is_brought_up_whole_or_left_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = old_file(tmp_path)
    before = layout(path)
    monkeypatch.setattr(schema, "FORMATS", (FORMATS[0], FORMATS[1] + "; INSERT INTO nowhere VALUES (1)"))
    with pytest.raises(StoreCorrupt, match="no such table: nowhere"):
        opened(tmp_path)
    monkeypatch.undo()
    assert (layout(path), inspect(path)) == (before, (1, FORMAT))
    asyncio.run(opened(tmp_path).close())
    assert inspect(path) == (FORMAT, FORMAT)


def test_a_file_is_not_brought_up_while_a_host_of_the_earlier_version_lives(tmp_path: Path) -> None:
    path = old_file(tmp_path)
    host = OwnerLock(path)
    host.hold()
    with pytest.raises(StoreTooOld) as caught:
        opened(tmp_path)
    assert vars(caught.value) == {"url": URL, "found": 1, "known": FORMAT}
    assert inspect(path) == (1, FORMAT)
    host.close()
    asyncio.run(opened(tmp_path).close())


def test_who_brought_the_file_up_while_we_looked_is_no_host_of_an_earlier_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = old_file(tmp_path)
    others = []

    class Watched(OwnerLock):
        def living(self) -> list[str]:
            monkeypatch.undo()
            others.append(opened(tmp_path))
            asyncio.run(others[0].claim("r-1"))
            return super().living()

    monkeypatch.setattr(schema, "OwnerLock", Watched)
    asyncio.run(opened(tmp_path).close())
    assert inspect(path) == (FORMAT, FORMAT)
    asyncio.run(others[0].close())


def test_a_process_of_the_earlier_version_that_has_the_file_open_writes_nothing_more(tmp_path: Path) -> None:
    path = old_file(tmp_path)
    old = apsw.Connection(str(path))
    old.execute("SELECT * FROM journal").fetchall()
    asyncio.run(opened(tmp_path).close())
    with pytest.raises(apsw.SQLError, match="no such table: journal"):
        old.execute("INSERT INTO journal (run, seq, event) VALUES (1, 3, x'33')")
    old.close()


def test_processes_that_open_an_old_file_at_once_all_find_it_brought_up(tmp_path: Path) -> None:
    path = old_file(tmp_path)
    program = """
import sys
from pathlib import Path
from trellis.stores.sqlite.schema import migrate
sys.stdin.readline()
print(migrate(Path(sys.argv[1]))[1])
"""
    command = [sys.executable, "-c", program, str(path)]
    pipe = subprocess.PIPE
    children = [
        subprocess.Popen(command, cwd=REPOSITORY, stdin=pipe, stdout=pipe, stderr=pipe, text=True) for _ in range(4)
    ]
    assert [child.communicate("go\n") for child in children] == [(f"{FORMAT}\n", "")] * 4
    assert inspect(path) == (FORMAT, FORMAT)


def test_looking_at_the_format_makes_no_file_and_changes_none(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    assert inspect(path) == (None, FORMAT)
    assert not path.exists()
    path.touch()
    assert inspect(path) == (None, FORMAT)
    assert path.read_bytes() == b""
    path.unlink()
    old_file(tmp_path)
    before = path.read_bytes()
    assert inspect(path) == (1, FORMAT)
    assert path.read_bytes() == before


def test_migrate_tells_what_the_file_was_and_is(tmp_path: Path) -> None:
    path = tmp_path / "folder/runs.db"
    assert migrate(path) == (None, FORMAT)
    assert migrate(path) == (FORMAT, FORMAT)
    path.unlink()
    old_file(path.parent)
    assert migrate(path) == (1, FORMAT)
    assert migrate(path) == (FORMAT, FORMAT)


def test_a_newer_format_is_told_and_not_brought_down(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    migrate(path)
    connection = apsw.Connection(str(path))
    connection.pragma("user_version", FORMAT + 1)
    connection.close()
    assert inspect(path) == (FORMAT + 1, FORMAT)
    with pytest.raises(StoreTooNew):
        migrate(path)
    assert inspect(path) == (FORMAT + 1, FORMAT)


def test_what_is_not_ours_has_no_format(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    path.write_text("no database\n" * 200)
    with pytest.raises(StoreCorrupt, match="the file is no SQLite database"):
        inspect(path)
    path.unlink()
    connection = apsw.Connection(str(path))
    connection.execute("CREATE TABLE cookies (name)")
    connection.close()
    with pytest.raises(StoreUnavailable, match="a database of another application"):
        inspect(path)
