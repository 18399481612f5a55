"""A host whose documents change: a sound version is live at once, a broken one never is, and no run is moved without proof."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest

from trellis import Host
from trellis.errors import InvalidGraph, UsageError
from trellis.hosts.reloading import Reloaded
from trellis.project import MemoryLoader, Reload, load

ASKS = """trellis: 1
name: g
start: hello
fields: {name: {type: string, optional: true}, n: {type: integer, default: 0}}
nodes:
  hello: {say: Who?, ask: {text: name}, to: done}
  done: {say: "Hello {{ name }}", set: {fields: {n: n + 1}}, to: $end}
"""
BROKEN = ASKS.replace("to: done", "to: dnoe")
RENAMED = ASKS.replace("hello:", "greet:").replace("start: hello", "start: greet")
OTHER = ASKS.replace("Hello", "Good day")
PATIENCE_S = 60.0


class Heard:
    """What a host told of its reloads, in order."""

    def __init__(self) -> None:
        self.all: list[Reloaded] = []
        self._news = asyncio.Event()

    def __call__(self, reloaded: Reloaded) -> None:
        self.all.append(reloaded)
        self._news.set()

    async def next(self, count: int = 1) -> Reloaded:
        async with asyncio.timeout(PATIENCE_S):
            while len(self.all) < count:
                self._news.clear()
                await self._news.wait()
        return self.all[count - 1]


def going(story: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(story())


@pytest.mark.covers("TR06")
def test_a_sound_save_is_live_and_told_with_what_differs() -> None:
    async def story() -> None:
        loader, heard = MemoryLoader({"g.yaml": ASKS}), Heard()
        async with Host(watch=loader, reloaded=heard) as host:
            before = await host.graph("g.yaml")
            run = await host.start("g.yaml")
            loader.set("g.yaml", OTHER)
            told = await heard.next()
            after = await host.graph("g.yaml")
            assert (told.before, told.graph, told.broken, told.problems) == (before, after, False, ())
            assert told.changes == ('~done.say "Hello {{ name }}" -> "Good day {{ name }}"',)
            assert (told.runs, told.staying) == ((), 1)
            anew = await host.start("g.yaml")
            assert [one.graph.hash for one in (run, anew)] == [before.hash, after.hash]

    going(story)


@pytest.mark.covers("TR06")
def test_a_broken_save_leaves_the_version_live_and_tells_all_its_problems() -> None:
    async def story() -> None:
        loader, heard = MemoryLoader({"g.yaml": ASKS}), Heard()
        async with Host(watch=loader, reloaded=heard) as host:
            before = await host.graph("g.yaml")
            loader.set("g.yaml", BROKEN.replace("type: integer", "type: integr"))
            told = await heard.next()
            assert (told.broken, told.graph, told.changes) == (True, before, ())
            assert [str(problem) for problem in told.problems if problem.severity == "error"] == [
                "g.yaml:4:58: E219 the type of field 'n': unknown type 'integr': did you mean 'integer'?",
                "g.yaml:6:45: E204 no node named 'dnoe' (did you mean 'done'?)",
            ]
            assert (await host.start("g.yaml")).graph == before
            loader.set("g.yaml", ASKS)
            mended = await heard.next(2)
            assert (mended.broken, mended.graph, mended.changes) == (False, before, ())
            loader.delete("g.yaml")
            gone = await heard.next(3)
            assert (gone.broken, gone.graph) == (True, before)

    going(story)


def test_what_depends_on_a_document_is_reloaded_and_nothing_else() -> None:
    async def story() -> None:
        using = "trellis: 1\nname: p\nnodes: {u: {use: ./c.yaml, to: $end}}\n"
        child = "trellis: 1\nname: c\nnodes: {a: {say: One, to: $end}}\n"
        loader, heard = MemoryLoader({"p.yaml": using, "c.yaml": child, "g.yaml": ASKS}), Heard()
        async with Host(watch=loader, reloaded=heard) as host:
            for name in ("p.yaml", "g.yaml"):
                await host.graph(name)
            loader.set("c.yaml", child.replace("One", "Two"))
            told = await heard.next()
            assert (told.name, told.changes) == ("p.yaml", ("c.yaml: ~a.say One -> Two",))
            loader.set("g.yaml", OTHER)
            assert (await heard.next(2)).name == "g.yaml"

    going(story)


@pytest.mark.covers("TR06")
def test_runs_adopt_a_version_where_that_is_proved_and_stay_where_not() -> None:
    async def story() -> None:
        loader, heard = MemoryLoader({"g.yaml": ASKS}), Heard()
        async with Host(watch=loader, reloaded=heard, on_change="adopt") as host:
            run = await host.start("g.yaml", id="r")
            before = run.graph
            loader.set("g.yaml", OTHER)
            (moved,) = (await heard.next()).runs
            assert (moved.run, moved.verdict.status, moved.adopted, moved.reasons) == ("r", "safe", True, ())
            assert run.graph == (await host.graph("g.yaml"))
            assert run.graph != before
            loader.set("g.yaml", RENAMED)
            (stays,) = (await heard.next(2)).runs
            assert (stays.verdict.status, stays.adopted) == ("needs_map", False)
            assert "the new version has no node 'hello'" in stays.reasons[0]
            assert run.graph.definition.nodes.keys() == {"hello", "done"}
            await run.answer("hello", "Ana")
            assert (await run.result()).fields["name"] == "Ana"

    going(story)


def test_runs_of_another_document_with_a_graph_of_that_name_are_not_moved() -> None:
    async def story() -> None:
        loader, heard = MemoryLoader({"g.yaml": ASKS}), Heard()
        async with Host(watch=loader, reloaded=heard, on_change="adopt") as host:
            graph = await host.graph("g.yaml")
            other = type(graph)(graph.definition, source="/elsewhere/g.yaml")
            run = await host.start(other)
            loader.set("g.yaml", OTHER)
            assert (await heard.next()).runs == ()
            assert run.graph == graph

    going(story)


def test_of_two_documents_in_memory_with_graphs_of_one_name_each_moves_its_own_runs() -> None:
    async def story() -> None:
        second = ASKS.replace("Hello", "Bye")
        loader, heard = MemoryLoader({"a.yaml": ASKS, "b.yaml": second}), Heard()
        async with Host(watch=loader, reloaded=heard, on_change="adopt") as host:
            first, other = await host.start("a.yaml", id="a"), await host.start("b.yaml", id="b")
            loader.set("b.yaml", second.replace("name: g", "name: typo"))
            await heard.next(1)
            loader.set("b.yaml", second.replace("Bye", "Good bye"))
            assert [(moved.run, moved.adopted) for moved in (await heard.next(2)).runs] == [("b", True)]
            loader.set("a.yaml", ASKS.replace("Hello", "Good day"))
            assert [(moved.run, moved.adopted) for moved in (await heard.next(3)).runs] == [("a", True)]
            assert first.graph == await host.graph("a.yaml") != other.graph == await host.graph("b.yaml")

    going(story)


def test_a_child_run_stays_what_the_run_above_it_uses() -> None:
    async def story() -> None:
        using = "trellis: 1\nname: p\nnodes: {u: {use: ./c.yaml, to: $end}}\n"
        child = "trellis: 1\nname: c\nfields: {x: {type: string, optional: true}}\nnodes: {a: {say: One, ask: {text: x}, to: $end}}\n"
        loader, heard = MemoryLoader({"p.yaml": using, "c.yaml": child}), Heard()
        async with Host(watch=loader, reloaded=heard, on_change="adopt") as host:
            await host.graph("c.yaml")
            run = await host.start("p.yaml", id="r")
            async with asyncio.timeout(PATIENCE_S):
                while len(host.running) < 2:
                    await asyncio.sleep(0)
            loader.set("c.yaml", child.replace("One", "Two"))
            told = {one.name: one for one in (await heard.next(), await heard.next(2))}
            assert told["c.yaml"].runs == ()
            assert [(moved.run, moved.adopted) for moved in told["p.yaml"].runs] == [("r", True)]
            assert run.graph == await host.graph("p.yaml")

    going(story)


def test_of_all_versions_that_ever_were_a_host_keeps_the_last_ones() -> None:
    from trellis.hosts.journal import MOST, Definitions
    from trellis.stores.memory import MemoryStore

    graph = load("g.yaml", loader=MemoryLoader({"g.yaml": ASKS}))
    kept = Definitions(MemoryStore())
    for number in range(MOST + 5):
        kept.add(type(graph)(graph.definition, source=str(number)))
    assert len(kept._graphs) == MOST
    assert kept.add(type(graph)(graph.definition, source=str(MOST))).source == str(MOST)


def test_a_document_that_was_never_sound_becomes_live_when_it_is() -> None:
    async def story() -> None:
        loader, heard = MemoryLoader({"g.yaml": BROKEN}), Heard()
        async with Host(watch=loader, reloaded=heard) as host:
            with pytest.raises(InvalidGraph, match="no node named 'dnoe'"):
                await host.graph("g.yaml")
            loader.set("g.yaml", ASKS)
            told = await heard.next()
            assert (told.before, told.graph) == (None, await host.graph("g.yaml"))

    going(story)


def test_a_host_without_a_loader_says_so() -> None:
    async def story() -> None:
        async with Host() as host:
            with pytest.raises(UsageError, match=r"^this host watches no documents; load 'g\.yaml' first"):
                await host.start("g.yaml")

    going(story)


class Failing(MemoryLoader):
    """Fails as often as it is told to: where it is read, and where it is watched."""

    def __init__(self, *, gets: int = 0, watches: int = 0, ends: bool = False) -> None:
        super().__init__({"g.yaml": ASKS})
        self.gets, self.watches, self.ends = gets, watches, ends

    def get(self, name: str) -> bytes:
        if self.gets and super().get(name) != ASKS.encode():
            self.gets -= 1
            raise ConnectionError("the server has gone")
        return super().get(name)

    async def watch(self) -> AsyncIterator[Reload]:  # type: ignore[override]
        if self.ends:
            return
        if self.watches:
            self.watches -= 1
            raise ConnectionError("the server has gone")
        async for reload in super().watch():
            yield reload


@pytest.mark.parametrize("fails", [{"gets": 2}, {"watches": 1}, {"gets": 1, "watches": 1}])
def test_a_loader_that_fails_is_asked_again_and_nothing_is_missed(
    fails: dict[str, int], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trellis.hosts.reloading.FIRST_DELAY_S", 0.001)
    caplog.set_level(logging.WARNING, "trellis")

    async def story() -> None:
        loader, heard = Failing(gets=fails.get("gets", 0), watches=fails.get("watches", 0)), Heard()
        async with Host(watch=loader, reloaded=heard) as host:
            await host.graph("g.yaml")
            loader.set("g.yaml", OTHER)
            assert (await heard.next()).graph == await host.graph("g.yaml")
            async with asyncio.timeout(PATIENCE_S):
                while len(caplog.records) < sum(fails.values()):
                    await asyncio.sleep(0)

    going(story)
    said = [record.getMessage() for record in caplog.records]
    assert all(text.endswith("ConnectionError: the server has gone") for text in said)
    assert len(said) == sum(fails.values())


def test_a_loader_that_watches_nothing_is_told_of_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "trellis")

    async def story() -> None:
        async with Host(watch=Failing(ends=True)) as host:
            run = await host.start("g.yaml")
            async with asyncio.timeout(PATIENCE_S):
                while not caplog.records:
                    await asyncio.sleep(0)
            await run.answer("hello", "Ana")
            assert (await run.result()).status == "completed"

    going(story)
    (record,) = caplog.records
    assert "nobody tells of changed documents any more" in record.getMessage()


def test_what_nobody_hears_the_log_has(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "trellis")

    async def story() -> None:
        loader = MemoryLoader({"g.yaml": ASKS})
        async with Host(watch=loader, on_change="adopt") as host:
            run = await host.start("g.yaml", id="r")
            before = run.graph.hash[:12]
            loader.set("g.yaml", BROKEN)
            async with asyncio.timeout(PATIENCE_S):
                while not caplog.records:
                    await asyncio.sleep(0)
            told = "g.yaml:6:45: E204 no node named 'dnoe' (did you mean 'done'?)"
            assert caplog.records[0].getMessage().splitlines()[:2] == [
                f"'g.yaml' is broken, {before} stays live:",
                told,
            ]
            loader.set("g.yaml", OTHER)
            async with asyncio.timeout(PATIENCE_S):
                while len(caplog.records) < 3:
                    await asyncio.sleep(0)
            told = f'\'g.yaml\' is live as {run.graph.hash[:12]}: ~done.say "Hello {{{{ name }}}}" -> "Good day {{{{ name }}}}"'
            assert [record.getMessage() for record in caplog.records[1:]] == [told, "run 'r' adopted it"]

    going(story)
