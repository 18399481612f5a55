"""A SQLite store in a folder of a test."""

from __future__ import annotations

from pathlib import Path

from trellis.stores.sqlite import SqliteStore

URL = "sqlite:///runs.db"


def opened(folder: Path) -> SqliteStore:
    return SqliteStore(URL, path="runs.db", root=str(folder))
