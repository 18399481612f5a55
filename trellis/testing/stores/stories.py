"""What every part of the suite tells its stories with: a store, a row that says something, and errors as whole values."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from msgspec.structs import replace

from trellis.stores.base import RunRow, Store

ROW = RunRow(
    run="r-1",
    graph="5" * 64,
    name="provision",
    source="graphs/provision.yaml",
    status="running",
    revision=0,
    position=("checks.db", "checks.http"),
    fields={"user": "Zoë", "tries": 2, "tags": ["a", {"b": None}], "ratio": 0.1},
    wake=1_700_000_030.25,
    created=1_700_000_000.5,
    updated=1_700_000_001.0,
)
"""A row that says something in each of its fields but `request`, which no two runs may have in common."""

PATIENCE_S = 60.0
"""After so many seconds a story has failed: a store that hangs is told from one that is slow."""


class Stories:
    """Opens a store for each story, and closes it."""

    def open(self) -> Store:
        """An empty store. Called once in each test; the test closes it."""
        raise NotImplementedError

    def tell(self, story: Callable[[Store], Awaitable[None]]) -> None:
        """Run a story on an empty store."""

        async def whole() -> None:
            store = self.open()
            try:
                async with asyncio.timeout(PATIENCE_S):
                    await story(store)
            finally:
                await store.close()

        asyncio.run(whole())


async def create(store: Store, run: str, **changed: Any) -> int:
    """A run like ROW with that id and these changes, whose event 1 is b"1"; its epoch."""
    row = replace(ROW, run=run, **changed)
    _, epoch = await store.create(row, [b"1"], {row.graph: b"definition"})
    if epoch is None:
        raise AssertionError(f"run {run!r} was there already")
    return epoch


async def refusal(call: Awaitable[object]) -> tuple[type[BaseException], dict[str, Any]]:
    """The error that `call` raises, as its class and its facts."""
    try:
        answer = await call
    except Exception as error:  # noqa: BLE001 - whatever it is, the test says what it should have been
        return facts(error)
    raise AssertionError(f"nothing was refused; the answer was {answer!r}")


def facts(error: BaseException | None) -> tuple[type[BaseException], dict[str, Any]]:
    """The class of an error and what it knows, to be compared whole."""
    if error is None:
        raise AssertionError("no error")
    return type(error), vars(error)
