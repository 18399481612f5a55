"""File stores in a folder of a test, and what lies in that folder."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from trellis.stores.file import FileStore
from trellis.testing.stores import ROW as ROW
from trellis.testing.stores import create as create

URL = "file:runs"
T = TypeVar("T")


def opened(folder: Path) -> FileStore:
    return FileStore(URL, path="runs", root=str(folder))


def told(folder: Path, story: Callable[[FileStore], Awaitable[T]]) -> T:
    """Tell a story with a store of its own."""

    async def whole() -> T:
        store = opened(folder)
        try:
            return await story(store)
        finally:
            await store.close()

    return asyncio.run(whole())


def listed(folder: Path) -> list[str]:
    """The files of the store, but for its own two."""
    place = folder / "runs"
    files = (file.relative_to(place).as_posix() for file in place.rglob("*") if file.is_file())
    return sorted(file for file in files if file not in ("lock", "format.json"))


def journal(folder: Path) -> Path:
    """The file of the only run."""
    (file,) = (folder / "runs/runs").iterdir()
    return file
