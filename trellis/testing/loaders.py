"""What every loader promises, as a suite that anybody can run on their own: subclass `LoaderContract`.

    class TestMyLoader(LoaderContract):
        async def holding(self, documents): ...

The suite uses asyncio and `assert`, nothing else; pytest collects a subclass whose name begins with `Test`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import Any, Protocol

from trellis.errors import Unreadable
from trellis.project import Loader, Reload, Workspace, load, validate

PATIENCE_S = 30.0
"""How long one test waits before it calls a loader deaf. None waits that long when all is well."""
PROJECT = {
    "graphs/main.yaml": b"trellis: 1\nname: main\nschema: ../schemas/states.yaml\nnodes: {a: {use: ./part.yaml, to: $end}}\n",
    "graphs/part.yaml": b"trellis: 1\nname: part\nnodes: {a: {say: One, to: $end}}\n",
    "schemas/states.yaml": b"trellis: 1\nname: states\nstates: {Ready: {}}\n",
}
OTHER = PROJECT["graphs/part.yaml"].replace(b"One", b"Two")


class Kept(Protocol):
    """A loader, and the place that it gets its documents from."""

    @property
    def loader(self) -> Loader: ...

    async def put(self, name: str, data: bytes) -> None:
        """Put a document there, or another one in its place."""

    async def take(self, name: str) -> None:
        """Take a document away."""

    async def close(self) -> None:
        """Free what the test has used."""


class LoaderContract:
    """Subclass it and give `holding`; every test then states one promise of the port."""

    async def holding(self, documents: Mapping[str, bytes]) -> Kept:
        """A new place that holds these documents, and a loader that gets them."""
        raise NotImplementedError

    def test_a_document_is_given_as_it_was_put(self) -> None:
        whole = bytes(range(256)) * 4096
        documents = {"a.yaml": b"", "deep/er/b.yaml": whole, "c d é.yaml": b"\xff"}

        async def story(kept: Kept) -> None:
            assert {name: kept.loader.get(name) for name in documents} == documents

        self._play(story, documents)

    def test_what_is_not_there_is_refused_with_its_name_and_a_reason(self) -> None:
        async def story(kept: Kept) -> None:
            for name in ("graphs/mian.yaml", "graphs", "no/such/folder.yaml", "graphs/main.yaml/more"):
                refused = _refused(kept.loader, name)
                assert refused.name == name
                assert refused.reason

        self._play(story)

    def test_no_name_leads_out_of_the_project(self) -> None:
        async def story(kept: Kept) -> None:
            for name in ("../outside.yaml", "/etc/hostname", "graphs/../../outside.yaml"):
                _refused(kept.loader, name)

        self._play(story)

    def test_names_are_listed_once_and_in_order(self) -> None:
        async def story(kept: Kept) -> None:
            assert list(kept.loader.list()) == sorted(PROJECT)
            assert list(kept.loader.list("graphs")) == ["graphs/main.yaml", "graphs/part.yaml"]
            assert list(kept.loader.list("graphs/")) == ["graphs/main.yaml", "graphs/part.yaml"]
            assert list(kept.loader.list("graph")) == []

        self._play(story)

    def test_what_is_put_and_taken_is_got_and_listed_so(self) -> None:
        async def story(kept: Kept) -> None:
            await kept.put("graphs/part.yaml", OTHER)
            await kept.put("graphs/new.yaml", OTHER)
            await kept.take("schemas/states.yaml")
            assert kept.loader.get("graphs/part.yaml") == kept.loader.get("graphs/new.yaml") == OTHER
            _refused(kept.loader, "schemas/states.yaml")
            assert list(kept.loader.list()) == ["graphs/main.yaml", "graphs/new.yaml", "graphs/part.yaml"]

        self._play(story)

    def test_a_graph_is_made_of_documents_that_name_each_other(self) -> None:
        async def story(kept: Kept) -> None:
            graph = load("graphs/main.yaml", loader=kept.loader)
            assert (list(graph.definition.uses), list(graph.definition.states)) == (["graphs/part.yaml"], ["Ready"])
            await kept.take("graphs/part.yaml")
            problems = validate(["graphs/main.yaml"], loader=kept.loader)
            assert [(problem.path, problem.code) for problem in problems] == [("graphs/main.yaml", "E230")]

        self._play(story)

    def test_every_change_is_told_once_it_can_be_got(self) -> None:
        async def story(kept: Kept) -> None:
            async with _told(kept.loader) as heard:
                await kept.put("graphs/part.yaml", OTHER)
                await heard(["graphs/part.yaml"])
                assert kept.loader.get("graphs/part.yaml") == OTHER
                await kept.put("graphs/new.yaml", OTHER)
                await heard(["graphs/new.yaml"])
                await kept.take("schemas/states.yaml")
                await heard(["schemas/states.yaml"])
                _refused(kept.loader, "schemas/states.yaml")
                await kept.put("schemas/states.yaml", PROJECT["schemas/states.yaml"])
                await heard(["schemas/states.yaml"])
                assert kept.loader.get("schemas/states.yaml") == PROJECT["schemas/states.yaml"]

        self._play(story)

    def test_no_change_of_a_burst_is_lost(self) -> None:
        async def story(kept: Kept) -> None:
            async with _told(kept.loader) as heard:
                names = [f"graphs/n{number}.yaml" for number in range(50)]
                for turn in range(3):
                    for name in names:
                        await kept.put(name, b"trellis: %d" % turn)
                await heard(names)
                assert {kept.loader.get(name) for name in names} == {b"trellis: 2"}

        self._play(story)

    def test_whoever_watches_later_is_told_too(self) -> None:
        async def story(kept: Kept) -> None:
            async with _told(kept.loader) as first:
                async with _told(kept.loader) as second:
                    await kept.put("graphs/part.yaml", OTHER)
                    await first(["graphs/part.yaml"])
                    await second(["graphs/part.yaml"])
                await kept.put("graphs/main.yaml", OTHER)
                await first(["graphs/main.yaml"])

        self._play(story)

    def test_a_workspace_follows_what_it_is_told(self) -> None:
        async def story(kept: Kept) -> None:
            workspace = Workspace(kept.loader)
            before = workspace.compile("graphs/main.yaml").graph
            async with _told(kept.loader) as heard:
                await kept.put("graphs/part.yaml", OTHER)
                await heard(["graphs/part.yaml"])
                assert workspace.changed(["graphs/part.yaml"]) == {"graphs/main.yaml"}
                after = workspace.compile("graphs/main.yaml").graph
                assert after == load("graphs/main.yaml", loader=kept.loader) != before

        self._play(story)

    def _play(
        self, story: Callable[[Kept], Coroutine[Any, Any, None]], documents: Mapping[str, bytes] = PROJECT
    ) -> None:
        async def played() -> None:
            kept = await self.holding(documents)
            try:
                await story(kept)
            finally:
                await kept.close()

        asyncio.run(played())


def _refused(loader: Loader, name: str) -> Unreadable:
    try:
        loader.get(name)
    except Unreadable as error:
        return error
    raise AssertionError(f"there is no '{name}', and it was got")


@asynccontextmanager
async def _told(loader: Loader) -> AsyncIterator[Callable[[Collection[str]], Awaitable[None]]]:
    """While the block runs, the loader is watched; what is given waits until all these names were told of since it was
    asked last. A reload that names nothing tells of them all."""
    heard: set[str] = set()
    everything, news = [False], asyncio.Event()

    async def listen() -> None:
        changes = loader.watch()
        try:
            async for reload in changes:
                assert isinstance(reload, Reload)
                heard.update(reload.names)
                everything[0] = everything[0] or not reload.names
                news.set()
        finally:
            close = getattr(changes, "aclose", None)
            if close is not None:
                await close()

    async def until(names: Collection[str]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not (everything[0] or heard >= set(names)):
                assert not listening.done(), "it watches no more"
                news.clear()
                waiting = asyncio.ensure_future(news.wait())
                await asyncio.wait((waiting, listening), return_when=asyncio.FIRST_COMPLETED)
                waiting.cancel()
        heard.clear()
        everything[0] = False

    listening = asyncio.ensure_future(listen())
    await asyncio.sleep(0)  # it has begun, so that what changes now is told
    try:
        yield until
    finally:
        listening.cancel()
        await asyncio.wait([listening])
    if not listening.cancelled():
        listening.result()
