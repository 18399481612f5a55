"""The language of a run is a fact of its start: whatever becomes of the run, it stays."""

from __future__ import annotations

from typing import Any

from tests.hosts.authored import graph
from tests.hosts.scenes import play
from trellis.errors import UsageError
from trellis.hosts import operations
from trellis.hosts.local import Host
from trellis.stores.memory import MemoryStore

SPOKEN = graph("""
    {trellis: 1, name: spoken, start: a, fields: {user: {type: string, optional: true}},
     nodes: {a: {say: {en: Who?, pt: Quem?}, ask: {text: user}, to: b}, b: {say: {en: Bye, pt: Adeus}, end: ok}}}
""")


def test_a_run_and_what_is_made_of_it_speak_the_language_that_it_was_started_with() -> None:
    async def said(store: Any, run: str) -> list[str]:
        async with Host(store) as host:
            going = await host.resume(run)
            if not going.closed:
                await going.answer("a", "Ana")
            await going.result()
            return [line["text"] async for line in going.events() if line["type"] == "say"]

    async def scene() -> dict[str, list[str]]:
        store, other = MemoryStore(), MemoryStore()
        async with Host(store) as host:
            await host.start(SPOKEN, id="r", locale="pt-BR")
        forked = await operations.fork(store, "r", id="f")
        await operations.import_run(other, await operations.export(store, "r"), id="i")
        told = {
            "resumed": await said(store, "r"),
            "forked": await said(store, forked.run),
            "carried": await said(other, "i"),
        }
        return told | {"tried again": await said(store, (await operations.retry(store, "r", "a", id="t")).run)}

    assert play(scene()) == {name: ["Quem?", "Adeus"] for name in ("resumed", "forked", "carried", "tried again")}


def test_a_run_that_is_there_is_not_started_in_another_language() -> None:
    async def scene() -> list[str]:
        refused = []
        async with Host(MemoryStore()) as host:
            await host.start(SPOKEN, id="r", locale="pt-BR")
            for locale in ("", "PT-br", "en", "pt_BR.UTF-8"):
                try:
                    await host.start(SPOKEN, id="r", locale=locale)
                except UsageError as error:
                    refused.append(str(error))
        return refused

    assert play(scene()) == [
        (
            "run 'r' was started with another value of 'locale'; `trellis resume r` continues it as it was, another --id "
            "starts anew"
        ),
        "'pt_BR.UTF-8' is no language tag (did you mean 'pt-BR'?)",
    ]
