"""Whatever way a file is saved, whoever watches is told; what Trellis writes itself tells nobody."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import pytest

from trellis.errors import Unreadable
from trellis.project import FileLoader, MemoryLoader, Reload, load
from trellis.project.live import LiveGraphs

GRAPH = "trellis: 1\nname: g\nnodes: {a: {say: One, to: $end}}\n"
TWO = GRAPH.replace("One", "Two")
PATIENCE_S = 60.0


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    (root / "graphs").mkdir(parents=True)
    (root / "graphs" / "g.yaml").write_text(GRAPH)
    return root


class Watch:
    """One loader that is watched from before a test begins to change files."""

    def __init__(self, files: FileLoader, changes: AsyncIterator[Reload]) -> None:
        self.files, self.changes = files, changes

    async def until(self, holds: Callable[[], bool]) -> None:
        """Read what is told until it comes to that."""
        async with asyncio.timeout(PATIENCE_S):
            while not holds():
                await anext(self.changes)

    async def named(self, *names: str) -> None:
        """Wait for a reload that names all these, or anything."""
        async with asyncio.timeout(PATIENCE_S):
            wanted = set(names)
            while wanted:
                reload = await anext(self.changes)
                wanted -= reload.names or wanted

    async def quiet(self, change: Callable[[], None]) -> None:
        """That a change tells nobody: the next thing that is told is of another one after it."""
        change()
        shutil.copy(self.files.place("graphs/g.yaml"), self.files.place("zzz.yaml"))
        assert await anext(self.changes) == Reload(frozenset({"zzz.yaml"}))


@asynccontextmanager
async def watching(root: Path, *asked: str) -> AsyncIterator[Watch]:
    files = FileLoader(root)
    for name in asked:
        try:
            files.get(name)
        except Unreadable:
            continue
    async with aclosing(files.watch()) as changes:
        assert await anext(changes) == Reload()
        yield Watch(files, changes)


def test_however_a_file_is_saved_its_name_is_told(root: Path) -> None:
    path, beside = root / "graphs" / "g.yaml", root / "graphs" / "4913"

    def renamed_into_place() -> None:
        beside.write_text(TWO)
        beside.rename(path)

    def moved_away_and_written() -> None:
        path.rename(path.with_suffix(".yaml~"))
        path.write_text(GRAPH)

    def taken_away() -> None:
        path.unlink()

    def put_back() -> None:
        path.with_suffix(".yaml~").rename(path)

    async def story() -> None:
        async with watching(root) as watch:
            for save in (
                lambda: path.write_text(TWO),
                renamed_into_place,
                moved_away_and_written,
                taken_away,
                put_back,
            ):
                save()
                await watch.named("graphs/g.yaml")

    asyncio.run(story())


def test_a_burst_is_told_of_in_few_words(root: Path) -> None:
    async def story() -> None:
        async with watching(root) as watch:
            for turn in range(200):
                (root / "graphs" / f"n{turn % 20}.yaml").write_text(str(turn))
            names, told = set[str](), 0
            async with asyncio.timeout(PATIENCE_S):
                while len(names) < 20:
                    names |= (await anext(watch.changes)).names
                    told += 1
            assert told <= 5

    asyncio.run(story())


def test_what_trellis_and_others_keep_in_a_project_tells_nobody(root: Path) -> None:
    graph = root / "graphs" / "g.yaml"
    load(graph)  # the folder of the cache is there

    def written() -> None:
        graph_before = graph.read_bytes()
        load(graph, loader=None, cache=True)
        (root / "graphs" / ".trellis" / "cache" / "x.graph").write_text("kept")
        (root / "graphs" / "runs.db").write_text("a store")
        (root / "graphs" / ".g.yaml.swp").write_text("an editor's own")
        (root / "graphs" / "g.yaml~").write_text("an editor's own")
        (root / "notes.txt").write_text("no document")
        assert graph.read_bytes() == graph_before

    async def story() -> None:
        async with watching(root) as watch:
            await watch.quiet(written)

    asyncio.run(story())


def test_what_was_asked_for_is_told_whatever_it_is_called(root: Path) -> None:
    (root / "graphs" / "states").write_text("trellis: 1\nstates: {A: {}}\n")

    async def story() -> None:
        async with watching(root, "graphs/states", "graphs/later") as watch:
            (root / "graphs" / "states").write_text("trellis: 1\nstates: {B: {}}\n")
            await watch.named("graphs/states")
            (root / "graphs" / "later").write_text("x")
            await watch.named("graphs/later")

    asyncio.run(story())


def test_links_are_told_by_their_own_name_when_what_they_lead_to_changes(root: Path) -> None:
    hidden = root / ".versions"
    for number in (1, 2):
        (hidden / str(number)).mkdir(parents=True)
        (hidden / str(number) / "g.yaml").write_text(GRAPH if number == 1 else TWO)
    (hidden / "now").symlink_to("1")
    (root / "graphs" / "g.yaml").unlink()
    (root / "graphs" / "g.yaml").symlink_to("../.versions/now/g.yaml")

    async def story() -> None:
        async with watching(root, "graphs/g.yaml") as watch:
            (hidden / "1" / "g.yaml").write_text(TWO)  # in place, below the link
            await watch.named("graphs/g.yaml")
            (hidden / "1" / "g.yaml").write_text(GRAPH)
            await watch.named("graphs/g.yaml")
            (hidden / "next").symlink_to("2")
            (hidden / "next").rename(hidden / "now")  # all of it at once, as a cluster puts its configuration in place
            await watch.until(lambda: watch.files.get("graphs/g.yaml") == TWO.encode())

    asyncio.run(story())


def test_a_file_has_a_name_for_each_way_that_leads_to_its_folder(root: Path) -> None:
    """Of a folder that is watched by two paths the system tells by one of them."""
    (root / "to").symlink_to("graphs")
    (root / "graphs" / "h.yaml").write_text(GRAPH)
    (root.parent / "link").symlink_to("project")

    async def story() -> None:
        async with watching(root.parent / "link", "to/g.yaml", "graphs/h.yaml") as watch:
            (root / "graphs" / "g.yaml").write_text(TWO)
            await watch.named("to/g.yaml", "graphs/g.yaml")
            (root / "graphs" / "h.yaml").write_text(TWO)
            await watch.named("graphs/h.yaml")

    asyncio.run(story())


def test_folders_that_come_go_and_are_renamed_are_followed(root: Path) -> None:
    async def story() -> None:
        async with watching(root) as watch:
            shutil.move(root / "graphs", root / "flows")
            await watch.until(lambda: list(watch.files.list()) == ["flows/g.yaml"])
            (root / "flows" / "g.yaml").write_text(TWO)
            await watch.named("flows/g.yaml")
            (root / "flows" / "deep" / "er").mkdir(parents=True)
            (root / "flows" / "deep" / "er" / "n.yaml").write_text(GRAPH)
            await watch.named("flows/deep/er/n.yaml")
            (root / "flows" / "deep" / "er" / "n.yaml").write_text(TWO)
            await watch.named("flows/deep/er/n.yaml")
            shutil.rmtree(root / "flows" / "deep")
            await watch.until(lambda: list(watch.files.list()) == ["flows/g.yaml"])

    asyncio.run(story())


def test_a_root_that_goes_and_comes_back_is_watched_again(root: Path) -> None:
    async def story() -> None:
        async with watching(root, "graphs/g.yaml") as watch:
            for _ in range(2):
                shutil.rmtree(root)
                await watch.named("graphs/g.yaml")
                with pytest.raises(Unreadable):
                    watch.files.get("graphs/g.yaml")
                (root / "graphs").mkdir(parents=True)
                (root / "graphs" / "g.yaml").write_text(GRAPH)
                await watch.until(lambda: os.path.exists(root / "graphs" / "g.yaml"))
                await watch.named("graphs/g.yaml")
                (root / "graphs" / "g.yaml").write_text(TWO)
                await watch.named("graphs/g.yaml")

    asyncio.run(story())


def test_a_root_whose_own_folder_was_renamed_is_missed(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trellis.project.watching.LOOK_MS", 40)  # nobody is told of that

    async def story() -> None:
        async with watching(root, "graphs/g.yaml") as watch:
            root.parent.rename(root.parent.with_name("elsewhere"))
            await watch.named("graphs/g.yaml")
            with pytest.raises(Unreadable):
                watch.files.get("graphs/g.yaml")

    asyncio.run(story())


def test_what_was_found_before_a_loader_failed_is_told_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    loader = MemoryLoader({"a.yaml": GRAPH, "b.yaml": GRAPH})
    live = LiveGraphs(loader)
    for name in ("a.yaml", "b.yaml"):
        live.open(name)
        loader.set(name, "trellis: 1\nnodes: {u: {use: ./c.yaml, to: $end}}\n" if name == "b.yaml" else TWO)
    with monkeypatch.context() as patch:
        real = loader.get

        def failing(name: str) -> bytes:
            if name == "c.yaml":
                raise ConnectionError
            return real(name)

        patch.setattr(loader, "get", failing)
        with pytest.raises(ConnectionError):
            live.follow(Reload())
    loader.set("c.yaml", GRAPH)
    assert [(change.name, change.broken) for change in live.follow(Reload())] == [("a.yaml", False), ("b.yaml", False)]
    assert live.follow(Reload()) == []


def test_links_that_lead_round_in_a_circle_hold_nothing_up(root: Path) -> None:
    (root / "graphs" / "round").symlink_to("..")
    (root / "graphs" / "self.yaml").symlink_to("self.yaml")
    (root / "graphs" / "out").symlink_to("/")

    async def story() -> None:
        async with watching(root, "graphs/self.yaml") as watch:
            (root / "graphs" / "g.yaml").write_text(TWO)
            await watch.named("graphs/g.yaml")

    asyncio.run(story())


def test_a_live_graph_is_the_last_sound_one_whatever_its_file_went_through(root: Path) -> None:
    path = root / "graphs" / "g.yaml"
    live = LiveGraphs(FileLoader(root))
    first = live.open("graphs/g.yaml")
    path.unlink()
    (gone,) = live.follow(Reload())
    assert (gone.broken, gone.graph, [problem.code for problem in gone.problems]) == (True, first, ["E100"])
    path.symlink_to(path)
    (round_,) = live.follow(Reload(frozenset({"graphs/g.yaml"})))[:1] or (gone,)
    assert round_.graph == first
    path.unlink()
    path.write_bytes(b"\xff\xfe\x00")
    (torn,) = live.follow(Reload(frozenset({"graphs/g.yaml"})))
    assert (torn.broken, live.get("graphs/g.yaml")) == (True, first)
    path.write_text(TWO)
    (sound,) = live.follow(Reload(frozenset({"graphs/g.yaml"})))
    assert (sound.before, sound.graph, sound.broken) == (first, load(path), False)
    assert live.follow(Reload()) == []


def test_a_file_that_changes_while_it_is_read_is_read_again_until_it_does_not(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, files = root / "graphs" / "g.yaml", FileLoader(root)
    real, changes = os.fstat, [0]

    def changing(number: int) -> os.stat_result:
        changes[0] += 1
        if changes[0] % 2 == 0 and changes[0] <= limit:
            path.write_text(GRAPH + "#" * changes[0])
        return real(number)

    monkeypatch.setattr("trellis.project.files.os.fstat", changing)
    limit = 4
    assert files.get("graphs/g.yaml") == (GRAPH + "####").encode()
    limit = 100
    with pytest.raises(Unreadable, match=r"^cannot read 'graphs/g\.yaml': it changes while it is read \(try again"):
        files.get("graphs/g.yaml")
