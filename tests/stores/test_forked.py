"""A forked child that outlives the process which forked it keeps nothing that this one held."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from trellis.errors import StoreUnavailable
from trellis.stores import open_store
from trellis.stores.file.folder import Folder
from trellis.stores.locks.file import FileLeases
from trellis.stores.owner import OwnerLock

REPOSITORY = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing is forked there")

FORK = """
import os, signal, sys
def fork():
    if not os.fork():
        print(os.getpid(), flush=True)  # it has let go by now
    signal.pause()
"""
OWN = f"""{FORK}
import asyncio
from trellis.stores import open_store
from trellis.testing.stores import create
async def main():
    await create(open_store(sys.argv[1]), "r-1")
    fork()
asyncio.run(main())
"""
LEASE = f"""{FORK}
import asyncio
from pathlib import Path
from trellis.stores.locks.file import FileLeases
async def main():
    leases = FileLeases("file:", sys.argv[1])
    assert await leases.take("key", "them", 1000.0, 1) == 1
    guarded = leases._take
    def slow(*given):
        fork()
    leases._take = slow
    await leases.take(sys.argv[2], "us", 1000.0, 1)
asyncio.run(main())
"""


@contextmanager
def killed_after_a_fork(program: str, *arguments: str) -> Iterator[None]:
    """The program is dead and its child lives while the block runs."""
    command = [sys.executable, "-W", "ignore", "-c", program, *arguments]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        process.kill()
        process.wait()
        try:
            yield
        finally:
            os.kill(child, signal.SIGKILL)


@pytest.mark.parametrize("url", ["sqlite:///{}/runs.db", "file:{}/runs"])
def test_the_runs_of_a_killed_owner_are_free_though_a_child_that_it_forked_lives(tmp_path: Path, url: str) -> None:
    async def story() -> None:
        store = open_store(url.format(tmp_path))
        assert await store.claim("r-1") == 2
        await store.close()

    with killed_after_a_fork(OWN, url.format(tmp_path)):
        asyncio.run(story())


@pytest.mark.parametrize("looked_at", ["key", "other"])
def test_the_leases_of_a_killed_holder_are_free_though_a_child_that_it_forked_lives(
    tmp_path: Path, looked_at: str
) -> None:
    """Also where it was forked in the moment in which the holder looked at the leases of a key."""

    async def story() -> None:
        leases = FileLeases("file:", str(tmp_path))
        for key, token in (("key", 2), ("other", 1)):
            assert await leases.take(key, "us", 1000.0, 1) == token
        await leases.close()

    with killed_after_a_fork(LEASE, str(tmp_path), looked_at):
        asyncio.run(story())


def in_a_child(work: Callable[[], None]) -> int:
    """How a forked child of this process ends that does the work: 0 where it is done."""
    child = os.fork()
    if not child:
        try:
            work()
            os._exit(0)
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_child_that_closes_what_it_inherited_leaves_its_parent_alive(tmp_path: Path) -> None:
    ours, theirs = OwnerLock(tmp_path / "runs.db"), OwnerLock(tmp_path / "runs.db")
    ours.hold()
    assert in_a_child(ours.close) == 0
    assert theirs.alive(ours.token)
    ours.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_child_does_not_unlock_the_folder_of_its_parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trellis.stores.file.folder.PATIENCE_S", 0)
    ours, theirs = Folder("file:", tmp_path), Folder("file:", tmp_path)
    with ours.locked():
        assert in_a_child(ours.close) == 0
        with pytest.raises(StoreUnavailable, match="has kept it locked for 0 s"):
            theirs.locked().__enter__()
    ours.close()
    theirs.close()
