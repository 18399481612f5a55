"""A SQLite store in a folder of a test."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextvars import Context
from pathlib import Path
from typing import Any, TypeVar

from trellis.stores.sqlite import SqliteStore

T = TypeVar("T")

URL = "sqlite:///runs.db"


def opened(folder: Path) -> SqliteStore:
    return SqliteStore(URL, path="runs.db", root=str(folder))


def aside(call: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """A task that is no part of the transaction in whose block it is made."""
    return asyncio.get_running_loop().create_task(call, context=Context())
