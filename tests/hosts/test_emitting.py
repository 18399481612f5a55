"""A signal that a run sends: it reaches the other run wherever that is, counts once, and what becomes of it comes back."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.contracts.dict_store import DictStore, Shelf
from tests.hosts.authored import Failing, each_nth, graph
from tests.hosts.scenes import Doing, play, until
from trellis.errors import StoreUnavailable
from trellis.hosts.local import Host
from trellis.model.codec import decode_event
from trellis.model.events import SignalReceived
from trellis.model.graph import Graph
from trellis.stores.memory import MemoryStore
from trellis.testing.clocks import ManualClock

ORDER = graph("""
    {trellis: 1, name: order, start: open, signals: {paid: {cents: integer}, go: {buffer: 3}},
     fields: {got: {type: any, optional: true}, n: {type: integer, default: 0}, x: {type: string, optional: true}},
     nodes: {open: {wait: {signal: paid}, save: got, set: {fields: {n: n + 1}}, to: [{if: n > 1, to: $end}, {to: open}]}}}
""")
SENDER = graph("""
    {trellis: 1, name: sender, start: send, fields: {to: {type: string}, why: {type: any, optional: true}},
     nodes: {send: {emit: {signal: paid, to: "{{ to }}", with: {cents: 7}}, to: $end, catch: {"*": failed}},
             failed: {end: {status: ok, result: "[error.code, error.message]"}}}}
""")


def sending(signal: str, data: str = "{}", extra: str = "") -> Graph:
    """A graph that sends this signal to the run 'o', and ends with the error where it is not taken."""
    return graph(f"""
        {{trellis: 1, name: sender, start: send,
         nodes: {{send: {{emit: {{signal: {signal}, to: o, with: {data}}}, {extra} to: $end, catch: {{"*": failed}}}},
                 failed: {{end: {{status: ok, result: "[error.code, error.message]"}}}}}}}}
    """)


RETRY = "retry: {max_attempts: 2, initial_interval: 1h},"
"""Nobody turns the clock that far: what is sent again has hung."""


async def signals(store: Any, run: str) -> list[tuple[str, Any, str, str]]:
    """The signals that the run took: name, data, who sent each, and under which id."""
    events = map(decode_event, await store.read(run))
    return [(event.name, event.data, event.by, event.id) for event in events if isinstance(event, SignalReceived)]


def test_a_run_of_the_same_host_takes_the_signal_and_the_sender_goes_on() -> None:
    async def scene() -> Any:
        store = MemoryStore()
        async with Host(store) as host:
            order = await host.start(ORDER, id="o")
            sender = await host.start(SENDER, {"to": "o"}, id="s")
            outcome = await sender.result()
            return outcome.status, outcome.result, order.state.fields, await signals(store, "o")

    assert play(scene()) == (
        "completed", None, {"got": {"cents": 7}, "n": 1, "x": None}, [("paid", {"cents": 7}, "s", "s/send/1")],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("sent", "error"),
    [
        (sending("payd", extra=RETRY), ["unknown_signal", "run 'o': no signal named 'payd'; did you mean 'paid'?"]),
        (sending("paid", "{cents: seven}", RETRY), ["invalid_signal", "run 'o': signal 'paid', 'cents': expected integer, found string 'seven'"]),
        (sending("paid", "{cents: 1, more: 2}"), ["invalid_signal", "run 'o': signal 'paid' carries no 'more'"]),
        (sending("interrupt"), ["not_taken", "run 'o': nothing takes signal 'interrupt' now"]),
    ],
)  # fmt: skip
def test_a_signal_that_is_refused_is_the_error_that_the_other_run_gives(sent: Graph, error: list[str]) -> None:
    async def scene() -> Any:
        async with Host() as host:
            await host.start(ORDER, id="o")
            return (await (await host.start(sent)).result()).result

    assert play(scene()) == error


def test_who_is_not_there_or_has_ended_takes_nothing() -> None:
    async def scene() -> Any:
        async with Host() as host:
            told = [(await (await host.start(SENDER, {"to": "nobody"})).result()).result]
            order = await host.start(ORDER, id="o")
            await order.cancel()
            told.append((await (await host.start(sending("paid", "{cents: 1}", RETRY))).result()).result)
            return told

    assert play(scene()) == [
        ["unknown_run", "unknown run 'nobody'"],
        ["closed", "run 'o': the run has ended: cancelled"],
    ]


def test_a_signal_that_nothing_takes_yet_is_sent_again_until_something_does() -> None:
    receiver = graph("""
        {trellis: 1, name: r, start: a, fields: {x: {type: string, optional: true}}, signals: {paid: {}},
         nodes: {a: {ask: {text: x}, to: b}, b: {wait: {signal: paid}, to: $end}}}
    """)

    async def scene() -> Any:
        clock, store = ManualClock(), MemoryStore()
        async with Host(store, clock=clock) as host:
            other = await host.start(receiver, id="o")
            retry = "retry: {max_attempts: 5, initial_interval: 10s},"
            sender = await host.start(sending("paid", extra=retry), id="s")
            await until(lambda: bool(sender.state.timers))
            await other.answer("a", "x")
            clock.advance(10)
            return await sender.result(), await other.result(), await signals(store, "o")

    sender, other, taken = play(scene())
    assert (sender.status, sender.result, other.status, taken) == (
        "completed", None, "completed", [("paid", {}, "s", "s/send/1")],
    )  # fmt: skip


TALKER = graph("""
    {trellis: 1, name: talker, start: both, fields: {to: {type: string}, got: {type: any, optional: true}},
     signals: {hello: {from: string, buffer: 1}},
     nodes: {both: {all: {say: {emit: {signal: hello, to: "{{ to }}", with: {from: me}}, retry: {max_attempts: 9, initial_interval: 10ms}},
                          hear: {wait: {signal: hello}}}, save: got, timeout: 30s, to: $end}}}
""")


@pytest.mark.parametrize("receiver", [["a", "a"], ["b", "a"]], ids=["to itself", "to each other"])
def test_runs_that_send_to_themselves_and_to_each_other_end(receiver: list[str]) -> None:
    async def scene() -> Any:
        async with Host() as host:
            names = ["a", "b"][: len(set(receiver))]
            runs = [await host.start(TALKER, {"to": to}, id=name) for name, to in zip(names, receiver, strict=False)]
            async with asyncio.timeout(5):
                return [(await run.result()).fields["got"] for run in runs]

    assert play(scene()) == [{"say": None, "hear": {"from": "me"}}] * len(set(receiver))


def test_a_run_may_leave_the_node_by_the_signal_that_it_sends_to_itself() -> None:
    own = graph("""
        {trellis: 1, name: own, signals: {stop: {}}, start: a,
         nodes: {a: {emit: {signal: stop, to: o}, upon: {stop: b}, to: $fail}, b: {end: {status: ok, result: signal.name}}}}
    """)

    async def scene() -> Any:
        async with Host() as host, asyncio.timeout(5):
            return await (await host.start(own, id="o")).result()

    outcome = play(scene())
    assert (outcome.status, outcome.result) == ("completed", "stop")


def test_a_signal_that_its_sender_did_not_wait_for_is_taken_back_with_the_rest() -> None:
    own = graph("""
        {trellis: 1, name: own, signals: {stop: {}}, start: a,
         nodes: {a: {emit: {signal: stop, to: o}, undo: {do: work, with: {n: 1}}, upon: {stop: b}, to: $fail},
                 b: {to: $rollback}}}
    """)
    doing = Doing()

    async def scene() -> Any:
        async with Host(dispatcher=doing.tools) as host, asyncio.timeout(5):
            return (await (await host.start(own, id="o")).result()).status

    assert (play(scene()), [key for _, key, _ in doing.calls]) == ("rolled_back", ["o/a/1/undo"])


def test_a_run_that_another_host_drives_takes_the_signal_there_and_both_send_to_each_other() -> None:
    async def scene() -> Any:
        shelf = Shelf()
        async with Host(DictStore(shelf, "1")) as one, Host(DictStore(shelf, "2")) as other, asyncio.timeout(10):
            first = await one.start(TALKER, {"to": "b"}, id="a")
            second = await other.start(TALKER, {"to": "a"}, id="b")
            return [(await run.result()).fields["got"] for run in (first, second)]

    assert play(scene()) == [{"say": None, "hear": {"from": "me"}}] * 2


def test_a_run_that_nobody_drives_gets_the_signal_and_stays_so() -> None:
    async def scene() -> Any:
        store = MemoryStore()
        async with Host(store) as host:
            await host.start(ORDER, id="o")
        async with Host(store) as host:
            outcome = await (await host.start(SENDER, {"to": "o"}, id="s")).result()
            return outcome.status, host.running, await store.owned(), await signals(store, "o")

    assert play(scene()) == ("completed", set(), [], [("paid", {"cents": 7}, "s", "s/send/1")])


def test_a_signal_whose_sender_died_before_it_was_recorded_as_taken_is_sent_again_and_counts_once() -> None:
    async def scene() -> Any:
        store = MemoryStore()
        async with Host(store) as host:
            await host.start(ORDER, id="o")
        failing = Failing(store, each_nth(2, StoreUnavailable("memory://", "gone")))  # the second: that it was taken
        async with Host(failing) as host:  # type: ignore[arg-type]
            sender = await host.start(SENDER, {"to": "o"}, id="s")
            with pytest.raises(StoreUnavailable):
                await sender.result()
        before = len(await store.read("s")), len(await store.read("o"))
        async with Host(store) as host:
            outcome = await (await host.resume("s")).result()
            return before, outcome.status, await signals(store, "o")

    assert play(scene()) == ((1, 2), "completed", [("paid", {"cents": 7}, "s", "s/send/1")])


def test_a_host_that_serves_takes_up_who_was_about_to_send() -> None:
    async def scene() -> Any:
        store = MemoryStore()
        async with Host(store) as host:
            await host.start(ORDER, id="o")
            await host.start(SENDER, {"to": "o"}, id="s")  # the host is closed before it gets to it
        assert await signals(store, "o") == []
        async with Host(store) as host, asyncio.timeout(5):
            order = await host.resume("o")
            await host.serve()
            async for line in order.events():
                if line["type"] == "signal":
                    break
        return await signals(store, "o")

    assert len(play(scene())) == 1
