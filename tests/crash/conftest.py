"""The nursery, and a folder in memory: what is killed loses nothing of what it wrote, wherever that is kept."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.nursery import Nursery

MEMORY = Path("/dev/shm")


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    with Nursery() as made:
        yield made


@pytest.fixture
def quick(tmp_path: Path) -> Iterator[Path]:
    """A folder without a disk under it, where the machine has that; else one like any other."""
    if not MEMORY.is_dir():
        yield tmp_path
        return
    folder = Path(tempfile.mkdtemp(prefix="trellis-", dir=MEMORY))
    yield folder
    shutil.rmtree(folder)
