"""Several processes share one folder: none takes another's run, none loses what counted, whenever one is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest
from msgspec.structs import replace

from tests.stores.file_stores import ROW, URL, create, listed, told
from tests.stores.test_crash import crash
from trellis.errors import RunOwned, StoreUnavailable
from trellis.stores.base import Turn
from trellis.stores.file import FileStore, folder
from trellis.testing.stores import refusal

pytestmark = pytest.mark.covers("TR04", "GT08")

REPOSITORY = Path(__file__).parents[2]


def started(script: str, *arguments: object) -> subprocess.Popen[str]:
    """A process that runs a script with `sys.argv`, `asyncio`, and what the tests of the file store use."""
    before = "import asyncio, sys; from pathlib import Path; from tests.stores.file_stores import *; "
    before += "from trellis.stores.base import Turn; from msgspec.structs import replace\n"
    command = [sys.executable, "-c", before + script, *map(str, arguments)]
    return subprocess.Popen(command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@pytest.mark.slow
@pytest.mark.covers("GT01")
def test_no_acknowledged_event_is_lost_and_no_turn_torn_by_five_kills(tmp_path: Path) -> None:
    crash(f"file:{tmp_path}/runs", tmp_path / "runs/owners", Random(7), kills=5)


@pytest.mark.soak
def test_no_acknowledged_event_is_lost_and_no_turn_torn_by_a_hundred_kills(tmp_path: Path) -> None:
    crash(f"file:{tmp_path}/runs", tmp_path / "runs/owners", Random(), kills=100)


STORM = """
async def story():
    store = opened(Path(sys.argv[1]))
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(10):
        row, epoch = await store.create(replace(ROW, run=f"r-{number}", source=sys.argv[2]), [b"1"], {})
        if epoch:
            print(row.run, flush=True)
            await asyncio.gather(*(store.append([Turn(row.run, seq, b"x", 1, None)]) for seq in (2, 3)))
    print("done", flush=True)
    sys.stdin.readline()
asyncio.run(story())
"""


@pytest.mark.slow
def test_processes_that_start_the_same_runs_at_once_start_each_once(tmp_path: Path) -> None:
    told(tmp_path, lambda store: store.rows())
    processes = [started(STORM, tmp_path, number) for number in range(3)]
    for process in processes:
        assert said(process) == "ready"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    theirs: dict[str, str] = {}
    for number, process in enumerate(processes):
        while (line := said(process)) != "done":
            assert line not in theirs
            theirs[line] = str(number)

    async def story(store: FileStore) -> None:
        rows = await store.rows()
        assert {row.run: row.source for row in rows} == theirs
        assert sorted(theirs) == [f"r-{number}" for number in range(10)]
        assert {row.revision for row in rows} == {3}
        assert (await refusal(store.claim("r-3")))[0] is RunOwned
        for process in processes:
            process.kill()
            process.communicate()
        assert await store.claim("r-3") == 2
        assert await store.append([Turn("r-3", 4, b"4", 2, None)]) == [None]

    told(tmp_path, story)


HEARING = """
async def story():
    store = opened(Path(sys.argv[1]))
    async def answer(message):
        seq = len(await store.read("r-1")) + 1
        (refused,) = await store.append([Turn("r-1", seq, message, 1, None)])
        return b"written %d" % seq
    store.hear(answer)
    await create(store, "r-1")
    print("ready", flush=True)
    await asyncio.Event().wait()
asyncio.run(story())
"""


@pytest.mark.slow
def test_a_run_of_another_process_is_reached_through_its_owner(tmp_path: Path) -> None:
    with started(HEARING, tmp_path) as process:
        assert said(process) == "ready"

        async def story(store: FileStore) -> None:
            assert await store.ask("r-1", b"two") == b"written 2"
            assert await store.ask("r-1", b"three") == b"written 3"
            assert await store.read("r-1") == [b"1", b"two", b"three"]
            process.kill()
            process.wait()
            assert await store.ask("r-1", b"four") is None
            assert await store.claim("r-1") == 2
            assert await store.read("r-1") == [b"1", b"two", b"three"]

        told(tmp_path, story)


HOLDING = """
store = opened(Path(sys.argv[1]))
with store._journals._folder.locked():
    print("locked", flush=True)
    sys.stdin.readline()
print("free", flush=True)
"""


@pytest.mark.slow
def test_a_process_that_was_stopped_with_the_lock_makes_the_others_say_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder, "PATIENCE_S", 0.2)

    async def story(store: FileStore) -> None:
        await create(store, "r-1")
        with started(HOLDING, tmp_path) as process:
            assert said(process) == "locked"
            os.kill(process.pid, signal.SIGSTOP)
            reason = "another process has kept it locked for 0.2 s; try again when it is done"
            locked = (StoreUnavailable, {"url": URL, "reason": reason})
            assert await refusal(store.append([Turn("r-1", 2, b"x", 1, None)])) == locked
            os.kill(process.pid, signal.SIGCONT)
            process.communicate("go\n")
        assert await store.append([Turn("r-1", 2, b"2", 1, None)]) == [None]
        assert await store.read("r-1") == [b"1", b"2"]

    told(tmp_path, story)


TEARING = """
import os
from trellis.stores.file import journals
def torn(descriptor, place, data):
    os.pwrite(descriptor, data[: int(sys.argv[2])], place)
    os.kill(os.getpid(), 9)
async def story():
    store = opened(Path(sys.argv[1]))
    epoch = await store.claim("r-1")
    journals.write_at = torn
    row = replace(ROW, status="torn")
    await store.append([Turn("r-1", 2, b"two", epoch, row, snapshot=b"s", definition=b"d")])
asyncio.run(story())
"""


@pytest.mark.slow
def test_a_store_that_is_open_goes_on_after_another_died_in_the_middle_of_a_line(tmp_path: Path) -> None:
    async def story(store: FileStore) -> None:
        await create(store, "r-1")
        await store.release("r-1")
        before = listed(tmp_path)
        for epoch, written in ((2, 1), (4, 60)):
            with started(TEARING, tmp_path, written) as process:
                process.wait()
            assert await store.row("r-1") == replace(ROW, revision=1)
            assert await store.snapshot("r-1") is None
            assert await store.claim("r-1") == epoch + 1
            await store.release("r-1")
            assert await store.read("r-1") == [b"1"]
        await create(store, "r-2")
        assert [await store.read(run) for run in ("r-1", "r-2")] == [[b"1"], [b"1"]]
        await store.delete("r-2")
        assert [name for name in listed(tmp_path) if name.startswith("runs/")] == [
            name for name in before if name.startswith("runs/")
        ]

    told(tmp_path, story)
