"""The face of the Redis store: each call of the promise is one script, and what it answers is told in our words."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec

from trellis.errors import Conflict, RunOwned, StoreCorrupt, StoreError, TooManyRuns, UnknownRun
from trellis.model.values import Value
from trellis.stores.base import Due, Hear, RunRow, Snapshot, Turn
from trellis.stores.redis import rows, scripts
from trellis.stores.redis.connection import Script, Server
from trellis.stores.redis.formats import durability
from trellis.stores.redis.lease import OwnerLease
from trellis.stores.redis.post import Post

_PAGE = 5000  # events of one answer, so that a long journal does not stop the server for everyone

_pack = msgspec.msgpack.Encoder().encode


class RedisStore:
    """Keeps the promise of `Store` on one Redis server, as durably as its settings let it: see `durability`.

    `redis://HOST:PORT/NUMBER?prefix=NAME&lease=SECONDS`: everything is kept under `NAME:`, and an owner that has not
    been heard of for `lease` seconds is dead. Nothing is connected to before the first call. After a lost connection the
    next call makes another.
    """

    lanes = 2

    def __init__(self, url: str) -> None:
        self._server = Server(url)
        self.url = self._server.url
        self._owner = f"{os.getpid()}-{os.urandom(8).hex()}"
        self._milliseconds = round(self._server.lease * 1000)
        self._lease = OwnerLease(self._server, self._owner)
        self._post = Post(self._server, self._owner)
        self._durability = ""
        self._learning = asyncio.Lock()

    @property
    def durability(self) -> str:
        """One sentence: what a crash of the server costs. Known from the first call on."""
        return self._durability or "the server was not asked yet"

    async def definition(self, digest: str) -> bytes | None:
        found: bytes | None = await self._run(scripts.DEFINITION, digest)
        return found

    async def create(
        self,
        row: RunRow,
        events: Sequence[bytes],
        definitions: Mapping[str, bytes],
        *,
        last: bool = False,
        at_most: int | None = None,
    ) -> tuple[RunRow, int | None]:
        most = -1 if at_most is None else at_most
        parts = [*events, *definitions.values()]
        places = range(1, len(events) + 1), range(len(events) + 1, len(parts) + 1)
        kept = list(zip(definitions, places[1], strict=True))
        given = [row.run, row.request, rows.written(row), last, most, list(places[0]), kept]
        is_open = int(row.status == rows.OPEN)
        what, *rest = await self._run(scripts.CREATE, self._milliseconds, is_open, _pack(given), *parts)
        if what == b"there":
            return self._row(*rest), None
        if what == b"many":
            raise TooManyRuns(most)
        if not last:
            self._begin()
        return msgspec.structs.replace(row, revision=len(events)), 1

    async def claim(self, run: str) -> int:
        what, *rest = await self._run(scripts.CLAIM, self._milliseconds, run)
        self._refuse(run, what, rest)
        self._begin()
        return int(rest[0])

    async def claim_due(
        self, now: float, *, limit: int, names: Collection[str] | None = None, without: Collection[str] = ()
    ) -> Due:
        wanted: object = False if names is None else sorted(set(names))
        values = (repr(float(now)), limit, _pack(wanted), _pack(sorted(set(without))), int(self._lease.held))
        claimed, later = await self._run(scripts.CLAIM_DUE, self._milliseconds, *values)
        if claimed:
            self._begin()
        pairs = zip(claimed[::2], claimed[1::2], strict=True)
        return Due(tuple((run.decode(), int(epoch)) for run, epoch in pairs), None if later is None else float(later))

    async def owned(self) -> list[str]:
        return sorted(run.decode() for run in await self._run(scripts.OWNED))

    async def release(self, run: str, snapshot: Snapshot | None = None) -> None:
        values: tuple[int, bytes] = (-1, b"") if snapshot is None else (snapshot.seq, snapshot.data)
        await self._run(scripts.RELEASE, run, *values)

    async def append(self, turns: Sequence[Turn]) -> Sequence[StoreError | None]:
        if not turns:
            return []
        parts: list[bytes] = []
        given = [_told(turn, parts) for turn in turns]
        answers = await self._run(scripts.APPEND, self._milliseconds, _pack(given), *parts)
        told: dict[tuple[str, bytes], StoreError] = {}
        return [_answer(turn, answer, told) if answer else None for turn, answer in zip(turns, answers, strict=True)]

    async def snapshot(self, run: str) -> Snapshot | None:
        seq, data = await self._run(scripts.SNAPSHOT, run)
        return None if seq is None else Snapshot(int(seq), data)

    async def read(self, run: str, after: int = 0) -> list[bytes]:
        events: list[bytes] = []
        while True:
            start = after + len(events)
            found = await self._run(scripts.READ, run, start, start + _PAGE - 1)
            if found is None:
                raise UnknownRun(run)
            revision, page = int(found[0]), found[1]
            events += page
            if after + len(events) >= revision:
                return events
            if len(page) < _PAGE:
                reason = f"event {after + len(events) + 1} of run '{run}' is missing; restore the server's data"
                raise StoreCorrupt(self.url, f"{reason} from a backup")

    async def row(self, run: str) -> RunRow | None:
        found = await self._run(scripts.ROW, run)
        return None if found[0] is None else self._row(*found)

    async def rows(
        self,
        *,
        status: str | None = None,
        name: str | None = None,
        graph: str | None = None,
        match: Mapping[str, Value] | None = None,
        limit: int | None = None,
    ) -> list[RunRow]:
        inside, outside = rows.wanted(status, name, graph, match or {})
        found = await self._run(scripts.ROWS, _pack(inside), _pack(outside), -1 if limit is None else limit)
        return [self._row(*found[place : place + 3]) for place in range(0, len(found), 3)]

    async def ask(self, run: str, message: bytes, *, timeout: float = 10.0) -> bytes | None:  # noqa: ASYNC109
        await self._learn()
        return await self._post.ask(run, message, timeout)

    def hear(self, answer: Hear) -> None:
        self._post.hear(answer)

    async def delete(self, run: str) -> None:
        what, *rest = await self._run(scripts.DELETE, run)
        self._refuse(run, what, rest)

    async def close(self) -> None:
        await self._post.close()
        await self._lease.close()
        await self._server.close()

    def _begin(self) -> None:
        """There is something to be alive for."""
        self._lease.hold()
        self._post.listen()

    async def _run(self, script: Script, *values: str | bytes | float) -> Any:
        await self._learn()
        return await self._server.run(script, self._owner, *values)

    async def _learn(self) -> None:
        """Ask once what kind of a server this is."""
        if not self._known():
            async with self._learning:
                if not self._known():
                    self._durability = await durability(self._server)

    def _known(self) -> bool:
        return self._durability != ""

    def _row(self, text: bytes, revision: bytes, request: bytes) -> RunRow:
        return rows.read(self.url, text, int(revision), request.decode())

    def _refuse(self, run: str, what: bytes, rest: Sequence[bytes]) -> None:
        if what == b"unknown":
            raise UnknownRun(run)
        if what == b"owned":
            raise RunOwned(run, rest[0].decode())


def _told(turn: Turn, parts: list[bytes]) -> list[object]:
    """A turn as the script takes it: False stands for what it does not bring, a number for one of the parts."""

    def place(part: bytes | None) -> int | bool:
        if part is None:
            return False
        parts.append(part)
        return len(parts)

    row: object = False if turn.row is None else rows.written(turn.row)
    brought = row, place(turn.snapshot), place(turn.definition)
    return [turn.run, turn.seq, turn.epoch, place(turn.event), turn.last, *brought]


def _answer(turn: Turn, answer: bytes, told: dict[tuple[str, bytes], StoreError]) -> StoreError:
    """The error of a refused turn, the same one for all that were refused with it."""
    error = told.get((turn.run, answer))
    if error is None:
        kind, what = answer[:1], answer[1:].decode()
        error = Conflict(turn.run, turn.seq, int(what)) if kind == b"C" else RunOwned(turn.run, what)
        told[turn.run, answer] = error
    return error
