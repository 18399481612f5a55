"""A host that drives a run and the one that it uses to their end; told to die, it does so when only the one below has ended.

python -m tests.crash.ending FOLDER [die]
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from trellis.dispatch import Dispatcher
from trellis.errors import StoreError
from trellis.hosts.local import Host
from trellis.project import load
from trellis.stores import open_store
from trellis.stores.base import Turn


class Deadly:
    """A store whose process is killed where it is told how the child run ended."""

    def __init__(self, store: Any) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def append(self, turns: Sequence[Turn]) -> Sequence[StoreError | None]:
        if any(turn.run == "r" and b"action_completed" in turn.event for turn in turns):
            os.kill(os.getpid(), signal.SIGKILL)
        return await self._store.append(turns)


async def main(folder: Path, *, die: bool) -> None:
    ledger = folder / "ledger"
    tools = Dispatcher()

    @tools.action("note")
    async def note(*, request: Any) -> None:
        with ledger.open("a") as file:
            file.write(f"{request.idempotency_key}\n")

    store = open_store("sqlite:///runs.db", root=str(folder))
    async with Host(Deadly(store) if die else store, tools) as host:
        run = await host.start(load(folder / "above.yaml", cache=False), id="r")
        print((await run.result()).status, (await run.result()).fields)
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), die=sys.argv[2:] == ["die"]))
