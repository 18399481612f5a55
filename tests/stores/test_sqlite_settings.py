"""What a file needs of SQLite is set on every connection, whatever the defaults are that it was built with."""

from __future__ import annotations

import asyncio
from pathlib import Path

import apsw
import pytest

from tests.stores.sqlite_files import opened
from trellis.stores.sqlite import schema


@pytest.mark.covers("GT08")
def test_every_connection_is_durable_whatever_the_defaults_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    careless = {"mmap_size": 1_048_576, "synchronous": 0, "wal_autocheckpoint": 9999, "journal_size_limit": -1}
    durable = {"mmap_size": 0, "synchronous": 2, "wal_autocheckpoint": 250, "journal_size_limit": 16_777_216}

    def by_default(connection: apsw.Connection) -> None:
        for name, value in careless.items():
            connection.pragma(name, value)

    def settings(connection: apsw.Connection) -> dict[str, object]:
        return {name: connection.pragma(name) for name in durable}

    monkeypatch.setattr(apsw, "connection_hooks", [by_default])
    store = opened(tmp_path)
    second = schema.another(store._connection)
    assert settings(store._connection) == settings(second) == durable
    second.close()
    asyncio.run(store.close())
