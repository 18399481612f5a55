"""The loaders that ship, and one of somebody else's, keep what LoaderContract promises; the suite finds who does not."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from trellis.errors import Unreadable
from trellis.project import FileLoader, Loader, MemoryLoader, Reload
from trellis.testing import LoaderContract


class Files:
    """Saves as editors do: the new text beside the old one, then in its place."""

    def __init__(self, folder: Path, documents: Mapping[str, bytes]) -> None:
        self.folder, self.loader = folder, FileLoader(folder)
        for name, data in documents.items():
            self._write(name, data)

    def _write(self, name: str, data: bytes) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f".{path.name}.swp")
        unfinished.write_bytes(data)
        os.replace(unfinished, path)

    async def put(self, name: str, data: bytes) -> None:
        self._write(name, data)

    async def take(self, name: str) -> None:
        (self.folder / name).unlink()

    async def close(self) -> None:
        shutil.rmtree(self.folder)


@pytest.mark.covers("TR03", "TR06")
class TestFileLoader(LoaderContract):
    async def holding(self, documents: Mapping[str, bytes]) -> Files:
        return Files(Path(tempfile.mkdtemp()), documents)


class Memory:
    def __init__(self, documents: Mapping[str, bytes]) -> None:
        self.loader = MemoryLoader(documents)

    async def put(self, name: str, data: bytes) -> None:
        self.loader.set(name, data)

    async def take(self, name: str) -> None:
        self.loader.delete(name)

    async def close(self) -> None:
        """Nothing was used."""


@pytest.mark.covers("TR03", "TR06")
class TestMemoryLoader(LoaderContract):
    async def holding(self, documents: Mapping[str, bytes]) -> Memory:
        return Memory(documents)


class TableLoader:
    """Somebody else's: documents in a table, looked at again and again by its version."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        database.execute("create table documents (name text primary key, data blob, version integer)")

    def get(self, name: str) -> bytes:
        row = self._database.execute("select data from documents where name = ?", (name,)).fetchone()
        if row is None:
            raise Unreadable(name, "the table has no such row", "check the name")
        return bytes(row[0])

    def list(self, under: str = "") -> list[str]:
        found = [name for (name,) in self._database.execute("select name from documents where data is not null")]
        return sorted(name for name in found if not under or name.startswith(under.rstrip("/") + "/"))

    async def watch(self) -> AsyncIterator[Reload]:
        seen = self._versions()
        while True:
            await asyncio.sleep(0)
            now = self._versions()
            if now != seen:
                names = {name for name, _ in now.items() ^ seen.items()}
                seen = now
                yield Reload(frozenset(names))

    def _versions(self) -> dict[str, int]:
        return dict(self._database.execute("select name, version from documents"))


class Table:
    def __init__(self, documents: Mapping[str, bytes]) -> None:
        self.database = sqlite3.connect(":memory:")
        self.loader: Loader = TableLoader(self.database)
        self.version = 0
        for name, data in documents.items():
            self._put(name, data)

    def _put(self, name: str, data: bytes) -> None:
        self.version += 1
        self.database.execute("insert or replace into documents values (?, ?, ?)", (name, data, self.version))

    async def put(self, name: str, data: bytes) -> None:
        self._put(name, data)

    async def take(self, name: str) -> None:
        self.database.execute("delete from documents where name = ?", (name,))

    async def close(self) -> None:
        self.database.close()


@pytest.mark.covers("TR03")
class TestTableLoader(LoaderContract):
    async def holding(self, documents: Mapping[str, bytes]) -> Table:
        return Table(documents)


class Deaf(MemoryLoader):
    """Tells of a change, but not of one after another."""

    def delete(self, name: str) -> None:
        self._documents.pop(name)


class Careless(MemoryLoader):
    """Has something for every name."""

    def get(self, name: str) -> bytes:
        try:
            return super().get(name)
        except Unreadable:
            return b""


@pytest.mark.parametrize(
    ("loader", "promise"),
    [
        (Deaf, "every_change_is_told_once_it_can_be_got"),
        (Careless, "what_is_not_there_is_refused_with_its_name_and_a_reason"),
        (Careless, "no_name_leads_out_of_the_project"),
    ],
)
def test_the_suite_finds_who_breaks_a_promise(
    loader: type[MemoryLoader], promise: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trellis.testing.loaders.PATIENCE_S", 0.05)

    class Broken(LoaderContract):
        async def holding(self, documents: Mapping[str, bytes]) -> Memory:
            kept = Memory(documents)
            kept.loader = loader(documents)
            return kept

    with pytest.raises((AssertionError, TimeoutError)):
        getattr(Broken(), f"test_{promise}")()
