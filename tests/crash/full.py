"""A disk that fills up under a host, and has room again: what the host says meanwhile, and that it goes on by itself."""

from __future__ import annotations

import asyncio
import resource
from pathlib import Path
from random import Random

from tests.crash.points import POINTS
from tests.crash.program import GRAPH, Program
from tests.reliability import Effected, Ledger, told
from trellis.errors import Refused, RunClosed, StoreError, StoreFull
from trellis.hosts.local import Host
from trellis.stores import open_store


def _allow(size: int) -> None:
    """No file of this process may grow beyond so many bytes; -1: any size."""
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY if size < 0 else size, hard))


class _Elsewhere(Ledger):
    """A ledger on another disk, which is not full."""

    def had(self, effected: Effected) -> None:
        allowed = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
        _allow(-1)
        super().had(effected)
        _allow(allowed)


async def _fill(url: str, folder: Path, ledger: str, seed: int, runs: list[str]) -> None:
    chance = Random(seed)
    program, store = Program(url, _Elsewhere(ledger), seed), open_store(url)
    full = False

    async def drive(host: Host, name: str, number: int) -> bool:
        """Move the run on; whether it has ended."""
        nonlocal full
        try:
            run = await host.start(GRAPH, {"seed": number % 2}, id=name)
            await program.attend(run)
            await asyncio.sleep(0.002)
        except StoreFull:
            full = True
            await asyncio.sleep(0.002)
            return False
        except (Refused, RunClosed):
            return False
        return run.closed

    try:
        async with Host(store, program.tools) as host:
            for number, name in enumerate(runs):
                for _ in range(chance.randrange(8)):
                    await drive(host, name, number)
            largest = max((path.stat().st_size for path in folder.rglob("*") if path.is_file()), default=0)  # noqa: ASYNC240 - nobody else is here
            _allow(largest + chance.randrange(20_000 if url.startswith("sqlite") else 1_000))
            for _ in range(60):
                ends = [await drive(host, name, number) for number, name in enumerate(runs)]
                if full or all(ends):
                    break
            for row in await store.rows():  # who only reads needs no room
                assert len(told(GRAPH, await store.read(row.run)).events) >= row.revision
            _allow(-1)
            for number, name in enumerate(runs):
                async with asyncio.timeout(20):
                    while not await drive(host, name, number):
                        pass
    finally:
        await store.close()
    if not full:
        raise SystemExit(7)


def fill(url: str, folder: str, ledger: str, seed: int, runs: list[str]) -> None:
    """Drive runs on a disk that is full for a while. Exits with 7 where it never was."""
    POINTS.inactive = True
    try:
        asyncio.run(_fill(url, Path(folder), ledger, seed, runs))
    except StoreError as error:
        raise AssertionError(f"it did not go on: {error!r}") from error
