"""How an owner is reached by other processes of its machine and its user: a socket that nobody else can open.

It is served on the owner's loop, in a folder of its own with mode 0700, and its path stands in the owner's lock file;
so whoever finds the owner of a run finds the way to it, and what a killed owner leaves goes with its lock file.

One message a connection. A frame is its length, four bytes, the greatest first, and then so many bytes. The asker sends
the id of the run and the message, each a frame; the reply is one frame whose first byte says what follows: `=` the
reply, `-` nothing (that run is not owned there, or nobody hears), `!` why there is none.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from trellis.errors import StoreUnavailable
from trellis.stores.base import Hear
from trellis.stores.owner import OwnerLock, folder_name

LIMIT = 32 * 1024 * 1024
"""The bytes of the longest message and the longest reply."""

_PATIENCE = 10.0  # seconds in which whoever connects has sent the message
_LONGEST = 100  # bytes of a path; systems take from 104
_REPLY, _GONE, _FAILED = b"=", b"-", b"!"
_NO_SOCKETS = "its owner is reached through a Unix socket, and this system has none"


class ControlSocket:
    """The socket of `owner`, and the way to those of others. `owns` says whether a run is owned here now.

    `listen` after every claim; it opens the socket once `hear` was called and the owner is alive.
    """

    def __init__(self, url: str, owner: OwnerLock, owns: Callable[[str], bool]) -> None:
        self._url, self._owner, self._owns = url, owner, owns
        self._answer: Hear | None = None
        self._serving: asyncio.Task[asyncio.Server] | None = None
        self._path: Path | None = None
        self._at_work: set[asyncio.Task[Any]] = set()

    def hear(self, answer: Hear) -> None:
        """As `Store.hear`."""
        self._answer = answer
        self.listen()

    def listen(self) -> None:
        """Be reachable from now on. Does nothing where that is so, nobody hears yet, or no run was ever owned.

        Where the system lets no socket be made, runs go on; whoever asks is told why.
        """
        if self._answer is None or self._serving is not None or self._path is not None or not self._owner.held:
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return  # the next claim comes from the loop
        if not hasattr(socket, "AF_UNIX"):
            return
        listener = socket.socket(socket.AF_UNIX)
        try:
            self._path = _place(self._owner.token)
            listener.bind(str(self._path))
            # What connects from now on waits in line until the loop serves it.
            listener.listen(128)
            self._owner.publish(str(self._path))
        except OSError as error:
            listener.close()
            self._remove()
            with suppress(OSError):  # a full disk: then its lock file stays empty
                self._owner.publish(f"!{error.strerror or error}")
            return
        self._serving = loop.create_task(asyncio.start_unix_server(self._serve, sock=listener))

    async def ask(self, token: str | None, run: str, message: bytes, seconds: float) -> bytes | None:
        """As `Store.ask`, where the owner of the run was `token` when the store looked."""
        if token is None:
            return None
        if len(message) > LIMIT:
            raise self._unavailable(f"the message has {len(message):,} bytes, a message at most {LIMIT:,}")
        try:
            async with asyncio.timeout(seconds):
                if token == self._owner.token:
                    # As for an asker elsewhere: one that gives up waiting does not stop the answer.
                    work = asyncio.ensure_future(self._reply(run, message))
                    self._at_work.add(work)
                    work.add_done_callback(self._at_work.discard)
                    reply = await asyncio.shield(work)
                else:
                    reply = await self._send(token, run, message)
        except TimeoutError as error:
            raise self._unavailable(
                f"the owner of run '{run}' did not reply in {seconds:g} s; whether it heard is unknown"
            ) from error
        kind, rest = reply[:1], reply[1:]
        if kind == _GONE:
            return None
        if kind == _REPLY:
            return rest
        raise self._unavailable(f"the owner of run '{run}' gave no reply: {rest.decode(errors='replace')}")

    async def close(self) -> None:
        """Be unreachable. Messages that are not answered yet stay so."""
        if self._serving is not None:
            server = await self._serving
            server.close()
            self._serving = None
        at_work = [task for task in self._at_work if task is not asyncio.current_task()]
        for task in at_work:
            task.cancel()
        await asyncio.gather(*at_work, return_exceptions=True)
        self._remove()

    def _remove(self) -> None:
        if self._path is not None:
            with suppress(OSError):  # whoever tidies the folder of temporary files may have been faster
                self._path.unlink(missing_ok=True)
                self._path.parent.rmdir()
            self._path = None

    async def _reply(self, run: str, message: bytes) -> bytes:
        """The frame that answers a message to this owner."""
        if not self._owns(run):
            return _GONE
        if self._answer is None:
            return _GONE
        try:
            reply = await self._answer(message)
        except Exception as error:  # noqa: BLE001 - the asker is told; the owner goes on
            return _FAILED + f"{type(error).__name__}: {error}".encode(errors="replace")
        if len(reply) > LIMIT:
            return _FAILED + f"the reply has {len(reply):,} bytes, a reply at most {LIMIT:,}".encode()
        return _REPLY + reply

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._at_work.add(task)
        try:
            async with asyncio.timeout(_PATIENCE):
                run, message = await _receive(reader), await _receive(reader)
            writer.write(_frame(await self._reply(run.decode(), message)))
            await writer.drain()
        except (OSError, EOFError, ValueError, TimeoutError):
            pass  # who asked went away, or is none of us: there is nobody to tell
        finally:
            self._at_work.discard(task)
            writer.close()

    async def _send(self, token: str, run: str, message: bytes) -> bytes:
        """The frame with which another owner answers."""
        if not self._owner.alive(token):
            return _GONE
        try:
            address = self._owner.address(token)
        except PermissionError as error:
            raise self._unavailable(f"the owner of run '{run}' belongs to another user") from error
        if not hasattr(socket, "AF_UNIX"):
            raise self._unavailable(_NO_SOCKETS)
        if not address:
            return _GONE
        if address.startswith("!"):
            return _FAILED + f"it cannot listen: {address[1:]}".encode()
        try:
            streams = await self._connect(token, address)
        except PermissionError as error:
            raise self._unavailable(f"the owner of run '{run}' belongs to another user") from error
        except OSError as error:
            raise self._unavailable(f"the owner of run '{run}' cannot be reached: {error.strerror}") from error
        if streams is None:
            return _GONE
        reader, writer = streams
        try:
            writer.write(_frame(run.encode()) + _frame(message))
            await writer.drain()
            return await _receive(reader)
        except (OSError, EOFError, ValueError) as error:
            reason = f"the owner of run '{run}' went away; whether it took the message, the run tells"
            raise self._unavailable(reason) from error
        finally:
            writer.close()

    async def _connect(self, token: str, address: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        """The way to another owner; None where it is dead. Raises OSError."""
        for _ in range(20):
            try:
                return await asyncio.open_unix_connection(address)
            except (ConnectionRefusedError, FileNotFoundError):
                # A dying process may lose its socket a moment before its lock.
                if not self._owner.alive(token):
                    return None
                await asyncio.sleep(0.01)
        return await asyncio.open_unix_connection(address)

    def _unavailable(self, reason: str) -> StoreUnavailable:
        return StoreUnavailable(self._url, reason)


def _place(token: str) -> Path:
    """The path of a new socket, in a new folder that nobody else may open."""
    import tempfile

    path = Path(tempfile.gettempdir(), folder_name(token), "control").absolute()
    if len(os.fsencode(path)) > _LONGEST:
        path = Path("/tmp", folder_name(token), "control")  # the folder is made anew, for us alone
    path.parent.mkdir(mode=0o700)
    return path


def _frame(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


async def _receive(reader: asyncio.StreamReader) -> bytes:
    """The next frame. Raises EOFError where there is none, ValueError where it is too long."""
    length = int.from_bytes(await reader.readexactly(4), "big")
    if length > LIMIT + 1:
        raise ValueError(f"a frame of {length} bytes")
    return await reader.readexactly(length)
