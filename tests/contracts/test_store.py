"""Every store keeps the published promise, and so does one written from its text alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contracts.dict_store import DictStore, Shelf
from trellis.stores import open_store
from trellis.stores.base import Store
from trellis.testing import LeaseStoreContract, SharedStoreContract, StoreContract

pytestmark = pytest.mark.covers("TR04", "TR05", "GT08")


class TestMemoryStore(StoreContract):
    def open(self) -> Store:
        return open_store("memory://")


class TestFileStore(SharedStoreContract):
    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.folder = tmp_path

    def open(self) -> Store:
        return open_store("file:some/runs", root=str(self.folder))

    def open_again(self) -> Store:
        return open_store(f"file:{self.folder}/some/runs")


class TestSqliteStore(SharedStoreContract):
    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.folder = tmp_path

    def open(self) -> Store:
        return open_store("sqlite:///some/runs.db", root=str(self.folder))

    def open_again(self) -> Store:
        return open_store(f"sqlite:///{self.folder}/some/runs.db")


class TestDictStore(SharedStoreContract):
    def open(self) -> Store:
        self.shelf = Shelf()
        return DictStore(self.shelf, "first")

    def open_again(self) -> Store:
        return DictStore(self.shelf, "second")


class TestDictStoreWithLeases(LeaseStoreContract):
    """Its leases end when they are told to."""

    lease_s = 0.05

    def open(self) -> Store:
        self.shelf = Shelf()
        return DictStore(self.shelf, "first")

    def open_again(self) -> Store:
        return DictStore(self.shelf, "second")

    async def expire(self, store: Store) -> None:
        await store.close()
