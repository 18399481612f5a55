"""The folder of a file store holds what the store says, and nothing else: whole files, names that stay inside, one format."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.stores.file_stores import ROW, URL, create, journal, listed, opened, told
from trellis.errors import RunOwned, StoreCorrupt, StoreError, StoreFull, StoreTooNew, StoreUnavailable
from trellis.stores.base import Snapshot, Turn
from trellis.stores.file import FileStore
from trellis.stores.file.folder import FORMAT, inspect
from trellis.testing.stores import facts

pytestmark = pytest.mark.covers("TR04", "GT08")


def test_a_run_is_a_file_of_lines_that_people_can_read(tmp_path: Path) -> None:
    async def story(store: FileStore) -> None:
        await store.create(replace(ROW, run="order 1"), [b'{"type":"run_started"}'], {ROW.graph: b"{}"})
        turns = [Turn("order 1", 2, b'{"a": "\xc3\xa9"}', 1, None), Turn("order 1", 3, b"\xff", 1, None, last=True)]
        assert await store.append(turns) == [None, None]

    told(tmp_path, story)
    file = journal(tmp_path)
    assert file.name == "00000001-k-order%201.jsonl"
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert [sorted(line) for line in lines] == [
        ["definitions", "epoch", "event", "number", "owner", "row", "run", "seq", "sum"],
        ["event", "seq", "sum"],
        ["data", "owner", "seq", "sum"],
    ]
    assert [line.get("event") for line in lines] == [{"type": "run_started"}, {"a": "é"}, None]
    assert lines[2]["owner"] == ""
    assert listed(tmp_path) == ["definitions/" + ROW.graph, "runs/00000001-k-order%201.jsonl"]


@pytest.mark.parametrize(
    "run", ["../../x", "/etc/passwd", "..", "a/b", "a\\b", "C:x", "CON", "nul.jsonl", "R-1", "%2e%2e", "x" * 4000, "\0"]
)
def test_no_run_leaves_the_folder_or_takes_the_file_of_another(tmp_path: Path, run: str) -> None:
    async def story(store: FileStore) -> None:
        digest = run
        await store.create(replace(ROW, run=run, graph=digest), [b"1"], {digest: b"d"})
        await store.create(replace(ROW, run=run.lower() + "2"), [b"1"], {})
        await store.release(run, Snapshot(1, b"s"))
        assert (await store.read(run), await store.definition(digest)) == ([b"1"], b"d")

    told(tmp_path, story)
    assert [entry.name for entry in tmp_path.iterdir()] == ["runs"]
    assert len(listed(tmp_path)) == 4
    for file in (tmp_path / "runs").rglob("*"):
        assert len(file.name) < 200
        assert file.name == file.name.lower()
        assert set(file.name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-_.%~")


def test_a_deleted_run_leaves_no_file(tmp_path: Path) -> None:
    async def story(store: FileStore) -> None:
        await create(store, "r-1")
        await store.append([Turn("r-1", 2, b"2", 1, None, snapshot=b"two")])
        await store.delete("r-1")

    told(tmp_path, story)
    assert listed(tmp_path) == []


def test_of_snapshots_only_the_latest_is_kept(tmp_path: Path) -> None:
    async def story(store: FileStore) -> None:
        await create(store, "r-1")
        for seq in range(2, 8):
            await store.append([Turn("r-1", seq, b"x", 1, None, snapshot=b"%d" % seq)])
        turns = [Turn("r-1", seq, b"x", 1, None, snapshot=b"%d" % seq) for seq in (8, 9)]
        await store.append([*turns, Turn("r-1", 11, b"x", 1, None, snapshot=b"refused")])
        assert [file.read_bytes() for file in (tmp_path / "runs/snapshots").iterdir()] == [b"9"]
        await store.release("r-1", Snapshot(9, b"nine"))
        assert [file.read_bytes() for file in (tmp_path / "runs/snapshots").iterdir()] == [b"nine"]

    told(tmp_path, story)


def test_a_snapshot_that_is_damaged_or_gone_counts_as_none(tmp_path: Path) -> None:
    async def story(store: FileStore) -> None:
        await create(store, "r-1")
        await store.append([Turn("r-1", 2, b"2", 1, None, snapshot=b"two")])
        (file,) = (tmp_path / "runs/snapshots").iterdir()
        file.write_bytes(b"twO")
        assert await store.snapshot("r-1") is None
        file.unlink()
        assert await store.snapshot("r-1") is None
        await store.append([Turn("r-1", 3, b"3", 1, None, snapshot=b"three")])
        assert await store.snapshot("r-1") == Snapshot(3, b"three")

    told(tmp_path, story)


def test_a_definition_that_is_damaged_or_gone_is_named(tmp_path: Path) -> None:
    async def story(store: FileStore) -> None:
        await create(store, "r-1")
        file = tmp_path / "runs/definitions" / ROW.graph
        file.write_bytes(b"definitioN")
        with pytest.raises(StoreCorrupt) as caught:
            await store.definition(ROW.graph)
        assert caught.value.reason == f"definitions/{ROW.graph} is not as it was written; restore the file"
        file.unlink()
        with pytest.raises(StoreCorrupt) as caught:
            await store.definition(ROW.graph)
        assert caught.value.reason == f"definitions/{ROW.graph} is gone; restore the file"
        await create(store, "r-2")
        assert await store.definition(ROW.graph) == b"definition"

    told(tmp_path, story)


def test_what_killed_processes_left_half_done_is_swept_away(tmp_path: Path) -> None:
    async def begin(store: FileStore) -> None:
        await create(store, "r-1")
        await store.append([Turn("r-1", 2, b"2", 1, None, snapshot=b"two")])

    told(tmp_path, begin)
    before = listed(tmp_path)
    for left in ("runs/00000007-k-x.jsonl.half", "snapshots/1-99", "definitions/" + "9" * 64, "snapshots/1-3.half"):
        (tmp_path / "runs" / left).write_bytes(b"left")

    async def later(store: FileStore) -> None:
        assert await store.snapshot("r-1") == Snapshot(2, b"two")
        assert listed(tmp_path) == before
        await create(store, "r-2")
        assert "runs/00000100-k-r-2.jsonl" in listed(tmp_path)

    told(tmp_path, later)


def test_nothing_is_swept_away_that_a_damaged_run_may_need(tmp_path: Path) -> None:
    async def begin(store: FileStore) -> None:
        await create(store, "r-1")
        await store.append([Turn("r-1", 2, b"2", 1, None, snapshot=b"two")])
        await create(store, "r-2", graph="6" * 64)

    told(tmp_path, begin)
    before = listed(tmp_path)
    file = tmp_path / "runs/runs/00000001-k-r-1.jsonl"
    whole = file.read_bytes()
    file.write_bytes(b"x" + whole[1:])

    async def later(store: FileStore) -> None:
        await store.delete("r-2")

    told(tmp_path, later)
    file.write_bytes(whole)

    async def mended(store: FileStore) -> None:
        assert await store.read("r-1") == [b"1", b"2"]
        assert (await store.snapshot("r-1"), await store.definition(ROW.graph)) == (Snapshot(2, b"two"), b"definition")

    told(tmp_path, mended)
    assert listed(tmp_path) == [name for name in before if "r-2" not in name and "666" not in name]


def test_a_newer_format_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    told(tmp_path, lambda store: create(store, "r-1"))
    marker = tmp_path / "runs/format.json"
    assert marker.read_text() == '{"store":"trellis","format":1}\n'
    assert inspect(URL, tmp_path / "runs") == (FORMAT, FORMAT)
    marker.write_text('{"store":"trellis","format":2,"more":[]}')
    before = {name: (tmp_path / "runs" / name).read_bytes() for name in listed(tmp_path)}
    with pytest.raises(StoreTooNew) as caught:
        opened(tmp_path)
    assert (caught.value.url, caught.value.found, caught.value.known) == (URL, 2, 1)
    assert inspect(URL, tmp_path / "runs") == (2, 1)
    assert {name: (tmp_path / "runs" / name).read_bytes() for name in listed(tmp_path)} == before


def test_a_folder_of_something_else_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    assert inspect(URL, tmp_path / "runs") == (None, FORMAT)
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs/thesis.txt").write_text("mine")
    with pytest.raises(StoreUnavailable) as caught:
        opened(tmp_path)
    assert caught.value.reason == "the folder is no store and holds other files ('thesis.txt'); name an empty one"
    assert [entry.name for entry in (tmp_path / "runs").iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize(
    ("marker", "kind", "reason"),
    [
        ('{"store":"other","format":1}', StoreUnavailable, "the folder is a store of 'other'; name an empty one"),
        ("{", StoreCorrupt, "format.json does not say which format the folder has: Input data was truncated"),
    ],
)
def test_a_marker_that_is_not_ours_is_refused(tmp_path: Path, marker: str, kind: type[StoreError], reason: str) -> None:
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs/format.json").write_text(marker)
    with pytest.raises(kind) as caught:
        opened(tmp_path)
    assert facts(caught.value) == (kind, {"url": URL, "reason": reason})
    assert (tmp_path / "runs/format.json").read_text() == marker


def test_a_place_that_cannot_be_a_folder_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(StoreUnavailable, match="File exists"):
        opened(tmp_path)


def test_a_full_disk_takes_nothing_and_gives_back_what_it_took(tmp_path: Path) -> None:
    """A limit on the size of files stands for the disk; it is that of a process, so the story has one of its own."""
    script = f"""
        import asyncio, resource
        from pathlib import Path
        from msgspec.structs import replace
        from tests.stores.file_stores import ROW, create, listed, opened
        from trellis.errors import StoreFull
        from trellis.stores.base import Snapshot, Turn

        async def full(call):
            resource.setrlimit(resource.RLIMIT_FSIZE, (2000, -1))
            try:
                await call
                print("written")
            except StoreFull as error:
                print(error.reason)
            resource.setrlimit(resource.RLIMIT_FSIZE, (-1, -1))

        async def story():
            store = opened(Path({str(tmp_path)!r}))
            for run in ("r-1", "r-2"):
                await create(store, run)
            before = {{name: Path({str(tmp_path)!r}, "runs", name).read_bytes() for name in listed(Path({str(tmp_path)!r}))}}
            large = b"x" * 4000
            await full(store.append([Turn("r-1", 2, b"2", 1, None), Turn("r-2", 2, large, 1, None)]))
            await full(store.append([Turn("r-1", 2, b"2", 1, None, snapshot=large)]))
            await full(store.append([Turn("r-1", 2, b"2", 1, replace(ROW, graph="6" * 64), definition=large)]))
            await full(store.append([Turn("r-1", 2, large, 1, None, snapshot=b"s")]))
            await full(store.create(replace(ROW, run="r-3"), [large], {{"7" * 64: b"d"}}))
            await full(store.create(replace(ROW, run="r-3"), [b"1"], {{"7" * 64: b"d", "8" * 64: large}}))
            await full(store.release("r-1", Snapshot(1, large)))
            after = {{name: Path({str(tmp_path)!r}, "runs", name).read_bytes() for name in listed(Path({str(tmp_path)!r}))}}
            assert before == after, set(before) ^ set(after)
            assert await store.append([Turn(run, 2, large, 1, None) for run in ("r-1", "r-2")]) == [None, None]
            assert (await store.create(replace(ROW, run="r-3"), [large], {{}}))[1] == 1
            await store.close()

        asyncio.run(story())
    """
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(line[8:] for line in script.splitlines())],
        capture_output=True,
        text=True,
        cwd=root,
    )
    assert (done.stdout, done.stderr) == ("File too large\n" * 7, "")

    async def story(store: FileStore) -> None:
        assert [len(await store.read(run)) for run in ("r-1", "r-2", "r-3")] == [2, 2, 1]

    told(tmp_path, story)


@pytest.mark.parametrize("call", ["fsync", "write", "replace"])
def test_a_fault_of_the_disk_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    """Wherever the disk gives up, every file is as it was; and the store goes on when it is back."""
    real = getattr(os, call)

    async def story(store: FileStore) -> None:
        for run in ("r-1", "r-2"):
            await create(store, run)
        place = tmp_path / "runs"
        before = {name: (place / name).read_bytes() for name in listed(tmp_path)}
        turns = [Turn("r-1", 2, b"2", 1, None, snapshot=b"s"), Turn("r-2", 2, b"2", 1, None)]
        works: list[Callable[[], Awaitable[object]]] = [
            lambda: store.append(turns),
            lambda: store.create(replace(ROW, run="r-3"), [b"1", b"2"], {"7" * 64: b"d"}),
            lambda: store.release("r-1", Snapshot(1, b"s")),
        ]
        for work in works:
            for good in range(20):
                left = good  # calls that go well before the one that does not

                def fault(*arguments: object) -> object:
                    nonlocal left
                    left -= 1
                    if left == -1:
                        raise OSError(errno.ENOSPC, "No space left on device")
                    return real(*arguments)

                with monkeypatch.context() as patch:
                    patch.setattr(os, call, fault)
                    outcome = await asyncio.gather(work(), return_exceptions=True)
                if not isinstance(outcome[0], BaseException):
                    break
                assert isinstance(outcome[0], StoreFull)
                assert {name: (place / name).read_bytes() for name in listed(tmp_path)} == before
            else:
                raise AssertionError("the fault came in every time")
            assert good > 0 or call == "replace"
            before = {name: (place / name).read_bytes() for name in listed(tmp_path)}
        assert await store.read("r-1") == [b"1", b"2"]

    told(tmp_path, story)
    assert told(tmp_path, lambda store: store.read("r-2")) == [b"1", b"2"]


def test_a_definition_that_was_mended_stays_though_the_run_that_brought_it_was_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(store: FileStore) -> None:
        await create(store, "r-1")
        file = tmp_path / "runs/definitions" / ROW.graph
        file.write_bytes(b"definitioN")
        real = os.replace

        def fault(half: Path, whole: Path) -> None:
            if whole.suffix == ".jsonl":
                raise OSError(errno.ENOSPC, "No space left on device")
            real(half, whole)

        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", fault)
            with pytest.raises(StoreFull):
                await create(store, "r-2")
        assert await store.definition(ROW.graph) == b"definition"

    told(tmp_path, story)


def test_what_a_call_wrote_is_on_the_disk_when_it_returns_names_included(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each file is synced before it gets its name, its folder after that, and a journal after its lines."""
    log: list[str] = []
    fsync, replace_file = os.fsync, os.replace

    def name(path: str | Path) -> str:
        return Path(path).relative_to(tmp_path / "runs").as_posix()

    def synced(descriptor: int) -> None:
        place = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        size = "" if place.is_dir() else f" {place.stat().st_size}"
        log.append(f"sync {name(place)}{size}")
        fsync(descriptor)

    def replaced(half: Path, whole: Path) -> None:
        log.append(f"name {name(half)} {name(whole)}")
        replace_file(half, whole)

    async def story(store: FileStore) -> None:
        monkeypatch.setattr(os, "fsync", synced)
        monkeypatch.setattr(os, "replace", replaced)
        run = "runs/00000001-k-r-1.jsonl"

        def size() -> int:
            return (tmp_path / "runs" / run).stat().st_size

        def made(file: str, length: int) -> list[str]:
            folder = file.partition("/")[0]
            return [f"sync {file}.half {length}", f"name {file}.half {file}", f"sync {folder}"]

        await store.create(ROW, [b"1"], {ROW.graph: b"definition"})
        assert log == made(f"definitions/{ROW.graph}", 10) + made(run, size())
        log.clear()
        await store.append([Turn("r-1", 2, b"2", 1, None)])
        assert log == [f"sync {run} {size()}"]
        log.clear()
        await store.append([Turn("r-1", 3, b"3", 1, replace(ROW, graph="6" * 64), snapshot=b"abc", definition=b"de")])
        assert log == [*made("snapshots/1-3", 3), *made("definitions/" + "6" * 64, 2), f"sync {run} {size()}"]
        log.clear()
        await store.release("r-1")
        await store.claim("r-1")
        released, claimed = log
        assert (released.split()[:2], claimed) == (["sync", run], f"sync {run} {size()}")
        log.clear()
        await store.delete("r-1")
        assert log == ["sync runs"]

    if not Path("/proc/self/fd").exists():
        pytest.skip("only Linux tells which file a descriptor is of")
    told(tmp_path, story)


def test_a_row_never_makes_a_run_another(tmp_path: Path) -> None:
    async def story(store: FileStore) -> None:
        await create(store, "r-1")
        await create(store, "r-2")
        await store.append([Turn("r-2", 2, b"2", 1, replace(ROW, run="r-1", status="moved"))])
        assert await store.row("r-1") == replace(ROW, revision=1)
        assert await store.row("r-2") == replace(ROW, run="r-2", status="moved", revision=2)

    told(tmp_path, story)


def test_a_closed_store_says_so(tmp_path: Path) -> None:
    async def story() -> None:
        store = opened(tmp_path)
        await create(store, "r-1")
        await store.close()
        await store.close()
        with pytest.raises(StoreUnavailable) as caught:
            await store.rows()
        assert (caught.value.url, caught.value.reason) == (URL, "it was closed")
        assert listed(tmp_path) == ["definitions/" + ROW.graph, "runs/00000001-k-r-1.jsonl"]

    asyncio.run(story())


def test_a_run_that_was_deleted_and_created_anew_is_another_to_everyone(tmp_path: Path) -> None:
    """The file of a run is never that of an earlier one of the same id, whatever its size and its inode."""

    async def story() -> None:
        ours, theirs = opened(tmp_path), opened(tmp_path)
        for event in (b"a", b"b", b"c"):
            await ours.create(ROW, [event], {})
            assert await theirs.read("r-1") == [event]
            with pytest.raises(RunOwned):
                await theirs.claim("r-1")
            await ours.delete("r-1")
        for store in (ours, theirs):
            await store.close()

    asyncio.run(story())
