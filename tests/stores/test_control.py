"""An owner hears what is asked of it through its socket, and nobody hears for a dead one."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from trellis.errors import StoreUnavailable
from trellis.stores import control
from trellis.stores.control import LIMIT, ControlSocket
from trellis.stores.owner import OwnerLock, folder_name

REPOSITORY = Path(__file__).parents[2]
URL = "sqlite:///runs.db"
pytestmark = pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="no Unix sockets there")


async def echo(message: bytes) -> bytes:
    return b"heard " + message


class Pair:
    """Two owners of one path. The first is alive and owns `r-1`; `asks` sends it messages from the second."""

    def __init__(self, folder: Path) -> None:
        self.runs = {"r-1"}
        self.locks = [OwnerLock(folder / "runs.db"), OwnerLock(folder / "runs.db")]
        self.ours = ControlSocket(URL, self.locks[0], self.runs.__contains__)
        self.theirs = ControlSocket(URL, self.locks[1], {"r-2"}.__contains__)
        self.locks[0].hold()

    async def asks(self, message: bytes, run: str = "r-1", seconds: float = 5.0) -> bytes | None:
        return await self.theirs.ask(self.locks[0].token, run, message, seconds)

    async def refusal(self, message: bytes, seconds: float = 5.0) -> str:
        with pytest.raises(StoreUnavailable) as caught:
            await self.asks(message, seconds=seconds)
        assert caught.value.url == URL
        return caught.value.reason

    async def close(self) -> None:
        for reached, lock in zip((self.ours, self.theirs), self.locks, strict=True):
            await reached.close()
            lock.close()


def told(folder: Path, story: Callable[[Pair], Coroutine[Any, Any, None]]) -> None:
    async def whole() -> None:
        pair = Pair(folder)
        try:
            await story(pair)
        finally:
            await pair.close()

    asyncio.run(whole())
    assert list(folder.iterdir()) == []


@pytest.fixture(autouse=True)
def _own_temporary_folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path_factory.mktemp("t")))


def sockets() -> list[Path]:
    import tempfile

    return list(Path(tempfile.gettempdir()).glob("*/*"))


def test_another_owner_is_asked_and_its_reply_comes_back_whole(tmp_path: Path) -> None:
    async def story(pair: Pair) -> None:
        pair.ours.hear(echo)
        large = os.urandom(3_000_000)
        for message in (b"", b"ping", b"\x00\xff\n", large):
            assert await pair.asks(message) == b"heard " + message

    told(tmp_path, story)


def test_an_owner_asks_itself_without_a_socket(tmp_path: Path) -> None:
    async def story(pair: Pair) -> None:
        pair.ours.hear(echo)
        assert await pair.ours.ask(pair.locks[0].token, "r-1", b"x", 1.0) == b"heard x"
        assert await pair.ours.ask(pair.locks[0].token, "r-9", b"x", 1.0) is None

    told(tmp_path, story)


def test_nobody_listens_before_somebody_hears_and_a_run_is_owned(tmp_path: Path) -> None:
    async def story(pair: Pair) -> None:
        pair.ours.listen()
        assert sockets() == []
        pair.theirs.hear(echo)
        assert sockets() == []
        pair.locks[1].hold()
        pair.theirs.listen()
        assert len(sockets()) == 1
        pair.theirs.listen()
        assert len(sockets()) == 1

    told(tmp_path, story)


def test_the_socket_lies_in_a_folder_for_its_user_alone_and_goes_with_its_owner(tmp_path: Path) -> None:
    async def story(pair: Pair) -> None:
        pair.ours.hear(echo)
        (path,) = sockets()
        assert path.parent.name == folder_name(pair.locks[0].token)
        assert path.parent.stat().st_mode & 0o777 == 0o700
        assert pair.locks[1].address(pair.locks[0].token) == str(path)
        await pair.ours.close()
        assert not path.parent.exists()

    told(tmp_path, story)


def test_a_long_temporary_folder_is_gone_round(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / ("long" * 20)))

    async def story(pair: Pair) -> None:
        pair.ours.hear(echo)
        assert pair.locks[1].address(pair.locks[0].token) == f"/tmp/{folder_name(pair.locks[0].token)}/control"
        assert await pair.asks(b"x") == b"heard x"

    told(tmp_path, story)


def test_what_is_not_owned_there_is_answered_by_nobody(tmp_path: Path) -> None:
    async def story(pair: Pair) -> None:
        pair.ours.hear(echo)
        assert await pair.asks(b"x", run="r-2") is None
        pair.runs.clear()
        assert await pair.asks(b"x") is None
        assert await pair.theirs.ask(None, "r-1", b"x", 1.0) is None

    told(tmp_path, story)


def test_messages_are_answered_side_by_side(tmp_path: Path) -> None:
    async def story(pair: Pair) -> None:
        heard: list[bytes] = []
        all_there = asyncio.Event()

        async def wait_for_all(message: bytes) -> bytes:
            heard.append(message)
            if len(heard) == 20:
                all_there.set()
            await all_there.wait()
            return message

        pair.ours.hear(wait_for_all)
        messages = [b"%d" % number for number in range(20)]
        assert await asyncio.gather(*(pair.asks(message) for message in messages)) == messages

    told(tmp_path, story)


def test_an_owner_that_hears_nobody_is_as_good_as_none(tmp_path: Path) -> None:
    async def story(pair: Pair) -> None:
        assert await pair.asks(b"x") is None
        assert await pair.ours.ask(pair.locks[0].token, "r-1", b"x", 1.0) is None
        pair.ours.hear(echo)
        assert await pair.asks(b"x") == b"heard x"

    told(tmp_path, story)


@pytest.mark.parametrize("direct", [True, False])
def test_no_reply_in_time_is_told_and_the_answer_goes_on(tmp_path: Path, *, direct: bool) -> None:
    async def story(pair: Pair) -> None:
        going, finished = asyncio.Event(), asyncio.Event()

        async def slow(message: bytes) -> bytes:
            await going.wait()
            finished.set()
            return message

        pair.ours.hear(slow)
        asked = pair.ours if direct else pair.theirs
        with pytest.raises(StoreUnavailable) as caught:
            await asked.ask(pair.locks[0].token, "r-1", b"x", 0.02)
        assert caught.value.reason == "the owner of run 'r-1' did not reply in 0.02 s; whether it heard is unknown"
        going.set()
        await asyncio.wait_for(finished.wait(), 5)

    told(tmp_path, story)


def test_an_answer_that_raises_is_told_to_who_asked_and_the_owner_goes_on(tmp_path: Path) -> None:
    async def story(pair: Pair) -> None:
        async def fail(message: bytes) -> bytes:
            raise KeyError(message)

        pair.ours.hear(fail)
        assert await pair.refusal(b"x") == "the owner of run 'r-1' gave no reply: KeyError: b'x'"
        pair.ours.hear(echo)
        assert await pair.asks(b"x") == b"heard x"

    told(tmp_path, story)


def test_what_is_too_long_is_refused_on_both_ways(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "LIMIT", 1000)

    async def story(pair: Pair) -> None:
        pair.ours.hear(echo)
        assert await pair.asks(b"x" * 994) == b"heard " + b"x" * 994
        reason = "the owner of run 'r-1' gave no reply: the reply has 1,001 bytes, a reply at most 1,000"
        assert await pair.refusal(b"x" * 995) == reason
        assert await pair.refusal(b"x" * 1001) == "the message has 1,001 bytes, a message at most 1,000"

    told(tmp_path, story)
    assert LIMIT == 32 * 1024 * 1024


@pytest.mark.parametrize(
    "sent", [b"", b"\x00", b"\xff\xff\xff\xffxx", b"\x00\x00\x00\x01r", b"\x00\x00\x00\x01\xff" * 2]
)
def test_who_does_not_speak_our_way_is_hung_up_on(tmp_path: Path, sent: bytes) -> None:
    async def story(pair: Pair) -> None:
        pair.ours.hear(echo)
        (path,) = sockets()
        reader, writer = await asyncio.open_unix_connection(str(path))
        writer.write(sent)
        writer.write_eof()
        assert await reader.read() == b""
        writer.close()
        assert await pair.asks(b"x") == b"heard x"

    told(tmp_path, story)


def test_an_owner_that_closes_leaves_its_askers_unsure(tmp_path: Path) -> None:
    async def story(pair: Pair) -> None:
        heard = asyncio.Event()

        async def never(message: bytes) -> bytes:
            heard.set()
            await asyncio.Event().wait()
            return message

        pair.ours.hear(never)
        asking = asyncio.ensure_future(pair.refusal(b"x"))
        await heard.wait()
        await pair.ours.close()
        assert await asking == "the owner of run 'r-1' went away; whether it took the message, the run tells"

    told(tmp_path, story)


def test_a_system_that_lets_no_socket_be_made_is_told_to_who_asks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", "/nowhere/at/all")

    async def story(pair: Pair) -> None:
        pair.ours.hear(echo)
        reason = "the owner of run 'r-1' gave no reply: it cannot listen: No such file or directory"
        assert await pair.refusal(b"x") == reason
        assert await pair.ours.ask(pair.locks[0].token, "r-1", b"x", 1.0) == b"heard x"

    told(tmp_path, story)


def test_a_system_without_such_sockets_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(pair: Pair) -> None:
        with monkeypatch.context() as system:
            system.delattr(socket, "AF_UNIX")
            pair.ours.hear(echo)
            reason = "its owner is reached through a Unix socket, and this system has none"
            assert await pair.refusal(b"x") == reason

    told(tmp_path, story)


SERVE = """
import asyncio, os, sys, tempfile
from pathlib import Path
from trellis.stores.control import ControlSocket
from trellis.stores.owner import OwnerLock

async def main(path, folder):
    tempfile.tempdir = folder
    owner = OwnerLock(Path(path))
    owner.hold()
    async def answer(message):
        if message == b"die":
            os.kill(os.getpid(), 9)
        return b"%d" % os.getpid()
    ControlSocket("url", owner, {"r-1"}.__contains__).hear(answer)
    print(owner.token, flush=True)
    await asyncio.Event().wait()

asyncio.run(main(*sys.argv[1:]))
"""


def in_another_process(
    path: Path, story: Callable[[str, ControlSocket, subprocess.Popen[str]], Coroutine[Any, Any, None]]
) -> None:
    import tempfile

    command = [sys.executable, "-c", SERVE, str(path), tempfile.gettempdir()]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        token = child.stdout.readline().strip()
        try:
            ours = OwnerLock(path)
            asyncio.run(story(token, ControlSocket(URL, ours, set[str]().__contains__), child))
        finally:
            child.kill()


def test_the_owner_in_another_process_replies_until_it_is_killed_and_leaves_nothing(tmp_path: Path) -> None:
    async def story(token: str, ours: ControlSocket, child: subprocess.Popen[str]) -> None:
        assert await ours.ask(token, "r-1", b"x", 5.0) == b"%d" % child.pid
        assert await ours.ask(token, "r-2", b"x", 5.0) is None
        assert len(sockets()) == 1
        with pytest.raises(StoreUnavailable, match="went away; whether it took the message"):
            await ours.ask(token, "r-1", b"die", 5.0)
        await asyncio.to_thread(child.wait)
        assert await ours.ask(token, "r-1", b"x", 5.0) is None
        assert sockets() == []

    in_another_process(tmp_path / "runs.db", story)
    assert list(tmp_path.iterdir()) == []


def test_an_owner_that_loses_its_socket_before_its_lock_is_dead_a_moment_later(tmp_path: Path) -> None:
    async def story(pair: Pair) -> None:
        pair.ours.hear(echo)
        (path,) = sockets()
        path.unlink()
        asking = asyncio.ensure_future(pair.asks(b"x"))
        await asyncio.sleep(0)
        assert not asking.done()
        pair.locks[0].close()
        assert await asking is None

    told(tmp_path, story)


def test_a_living_owner_whose_socket_is_gone_cannot_be_reached(tmp_path: Path) -> None:
    async def story(pair: Pair) -> None:
        pair.ours.hear(echo)
        (path,) = sockets()
        path.unlink()
        assert await pair.refusal(b"x") == "the owner of run 'r-1' cannot be reached: No such file or directory"

    told(tmp_path, story)


def test_a_lock_file_that_names_another_path_lets_nothing_be_removed(tmp_path: Path) -> None:
    precious = tmp_path / "elsewhere"
    precious.mkdir()
    (precious / "control").touch()
    (tmp_path / "runs.db-owner-1-ab").write_text(str(precious / "control"))
    assert not OwnerLock(tmp_path / "runs.db").alive("1-ab")
    assert [entry.name for entry in tmp_path.iterdir()] == ["elsewhere"]
    assert (precious / "control").exists()


def test_the_socket_of_an_owner_of_another_user_is_not_opened(tmp_path: Path) -> None:
    async def story(pair: Pair) -> None:
        pair.ours.hear(echo)
        address = pair.locks[0].address

        def forbidden(token: str) -> str:
            raise PermissionError(address(token))

        pair.locks[1].address = forbidden  # type: ignore[method-assign]
        assert await pair.refusal(b"x") == "the owner of run 'r-1' belongs to another user"

    told(tmp_path, story)
