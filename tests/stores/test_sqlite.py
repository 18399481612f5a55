"""What the SQLite store promises beyond the contract: its file, and how its faults are told."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar, cast

import apsw
import pytest
from msgspec.structs import replace

from tests.stores.sqlite_files import URL, opened
from trellis.errors import StoreCorrupt, StoreError, StoreFull, StoreTooNew, StoreUnavailable
from trellis.stores.base import Turn
from trellis.stores.sqlite import SqliteStore
from trellis.stores.sqlite.schema import APPLICATION, FORMAT, _write_ahead, inspect
from trellis.testing.stores import ROW, create, facts, refusal

T = TypeVar("T")
REPOSITORY = Path(__file__).parents[2]


def refused(folder: Path, kind: type[StoreError]) -> dict[str, Any]:
    with pytest.raises(kind) as caught:
        opened(folder)
    return vars(caught.value)


# The file


@pytest.mark.covers("GT08", "GT10")
def test_the_file_is_written_ahead_and_every_commit_reaches_the_disk(tmp_path: Path) -> None:
    store = opened(tmp_path)
    names = ("journal_mode", "synchronous", "mmap_size", "application_id", "user_version", "busy_timeout")
    settings = [store._connection.pragma(name) for name in names]
    assert settings == ["wal", 2, 0, APPLICATION, FORMAT, 0]
    asyncio.run(store.close())


def test_a_closed_store_leaves_one_file(tmp_path: Path) -> None:
    store = opened(tmp_path)
    asyncio.run(create(store, "r-1"))
    assert len(list(tmp_path.iterdir())) == 4  # the file, its log, the log's index, the owner's lock
    asyncio.run(store.close())
    assert [entry.name for entry in tmp_path.iterdir()] == ["runs.db"]


def test_a_file_of_a_newer_format_is_left_alone(tmp_path: Path) -> None:
    asyncio.run(opened(tmp_path).close())
    with apsw.Connection(str(tmp_path / "runs.db")) as connection:
        connection.pragma("user_version", FORMAT + 1)
    connection.close()
    before = (tmp_path / "runs.db").read_bytes()
    assert refused(tmp_path, StoreTooNew) == {"url": URL, "found": FORMAT + 1, "known": FORMAT}
    assert (tmp_path / "runs.db").read_bytes() == before


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE cookies (name)",
        "PRAGMA user_version=1",
        "PRAGMA application_id=7",
        f"PRAGMA application_id={APPLICATION}",
    ],
)
def test_the_database_of_another_application_is_left_alone(tmp_path: Path, statement: str) -> None:
    connection = apsw.Connection(str(tmp_path / "runs.db"))
    connection.execute(statement)
    connection.close()
    before = (tmp_path / "runs.db").read_bytes()
    reason = "the file is a database of another application; name another --store"
    assert refused(tmp_path, StoreUnavailable) == {"url": URL, "reason": reason}
    assert (tmp_path / "runs.db").read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["runs.db"]


def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "runs.db").write_text("trellis: 1\nname: provision\n" * 100)
    reason = "the file is no SQLite database; name another --store"
    assert refused(tmp_path, StoreCorrupt) == {"url": URL, "reason": reason}
    assert (tmp_path / "runs.db").read_text() == "trellis: 1\nname: provision\n" * 100


def test_a_folder_is_no_store(tmp_path: Path) -> None:
    (tmp_path / "runs.db").mkdir()
    reason = f"{tmp_path}/runs.db is a folder; name a file in it"
    assert refused(tmp_path, StoreUnavailable) == {"url": URL, "reason": reason}


def test_a_path_through_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert refused(tmp_path / "file", StoreUnavailable)["reason"] == f"File exists: {tmp_path}/file"
    assert refused(tmp_path / "file/x", StoreUnavailable)["reason"] == f"Not a directory: {tmp_path}/file/x"


OPEN_AS_NOBODY = """
import os, sys
from trellis.stores import open_store
import trellis.stores.sqlite
from trellis.errors import StoreUnavailable
if os.geteuid() == 0:
    os.seteuid(65534)
try:
    open_store(f"sqlite:///{sys.argv[1]}")
except StoreUnavailable as error:
    print(error.reason)
"""


def reason_for_a_stranger(path: Path) -> str:
    command = [sys.executable, "-c", OPEN_AS_NOBODY, str(path)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    assert done.stderr == ""
    return done.stdout.rstrip("\n")


def test_a_folder_or_file_that_may_not_be_written_is_refused() -> None:
    with TemporaryDirectory() as outer:  # pytest keeps its own folders from strangers
        folder = Path(outer, "folder")
        store = opened(folder)
        asyncio.run(create(store, "r-1"))
        asyncio.run(store.close())
        Path(outer).chmod(0o755)
        (folder / "runs.db").chmod(0o444)
        may_not = "it may not be written; allow it, or name another --store"
        folder.chmod(0o777)
        assert reason_for_a_stranger(folder / "runs.db") == may_not
        folder.chmod(0o555)
        assert reason_for_a_stranger(folder / "runs.db") == may_not
        cannot = f"{folder}/other.db cannot be opened for writing: unable to open database file"
        assert reason_for_a_stranger(folder / "other.db") == cannot
        assert reason_for_a_stranger(folder / "deeper/runs.db") == f"Permission denied: {folder}/deeper"
        folder.chmod(0o755)


OPEN_AND_APPEND = """
import asyncio, sys
from tests.stores.appending import event, row
from trellis.stores import open_store
from trellis.stores.base import Turn

async def main(url, run):
    sys.stdin.readline()
    store = open_store(url)
    _, epoch = await store.create(row(run, 1), [event(run, 1)], {"g": b"definition"})
    for seq in range(2, 12):
        answers = await store.append([Turn(run, seq, event(run, seq), epoch, row(run, seq))])
        assert answers == [None], answers
    await store.close()

asyncio.run(main(*sys.argv[1:]))
"""


def test_processes_that_open_one_new_file_at_once_all_write_to_it(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/new/runs.db"
    children = [
        subprocess.Popen(
            [sys.executable, "-c", OPEN_AND_APPEND, url, f"r-{number}"],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(4)
    ]
    for child in children:
        assert child.stdin is not None
        child.stdin.write("go\n")
        child.stdin.flush()
    assert [child.communicate()[1] for child in children] == [""] * 4
    store = opened(tmp_path / "new")
    found = {row.run: row.revision for row in asyncio.run(store.rows())}
    assert found == {f"r-{number}": 11 for number in range(4)}
    asyncio.run(store.close())


class Contested:
    """A file whose mode another process changes at the same moment, twice."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def pragma(self, *words: str) -> str:
        self.calls.append("=".join(words))
        if self.calls.count("journal_mode=wal") < 3:
            raise apsw.BusyError("locked")
        return "wal"

    in_transaction = False

    def execute(self, statement: str) -> None:
        self.calls.append(statement)


def test_a_change_of_mode_that_meets_another_waits_for_it_and_tries_again() -> None:
    connection = Contested()
    assert _write_ahead(cast("apsw.Connection", connection))
    assert connection.calls == ["journal_mode=wal", "BEGIN IMMEDIATE", "COMMIT"] * 2 + ["journal_mode=wal"]


# Faults


def spoilt(tmp_path: Path, statement: str) -> SqliteStore:
    """A store with three events of r-1, after somebody else had his way with the file."""

    async def story() -> None:
        store = opened(tmp_path)
        epoch = await create(store, "r-1")
        await store.append([Turn("r-1", seq, b"%d" % seq, epoch, None) for seq in (2, 3)])
        await store.close()

    asyncio.run(story())
    connection = apsw.Connection(str(tmp_path / "runs.db"))
    connection.execute(statement)
    connection.close()
    return opened(tmp_path)


@pytest.mark.parametrize(
    ("statement", "missing"),
    [("DELETE FROM events WHERE seq = 1", 1), ("DELETE FROM events WHERE seq = 2", 2), ("DELETE FROM events", 1)],
)
def test_a_missing_event_is_told_not_skipped(tmp_path: Path, statement: str, missing: int) -> None:
    store = spoilt(tmp_path, statement)
    reason = f"event {missing} of run 'r-1' is missing; restore the file from a backup"
    assert asyncio.run(refusal(store.read("r-1"))) == (StoreCorrupt, {"url": URL, "reason": reason})
    asyncio.run(store.close())


def test_a_row_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    store = spoilt(tmp_path, "UPDATE runs SET fields = '{'")
    kind, known = asyncio.run(refusal(store.row("r-1")))
    assert kind is StoreCorrupt
    assert known["reason"].startswith("the row of run 'r-1': Input data was truncated; restore")
    asyncio.run(store.close())


def test_a_missing_table_is_told(tmp_path: Path) -> None:
    store = spoilt(tmp_path, "DROP TABLE events")
    kind, known = asyncio.run(refusal(store.rows()))
    assert (kind, known["reason"]) == (
        StoreCorrupt,
        "no such table: events; restore the file from a backup, or name another --store",
    )
    asyncio.run(store.close())


@pytest.mark.parametrize("missing", [1, 100, 4095])
def test_a_file_whose_last_page_is_cut_short_is_told_when_it_is_opened(tmp_path: Path, missing: int) -> None:
    asyncio.run(spoilt(tmp_path, "SELECT 1").close())
    path = tmp_path / "runs.db"
    whole = path.stat().st_size
    os.truncate(path, whole - missing)
    reason = f"the file was cut short: it has {whole - missing:,} bytes of {whole:,}"
    reason = f"{reason}; restore it from a backup, or name another --store"
    assert refused(tmp_path, StoreCorrupt) == {"url": URL, "reason": reason}
    with pytest.raises(StoreCorrupt) as caught:
        inspect(path)
    assert caught.value.reason == reason


def test_a_file_that_lacks_pages_which_lie_in_its_log_is_whole(tmp_path: Path) -> None:
    store, copy = opened(tmp_path), tmp_path / "copy"
    asyncio.run(create(store, "r-1"))
    store._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
    whole = (tmp_path / "runs.db").stat().st_size
    asyncio.run(store.append([Turn("r-1", 2, b"x" * 20_000, 1, None)]))
    copy.mkdir()
    for name in ("runs.db", "runs.db-wal"):
        (copy / name).write_bytes((tmp_path / name).read_bytes())
    os.truncate(copy / "runs.db", whole)
    again = opened(copy)
    assert asyncio.run(again.read("r-1")) == [b"1", b"x" * 20_000]
    for each in (store, again):
        asyncio.run(each.close())


def test_a_damaged_page_is_told(tmp_path: Path) -> None:
    asyncio.run(spoilt(tmp_path, "SELECT 1").close())
    with (tmp_path / "runs.db").open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (os.fstat(file.fileno()).st_size - 4096))
    store = opened(tmp_path)
    assert asyncio.run(refusal(store.read("r-1")))[0] is StoreCorrupt
    asyncio.run(store.close())


def test_a_database_locked_by_another_is_told_and_used_again_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trellis.stores.sqlite.store.PATIENCE_S", 0)

    async def story() -> None:
        store = opened(tmp_path)
        epoch = await create(store, "r-1")
        other = apsw.Connection(str(tmp_path / "runs.db"))
        other.execute("BEGIN IMMEDIATE")
        reason = "another process has kept it locked for 0 s; try again when it is done"
        turn = Turn("r-1", 2, b"2", epoch, None)
        assert await refusal(store.append([turn])) == (StoreUnavailable, {"url": URL, "reason": reason})
        assert await refusal(store.append([turn, replace(turn, seq=3)])) == (
            StoreUnavailable,
            {"url": URL, "reason": reason},
        )
        other.execute("ROLLBACK")
        other.close()
        assert await store.append([turn, replace(turn, seq=3)]) == [None, None]
        await store.close()

    asyncio.run(story())


@pytest.mark.parametrize("batch", [1, 5])
def test_a_full_database_keeps_what_it_has_and_goes_on_once_there_is_room(tmp_path: Path, batch: int) -> None:
    async def story() -> None:
        store = opened(tmp_path)
        epoch = await create(store, "r-1")
        connection = store._connection
        connection.pragma("max_page_count", connection.pragma("page_count") + 4)

        def turns(after: int) -> list[Turn]:
            row = replace(ROW, status=f"at {after}")
            return [Turn("r-1", after + 1 + place, b"x" * 1500, epoch, row) for place in range(batch)]

        revision = 1
        while (answer := await outcome(store, turns(revision))) is None:
            revision += batch
        assert answer == (StoreFull, {"url": URL, "reason": "the disk or the database is full"})
        assert len(await store.read("r-1")) == revision
        last = replace(ROW, status=f"at {revision - batch}") if revision > 1 else ROW
        assert await store.row("r-1") == replace(last, revision=revision)
        assert (await refusal(store.create(replace(ROW, run="r-2"), [b"x" * 40_000], {})))[0] is StoreFull
        assert await store.row("r-2") is None
        connection.pragma("max_page_count", 1_000_000)
        assert await outcome(store, turns(revision)) is None
        assert len(await store.read("r-1")) == revision + batch
        await store.close()

    async def outcome(store: SqliteStore, turns: list[Turn]) -> object:
        try:
            assert await store.append(turns) == [None] * batch
        except StoreError as error:
            return facts(error)
        return None

    asyncio.run(story())


FILL = """
import asyncio, resource, sys
from tests.stores.appending import event, row
from trellis.errors import StoreFull
from trellis.stores import open_store
from trellis.stores.base import Turn

async def main(url):
    store = open_store(url)
    _, epoch = await store.create(row("r", 1), [event("r", 1)], {"g": b"definition"})
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
    seq = 2
    try:
        while True:
            assert await store.append([Turn("r", seq, event("r", seq), epoch, row("r", seq))]) == [None]
            seq += 1
    except StoreFull as error:
        print(error.reason)
    assert len(await store.read("r")) == seq - 1
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert await store.append([Turn("r", seq, event("r", seq), epoch, row("r", seq))]) == [None]
    assert await store.read("r") == [event("r", at) for at in range(1, seq + 1)]
    await store.close()
    print("whole")

asyncio.run(main(sys.argv[1]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no limit of file sizes there")
def test_a_file_that_may_not_grow_is_a_full_store(tmp_path: Path) -> None:
    command = [sys.executable, "-c", FILL, f"sqlite:///{tmp_path}/runs.db"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("File too large\nwhole\n", "")


def test_a_folder_that_went_away_is_told_before_a_run_begins(tmp_path: Path) -> None:
    store = opened(tmp_path / "folder")
    (tmp_path / "folder").rename(tmp_path / "elsewhere")
    kind, known = asyncio.run(refusal(store.create(ROW, [b"1"], {})))
    assert (kind, known["reason"]) == (StoreUnavailable, f"No such file or directory: {tmp_path}/folder")
    asyncio.run(store.close())


def test_a_closed_store_says_so(tmp_path: Path) -> None:
    store = opened(tmp_path)
    asyncio.run(store.close())
    assert asyncio.run(refusal(store.row("r-1"))) == (StoreUnavailable, {"url": URL, "reason": "it was closed"})


READ_WITHOUT_ROOM = """
import asyncio, resource, sys
from tests.stores.appending import event, row
from trellis.errors import StoreFull
from trellis.stores import open_store
from trellis.stores.base import Turn

async def main(url):
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    store = open_store(url)
    assert [found.run for found in await store.rows()] == ["r-1"]
    assert await store.read("r-1") == [b"1", b"2", b"3"]
    try:
        await store.create(row("r-2", 1), [event("r-2", 1)], {})
    except StoreFull as error:
        print(error.reason)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert await store.append([Turn("r-1", 4, b"4", await store.claim("r-1"), None)]) == [None]
    await store.close()
    print("whole")

asyncio.run(main(sys.argv[1]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no limit of file sizes there")
@pytest.mark.parametrize("killed", [True, False])
def test_a_store_is_read_where_there_is_no_room_for_anything(tmp_path: Path, *, killed: bool) -> None:
    store = spoilt(tmp_path, "SELECT 1")
    if killed:
        asyncio.run(store.claim("r-1"))
        shutil.copytree(tmp_path, tmp_path / "killed", ignore=shutil.ignore_patterns("*-shm", "*-owner-*"))
    asyncio.run(store.close())
    folder = tmp_path / "killed" if killed else tmp_path
    command = [sys.executable, "-c", READ_WITHOUT_ROOM, f"sqlite:///{folder}/runs.db"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("File too large\nwhole\n", "")


# Owners of other processes


ANSWER = """
import asyncio, os, sys
from tests.stores.appending import event, row
from trellis.stores import open_store

async def main(url):
    store = open_store(url)
    async def answer(message):
        if message == b"let go":
            await store.release("r-1")
        return b"%d heard " % os.getpid() + message
    store.hear(answer)
    await store.create(row("r-1", 1), [event("r-1", 1)], {})
    print("ready", flush=True)
    await asyncio.Event().wait()

asyncio.run(main(sys.argv[1]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no Unix sockets there")
def test_the_owner_in_another_process_is_asked_until_it_lets_go_or_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", ANSWER, f"sqlite:///{tmp_path}/runs.db"]
    for ending in (b"let go", b""):
        with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == "ready\n"

            async def story(child: subprocess.Popen[str], ending: bytes) -> None:
                store = opened(tmp_path)
                messages = [b"%d" % number for number in range(5)]
                replies = await asyncio.gather(*(store.ask("r-1", message) for message in messages))
                assert replies == [b"%d heard %d" % (child.pid, number) for number in range(5)]
                if ending:
                    assert await store.ask("r-1", ending) == b"%d heard let go" % child.pid
                else:
                    child.kill()
                    child.wait()
                assert await store.ask("r-1", b"x") is None
                assert await store.claim("r-1") == 2
                await store.delete("r-1")
                await store.close()

            try:
                asyncio.run(story(child, ending))
            finally:
                child.kill()
