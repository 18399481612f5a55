"""Every store keeps the published promise, and so does one written from its text alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contracts.dict_store import DictStore, Shelf
from trellis.errors import RunOwned
from trellis.stores import open_store
from trellis.stores.base import Store, Turn
from trellis.testing.stores import SharedStoreContract, StoreContract, create, refusal

pytestmark = pytest.mark.covers("TR04", "TR05", "GT08")


class TestMemoryStore(StoreContract):
    def open(self) -> Store:
        return open_store("memory://")


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


@pytest.mark.parametrize("kind", [TestSqliteStore, TestDictStore])
def test_a_run_that_has_ended_goes_to_another_though_its_owner_lives_on(
    kind: type[SharedStoreContract], tmp_path: Path
) -> None:
    suite = kind()
    suite.folder = tmp_path  # type: ignore[attr-defined]

    async def story(ours: Store, theirs: Store) -> None:
        epoch = await create(ours, "r-1")
        assert await ours.append([Turn("r-1", 2, b"2", epoch, None, last=True)]) == [None]
        assert await theirs.claim("r-1") == epoch + 1
        assert (await refusal(ours.claim("r-1")))[0] is RunOwned
        assert await theirs.append([Turn("r-1", 3, b"3", epoch + 1, None)]) == [None]

    suite.tell_of_two(story)
