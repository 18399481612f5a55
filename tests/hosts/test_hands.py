"""Runs that change hands while commands, claims and closings come between: each command counts once, nothing is left."""

from __future__ import annotations

import asyncio
import logging
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.contracts.dict_store import DictStore, Shelf
from tests.hosts.authored import Failing, graph
from tests.hosts.scenes import Doing, Held, play, until, until_called
from trellis.dispatch import Dispatcher
from trellis.errors import InvalidRequestId, StoreUnavailable
from trellis.hosts.commands import Adopt, Answer, Message, Reply, Signal, decode_reply, encode
from trellis.hosts.local import Host
from trellis.hosts.sending import send
from trellis.hosts.serving import STORE_DELAY_S
from trellis.stores.memory import MemoryStore
from trellis.testing.clocks import ManualClock

NOTING = graph("""
    {trellis: 1, name: noting, start: a, fields: {x: {type: string, optional: true}},
     nodes: {a: {ask: {text: x}, to: a}}}
""")
WAITING = graph("""
    {trellis: 1, name: waiting, start: a, fields: {x: {type: string, optional: true}},
     nodes: {a: {ask: {text: x}, timeout: 1h, catch: {timeout: a}, to: $end}}}
""")
STUCK = graph("{trellis: 1, name: stuck, start: a, nodes: {a: {do: stuck, to: $end}}}")


def test_many_senders_to_a_run_that_nobody_drives_are_all_taken_once() -> None:
    async def scene() -> tuple[list[str], int]:
        shelf = Shelf()
        async with Host(DictStore(shelf, "first")) as host:
            await host.start(NOTING, id="r")
        senders = [DictStore(shelf, f"s-{n}") for n in range(8)]
        sent = [send(store, "r", Answer("a", f"v-{n}", id=f"m-{n}")) for n, store in enumerate(senders)]
        replies = await asyncio.gather(*sent)
        return [reply.code for reply in replies], len(await DictStore(shelf, "looks").read("r"))

    assert play(scene()) == ([""] * 8, 9)


def test_a_message_to_a_run_that_was_claimed_and_not_taken_up_yet_is_heard() -> None:
    async def scene() -> tuple[Reply, int]:
        shelf = Shelf()
        async with Host(DictStore(shelf, "first")) as host:
            await host.start(NOTING, id="r")
        owner = DictStore(shelf, "owner")
        async with Host(owner) as host:
            await owner.claim("r")
            data = await DictStore(shelf, "other").ask("r", encode(Message("r", Answer("a", "v"))))
            assert data
            return decode_reply(data), len(await owner.read("r"))

    assert play(scene()) == (Reply("running"), 2)


def test_a_reply_that_is_on_its_way_goes_out_before_the_store_is_closed() -> None:
    async def scene() -> tuple[str, int]:
        shelf = Shelf()
        owner = Held(DictStore(shelf, "owner"), "append")
        async with Host(owner) as host:  # type: ignore[arg-type]
            await host.start(NOTING, id="r")
            owner.hold()
            sending = asyncio.ensure_future(send(DictStore(shelf, "other"), "r", Answer("a", "v")))
            await until(lambda: owner.waiting == 1)
            asyncio.get_running_loop().call_soon(owner.free)
        return (await sending).code, len(await DictStore(shelf, "looks").read("r"))

    assert play(scene()) == ("", 2), "written once, and told so"


def test_a_host_that_closes_while_it_takes_up_runs_leaves_none_owned() -> None:
    async def scene() -> list[str]:
        shelf = Shelf()
        clock = ManualClock(1000.0)
        async with Host(DictStore(shelf, "first"), clock=clock) as host:
            for n in range(5):
                await host.start(WAITING, id=f"r-{n}")
        clock.advance(4000)
        store = DictStore(shelf, "second")
        held = Held(store, "read", before=True)
        held.hold()
        async with Host(held, clock=clock) as host:  # type: ignore[arg-type]
            await host.serve()
            await until(lambda: held.waiting == 1)
            asyncio.get_running_loop().call_soon(held.free)
        return await store.owned()

    assert play(scene()) == []


@pytest.mark.parametrize("request_id", ["q\0", "\ud800", "x" * 201])
def test_an_id_of_a_request_that_some_store_cannot_keep_is_refused_by_all(request_id: str) -> None:
    async def scene() -> None:
        async with Host() as host:
            await host.start(NOTING, request_id=request_id)

    with pytest.raises(InvalidRequestId):
        play(scene())


def test_runs_that_were_started_here_count_among_those_that_are_under_way() -> None:
    async def scene() -> tuple[int, int]:
        shelf, doing = Shelf(), Doing()
        async with Host(DictStore(shelf, "first"), doing.tools) as first:
            for n in range(3):
                await first.start(STUCK, id=f"left-{n}")
        doing.calls.clear()
        async with Host(DictStore(shelf, "second"), doing.tools) as host:
            for n in range(2):
                await host.start(STUCK, id=f"own-{n}")
            await host.serve(at_once=3)
            await until_called(doing, 3)
            for _ in range(200):
                await asyncio.sleep(0)
            return host.under_way, len(doing.calls)

    assert play(scene()) == (3, 3)


def test_a_run_that_was_lost_and_claimed_back_goes_on_under_the_new_epoch() -> None:
    async def scene() -> tuple[str, list[str]]:
        doing, store = Doing(), MemoryStore()
        async with Host(store, doing.tools) as host:
            run = await host.start(graph("{trellis: 1, name: k, start: a, nodes: {a: {do: once, to: $end}}}"), id="r")
            await until_called(doing)
            await store.release("r")  # as after a lease that ran out
            epoch = await store.claim("r")
            await host.take_up("r", epoch)
            doing.gate.set()
            return (await run.result()).status, doing.nodes

    assert play(scene()) == ("completed", ["a"])


def test_a_run_that_went_on_elsewhere_before_it_was_claimed_back_is_read_anew() -> None:
    async def scene() -> tuple[Any, int]:
        store = MemoryStore()
        async with Host(store) as host:
            await host.start(NOTING, id="r")
            await store.release("r")
            await send(store, "r", Answer("a", "elsewhere"))
            epoch = await store.claim("r")
            live = await host.take_up("r", epoch)
            assert await (await host.resume("r")).answer("a", "here")
            return live.origin.fields["x"] if live.origin else None, len(await store.read("r"))

    assert play(scene()) == ("elsewhere", 3)


def test_a_run_that_a_fault_of_the_store_stopped_is_tried_again_within_seconds(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def scene() -> list[float]:
        clock, broken = ManualClock(0.0), [True]
        store = MemoryStore()
        async with Host(store, clock=clock) as host:
            await host.start(WAITING, id="r")
        fault = StoreUnavailable("memory://", "the server is away")
        failing = Failing(store, lambda name: fault if name == "read" and broken[0] else None)
        async with Host(failing, clock=clock) as host:  # type: ignore[arg-type]
            await host.serve()
            for _ in range(4000):
                clock.advance(1.5)
                await asyncio.sleep(0)
        return [record.delay for record in caplog.records if hasattr(record, "delay")]

    with caplog.at_level(logging.WARNING, "trellis"):
        delays = play(scene())
    assert delays[:4] == [1.0, 2.0, 4.0, STORE_DELAY_S]
    assert max(delays) == STORE_DELAY_S


def test_a_process_is_asked_once_to_end_when_its_host_closes(tmp_path: Path) -> None:
    program = (
        "import pathlib, signal, sys, time\n"
        "def end(*_): pathlib.Path('ended').write_text('by itself'); sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, end)\n"
        "pathlib.Path('up').touch()\n"
        "time.sleep(60)\n"
    )
    (tmp_path / "slow.py").write_text(program, "utf-8")
    slow = graph(
        f"{{trellis: 1, name: slow, start: a, tools: {{wait: {{process: ['{sys.executable}', slow.py]}}}}, "
        "nodes: {a: {do: wait, to: $end}}}",
        source=str(tmp_path / "slow.yaml"),
    )

    async def scene() -> None:
        async with Host(dispatcher=Dispatcher(), allow=["process"]) as host:
            await host.start(slow)
            await until((tmp_path / "up").exists)

    play(scene())
    assert (tmp_path / "ended").read_text("utf-8") == "by itself"


def test_a_signal_to_a_run_that_another_host_took_meanwhile_reaches_it() -> None:
    hurried = graph("""
        {trellis: 1, name: h, start: a, signals: {hurry: {}}, upon: {hurry: b}, fields: {x: {type: string, optional: true}},
         nodes: {a: {ask: {text: x}, to: $end}, b: {end: {status: ok, result: "'hurried'"}}}}
    """)

    async def scene() -> tuple[str, Any]:
        shelf = Shelf()
        async with Host(DictStore(shelf, "first")) as first:
            await first.start(hurried, id="r")
            del shelf.owners["r"]  # as after a lease that ran out
            async with Host(DictStore(shelf, "second")) as second:
                run = await second.resume("r")
                reply = await first.send("r", Signal("hurry"))
                return reply.code, (await run.result()).result

    assert play(scene()) == ("", "hurried")


def test_the_log_tells_of_a_call_that_nobody_knows_of_and_of_a_run_that_was_lost(
    caplog: pytest.LogCaptureFixture,
) -> None:
    once = graph("{trellis: 1, name: k, start: a, nodes: {a: {do: once, to: $end}}}")

    async def scene() -> None:
        doing, store = Doing(), MemoryStore()
        async with Host(store, doing.tools) as host:
            await host.start(once, id="r")
            await until_called(doing)
        async with Host(store, doing.tools) as host:
            run = await host.resume("r")
            await until(lambda: bool(run.uncertain))
            await store.release("r")
            await run.terminate()

    with caplog.at_level(logging.WARNING, "trellis"):
        play(scene())
    assert [record.getMessage() for record in caplog.records] == [
        "run 'r' waits for somebody: nobody knows whether 'a' was done",
        "run 'r' is driven here no longer, its owner is nobody now",
    ]


def test_a_command_to_a_run_that_its_owner_cannot_drive_is_delivered_by_its_sender() -> None:
    known = graph("""
        {trellis: 1, name: k, start: a, fields: {x: {type: string, optional: true}},
         nodes: {a: {ask: {text: x}, to: b}, b: {do: work, with: {n: 1}, to: $end}}}
    """)

    async def scene() -> tuple[str, int]:
        shelf = Shelf()
        async with Host(DictStore(shelf, "first"), Doing().tools) as host:
            await host.start(known, id="r")
        owner = DictStore(shelf, "owner")
        async with Host(owner):  # without the tools
            await owner.claim("r")
            reply = await send(DictStore(shelf, "sender"), "r", Answer("a", "v"))
            return reply.code, len(await owner.read("r"))

    assert play(scene()) == ("", 2)


def test_a_version_that_the_owner_cannot_drive_is_refused_in_its_own_words() -> None:
    other = graph("""
        {trellis: 1, name: noting, start: a, fields: {x: {type: string, optional: true}},
         nodes: {a: {ask: {text: x}, to: b}, b: {do: nobody_has_it, to: a}}}
    """)

    async def scene() -> Reply:
        shelf = Shelf()
        async with Host(DictStore(shelf, "owner")) as host:
            await host.start(NOTING, id="r")
            return await send(DictStore(shelf, "sender"), "r", Adopt(other.hash, other.data.decode()))

    told = "graph 'noting' calls tools that nobody declares or registers: 'nobody_has_it'"
    assert play(scene()) == Reply("running", "adopt", told)
