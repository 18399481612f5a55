"""Answers, signals and ends from outside: they find the run wherever it is, and count once however often they are sent."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.contracts.dict_store import DictStore, Shelf
from tests.hosts.authored import graph
from tests.hosts.scenes import Doing, play, until
from trellis.errors import Refused, RunClosed, RunConflict, StartedOtherwise, TooManyRuns, UnknownRun
from trellis.hosts.commands import Answer, CancelRun, Reply, Resolve, Signal
from trellis.hosts.local import Host
from trellis.hosts.sending import send
from trellis.stores.memory import MemoryStore

TWO = graph("""
    {trellis: 1, name: two, start: first, signals: {go: {n: integer}}, upon: {go: done},
     fields: {x: {type: string, optional: true}, y: {type: string, optional: true}},
     nodes: {first: {ask: {text: x}, to: second}, second: {ask: {text: y}, to: $end}, done: {end: ok}}}
""")
COUNTED = graph(
    """
    {trellis: 1, name: counted, start: a, signals: {beat: {}}, fields: {n: {type: integer, default: 0}},
     nodes: {a: {ask: {text: t}, upon: {beat: b}, to: $end}, b: {set: {fields: {n: n + 1}}, to: a}}}
""".replace("n: {type: integer, default: 0}", "n: {type: integer, default: 0}, t: {type: string, optional: true}")
)
ONCE = graph("""
    {trellis: 1, name: once, start: a, fields: {got: {type: string, optional: true}},
     nodes: {a: {do: once, save: got, undo: {do: work, with: {n: 1}}, to: b}, b: {ask: {text: got}, to: $end}}}
""")


def test_an_answer_that_is_sent_twice_under_one_id_counts_once() -> None:
    async def scene() -> tuple[list[bool], dict[str, Any], int]:
        store = MemoryStore()
        async with Host(store) as host:
            run = await host.start(TWO, id="r")
            taken = [
                await run.answer("first", "one", answer_id="m-1"),
                await run.answer("first", "two", answer_id="m-1"),
            ]
            taken.append(await run.answer("second", "three", answer_id="m-2"))
            taken.append(await run.answer("second", "three", answer_id="m-2"))
            outcome = await run.result()
            with pytest.raises(RunClosed):
                await run.answer("second", "four", answer_id="m-3")
        return taken, outcome.fields, len(await store.read("r"))

    assert play(scene()) == ([True] * 4, {"x": "one", "y": "three"}, 3)


def test_a_signal_that_is_sent_twice_under_one_id_counts_once_and_without_one_each_time() -> None:
    async def scene() -> Any:
        async with Host() as host:
            run = await host.start(COUNTED, id="r")
            for name in ("s-1", "s-1", "s-2", "", ""):
                await run.signal("beat", signal_id=name)
            return run.state.fields["n"]

    assert play(scene()) == 4


def test_a_start_that_is_sent_twice_under_one_request_is_one_run() -> None:
    async def scene() -> tuple[str, str, int]:
        store = MemoryStore()
        async with Host(store) as host:
            first = await host.start(TWO, request_id="q-1")
            again = await host.start(TWO, request_id="q-1")
            with pytest.raises(StartedOtherwise):
                await host.start(TWO, {"x": "other"}, request_id="q-1")
            with pytest.raises(RunConflict):
                await host.start(COUNTED, request_id="q-1")
            with pytest.raises(RunConflict):
                await host.start(TWO, id=first.id, request_id="q-2")
        return first.id, again.id, len(await store.rows())

    first, again, count = play(scene())
    assert (first == again, count) == (True, 1)


@pytest.mark.covers("CH05")
def test_no_more_runs_are_open_than_the_host_allows() -> None:
    async def scene() -> None:
        async with Host(MemoryStore(), at_most=2) as host:
            run = await host.start(TWO, id="a")
            await host.start(TWO, id="b")
            with pytest.raises(TooManyRuns) as refused:
                await host.start(TWO, id="c")
            assert refused.value.most == 2
            await run.cancel()
            await host.start(TWO, id="c")

    play(scene())


def test_a_command_reaches_the_host_that_drives_the_run() -> None:
    async def scene() -> tuple[list[Reply], str]:
        shelf = Shelf()
        async with Host(DictStore(shelf, "one")) as host:
            run = await host.start(TWO, id="r")
            other = DictStore(shelf, "two")
            replies = [
                await send(other, "r", Answer("second", "x")),
                await send(other, "r", Answer("first", "x", by="Ana")),
                await send(other, "r", Signal("go", {"n": 1})),
                await send(other, "r", Signal("go", {"n": 1})),
            ]
            with pytest.raises(UnknownRun):
                await send(other, "nobody", Answer("first", "x"))
            return replies, (await run.result()).status

    replies, status = play(scene())
    assert [(reply.code, reply.status) for reply in replies] == [
        ("not_asked", "running"),
        ("", "running"),
        ("", "completed"),
        ("closed", "completed"),
    ]
    assert status == "completed"


def test_a_command_to_a_run_that_nobody_drives_is_written_and_the_run_let_go() -> None:
    async def scene() -> tuple[list[str], list[str], float | None]:
        shelf, doing = Shelf(), Doing()
        known = graph("""
            {trellis: 1, name: k, start: a, fields: {x: {type: integer, optional: true}},
             nodes: {a: {ask: {int: x}, to: b}, b: {do: work, with: {n: 1}, to: $end}}}
        """)
        async with Host(DictStore(shelf, "one"), doing.tools) as host:
            await host.start(known, id="r")
        other = DictStore(shelf, "two")
        replies = [await send(other, "r", Answer("a", text)) for text in ("many", "7")]
        assert shelf.owners == {}
        wake = shelf.rows["r"].wake
        before = list(doing.nodes)
        async with Host(DictStore(shelf, "three"), doing.tools) as host:
            outcome = await (await host.resume("r")).result()
        return [reply.code for reply in replies], [*before, *doing.nodes, outcome.status], wake

    codes, told, wake = play(scene())
    assert codes == ["invalid_answer", ""]
    assert told == ["b", "completed"]
    assert wake == 0.0, "it wants to be driven"


def test_terminating_again_gives_the_same_answer_and_cancelling_again_does_not() -> None:
    async def scene() -> tuple[list[str], Any]:
        store = MemoryStore()
        async with Host(store) as host:
            run = await host.start(TWO, id="r")
            other = await host.start(TWO, id="o")
            codes = [(await host.send("r", CancelRun("stop", "ops", terminate=True))).code for _ in range(2)]
            codes += [(await host.send("o", CancelRun("stop"))).code for _ in range(2)]
            outcome = await run.result()
            assert (await other.result()).error == {
                "code": "cancelled", "message": "stop", "node": "", "attempt": 1,
            }  # fmt: skip
            return codes, (outcome.status, outcome.error)

    assert play(scene()) == (
        ["", "", "", "closed"],
        ("cancelled", {"code": "terminated", "message": "stop", "node": "", "attempt": 1}),
    )


@pytest.mark.parametrize(
    ("command", "status", "calls"),
    [
        (Resolve("a", value="known"), "running", 1),
        (Resolve("a", code="lost", message="it never arrived"), "failed", 1),
        (Resolve("a", again=True), "running", 2),
    ],
    ids=["done", "failed", "again"],
)
def test_a_call_that_may_run_once_is_parked_after_a_crash_until_somebody_says_how_it_ended(
    command: Resolve, status: str, calls: int
) -> None:
    async def scene() -> tuple[list[str], list[str], str, int]:
        store, doing = MemoryStore(), Doing()
        parked, said = list[str](), ""
        async with Host(store, doing.tools) as host:
            await host.start(ONCE, id="r")
            await until(lambda: doing.nodes == ["a"])
        for _ in range(2):  # and it stays so, whoever takes it up
            async with Host(store, doing.tools) as host:
                run = await host.resume("r")
                await until(lambda run=run: bool(run.uncertain))  # type: ignore[misc]
                parked = [call.node for call in run.uncertain]
                row = await store.row("r")
                assert row is not None and row.wake is None and run.stuck
                with pytest.raises(Refused) as refused:
                    await run.resolve("b")
                said = str(refused.value)
        async with Host(store, doing.tools) as host:
            run = await host.resume("r")
            doing.gate.set()
            reply = await host.send("r", command)
            assert reply.code == ""
            await until(lambda: run.closed or bool(run.questions))
            return parked, [said], run.state.status, len(doing.nodes)

    parked, said, found, made = play(scene())
    assert parked == ["a"]
    assert said == ["node 'b' has no call that is uncertain; uncertain now: a"]
    assert (found, made) == (status, calls)


def test_a_parked_call_whose_node_is_left_is_undone_for_it_may_have_been_made() -> None:
    known = graph("""
        {trellis: 1, name: k, start: a, upon: {interrupt: $rollback},
         nodes: {a: {do: once, undo: {do: work, with: {n: 1}}, to: $end}}}
    """)

    async def scene() -> tuple[str, list[str]]:
        store, doing = MemoryStore(), Doing()
        async with Host(store, doing.tools) as host:
            await host.start(known, id="r")
            await until(lambda: doing.nodes == ["a"])
        async with Host(store, doing.tools) as host:
            run = await host.resume("r")
            await until(lambda: bool(run.uncertain))
            await run.signal("interrupt")
            return (await run.result()).status, doing.nodes

    assert play(scene()) == ("rolled_back", ["a", "a"])


def test_many_senders_of_one_answer_are_taken_once_between_them() -> None:
    async def scene() -> tuple[int, dict[str, Any]]:
        shelf = Shelf()
        async with Host(DictStore(shelf, "one")) as host:
            run = await host.start(TWO, id="r")
            others = [DictStore(shelf, f"s-{n}") for n in range(10)]
            sent = [send(other, "r", Answer("first", f"v-{n}", id="m")) for n, other in enumerate(others)]
            replies = await asyncio.gather(*sent)
            return sum(not reply.code for reply in replies), {"x": run.state.fields["x"]}

    taken, fields = play(scene())
    assert taken == 10
    assert fields == {"x": "v-0"}
