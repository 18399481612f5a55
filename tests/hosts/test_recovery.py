"""A run is taken up once, where its journal ends, by whoever asks; and its row says where that is."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.hosts.authored import Failing, each_nth, graph, kinds
from tests.hosts.scenes import Doing, Held, Pausing, lines_of, play, until, until_called
from tests.hosts.test_driver import STUCK, TWO
from trellis.errors import InvalidRunId, RunConflict, StartedOtherwise, StoreFull, UnknownTool
from trellis.hosts.local import Host
from trellis.model.graph import Graph
from trellis.stores.base import RunRow
from trellis.stores.memory import MemoryStore
from trellis.testing.clocks import ManualClock

TIMED = graph("{trellis: 1, name: timed, nodes: {a: {do: stuck, timeout: 5s, to: $end}}}")
ASKING_TWICE = graph("""
trellis: 1
name: twice
fields: {x: {type: string, optional: true, index: true}, y: {type: string, optional: true}}
start: both
nodes:
  both:
    all:
      slow: {ask: {text: x}, timeout: 30s}
      fast: {ask: {text: y}, timeout: 10s}
      other: {ask: {text: y}, timeout: 20s}
    to: use
  use: {do: use, with: {env: used}, to: last}
  last: {ask: {text: y}, to: $end}
""")
OTHER = graph("{trellis: 1, name: other, nodes: {a: {say: x, to: $end}}}")
BACK = graph("""
trellis: 1
name: back
fields: {x: {type: string, optional: true}}
start: build
nodes:
  build: {do: stubborn, undo: {do: use, with: {env: undone}}, upon: {interrupt: ask}, to: $end}
  ask: {ask: {text: x}, to: $rollback}
""")


async def left_open(store: Any, doing: Doing, *graphs: Any, clock: ManualClock | None = None) -> None:
    """Start these, named r, s, …, and close the host once each has called."""
    async with Host(store, doing.tools, clock=clock) as host:
        for name, known in zip("rstuv", graphs, strict=False):
            await host.start(known, id=name)
        await until_called(doing, len(graphs))


@pytest.mark.parametrize("how", ["resume twice", "start and resume", "start twice"])
def test_a_run_that_two_take_up_at_once_is_one_run_and_calls_once(how: str) -> None:
    store, doing = MemoryStore(), Doing()

    async def scene() -> tuple[bool, int]:
        async with Host(Pausing(store), doing.tools) as host:  # type: ignore[arg-type]
            first = host.resume("r") if how.startswith("resume") else host.start(STUCK, id="r")
            second = host.start(STUCK, id="r") if how == "start twice" else host.resume("r")
            one, other = await asyncio.gather(first, second)
            await until_called(doing, 2)
            for _ in range(20):
                await asyncio.sleep(0)
            await one.cancel()
            await other.result()
            return one.state is other.state, len(doing.calls)

    play(left_open(store, doing, STUCK))
    assert play(scene()) == (True, 2)


def test_a_run_started_twice_at_once_is_begun_once() -> None:
    async def scene() -> tuple[bool, int]:
        doing = Doing()
        async with Host(Pausing(MemoryStore()), doing.tools) as host:  # type: ignore[arg-type]
            one, other = await asyncio.gather(host.start(STUCK, id="r"), host.start(STUCK, id="r"))
            for _ in range(20):
                await asyncio.sleep(0)
            return one.state is other.state, len(doing.calls)

    assert play(scene()) == (True, 1)


def test_a_run_resumed_right_after_a_store_error_stays_claimed() -> None:
    async def scene() -> str:
        failing = Failing(MemoryStore(), each_nth(1, StoreFull("memory://", "no space left")))
        store = Held(failing, "release", before=True)
        async with Host(store, Doing().tools) as host:  # type: ignore[arg-type]
            run = await host.start(TWO, id="r")
            store.hold()
            with pytest.raises(StoreFull):
                await run.answer("first", "x")
            resuming = asyncio.create_task(host.resume("r"))
            await until(lambda: store.waiting == 1)
            for _ in range(20):
                await asyncio.sleep(0)
            store.free()
            again = await resuming
            await again.answer("first", "x")
            await again.answer("second", "y")
            return (await again.result()).status

    assert play(scene()) == "completed"


def test_a_run_that_cannot_be_taken_up_is_left_free() -> None:
    store, doing = MemoryStore(), Doing()

    async def scene() -> int:
        async with Host(store) as host:
            with pytest.raises(UnknownTool):
                await host.resume("r")
        return await store.claim("r")

    play(left_open(store, doing, STUCK))
    assert play(scene()) == 3, "the refused resume took epoch 2, and gave it back"


def test_overdue_timers_fire_before_calls_are_sent_again() -> None:
    store, doing, clock = MemoryStore(), Doing(), ManualClock()

    async def again() -> str:
        async with Host(store, doing.tools, clock=clock) as host:
            return (await (await host.resume("r")).result()).status

    play(left_open(store, doing, TIMED, clock=clock))
    clock.advance(5)
    assert play(again()) == "timed_out"
    assert doing.nodes == ["a"]


def test_a_call_that_still_has_time_is_sent_again_and_its_timer_rings_when_it_was_to() -> None:
    store, doing, clock = MemoryStore(), Doing(), ManualClock()

    async def again() -> str:
        async with Host(store, doing.tools, clock=clock) as host:
            run = await host.resume("r")
            await until_called(doing, 2)
            assert clock.next_due == 1_000_005.0
            clock.advance(1)
            return (await run.result()).status

    play(left_open(store, doing, TIMED, clock=clock))
    clock.advance(4)
    assert play(again()) == "timed_out"
    assert [key for _, key, _ in doing.calls] == ["r/a/1"] * 2


def test_overdue_timers_fire_in_the_order_in_which_they_were_due() -> None:
    store, clock = MemoryStore(), ManualClock()

    async def again() -> list[str]:
        async with Host(store, Doing().tools, clock=clock) as host:
            return kinds(await lines_of(await host.resume("r")))

    async def begin() -> None:
        async with Host(store, Doing().tools, clock=clock) as host:
            await host.start(ASKING_TWICE, id="r")

    play(begin())
    clock.advance(60)
    fired = [line for line in play(again()) if line.startswith("timer.fired")]
    assert fired == ["timer.fired both.fast timeout"], "it ends the run; the later one has nothing left to fire for"


def test_a_call_that_was_being_cancelled_is_uncertain_at_a_resume_and_what_it_did_is_undone() -> None:
    store, doing = MemoryStore(), Doing()

    async def begin() -> None:
        async with Host(store, doing.tools) as host:
            run = await host.start(BACK, id="r")
            await until_called(doing)
            await run.signal("interrupt")
            assert [pending.cancelling for pending in run.state.open.values()] == [True, False]
            await until(lambda: bool(doing.ended))
            doing.ended.clear()
            closing = asyncio.ensure_future(until(lambda: bool(doing.ended)))
            closing.add_done_callback(lambda _: doing.gate.set())

    async def again() -> tuple[str, list[str]]:
        async with Host(store, doing.tools) as host:
            run = await host.resume("r")
            await run.answer("ask", "x")
            return (await run.result()).status, doing.nodes

    play(begin())
    assert play(again()) == ("rolled_back", ["build", "build"])
    assert doing.calls[1][2] == {"env": "undone"}


def test_the_row_wakes_with_the_earliest_timer_and_not_at_all_when_none_is_left() -> None:
    store = MemoryStore()

    async def scene() -> list[float | None]:
        wakes = []
        async with Host(store, Doing().tools, clock=ManualClock(100.0)) as host:
            run = await host.start(ASKING_TWICE, id="r")
            wakes.append((await row(store)).wake)
            await run.answer("both.fast", "y")
            wakes.append((await row(store)).wake)
            await run.answer("both.other", "z")
            wakes.append((await row(store)).wake)
            await run.answer("both.slow", "x")
            wakes.append((await row(store)).wake)
            assert (await row(store)).fields == {"x": "x"}, "the indexed ones only"
        return wakes

    assert play(scene()) == [110.0, 120.0, 130.0, 0.0]


def test_the_position_in_the_row_rests_while_a_call_is_under_way_and_the_fields_do_not() -> None:
    store, doing = MemoryStore(), Doing()
    known = graph("""
        {trellis: 1, name: k, start: a, fields: {x: {type: string, optional: true, index: true}},
         nodes: {a: {ask: {text: x}, to: once}, once: {do: once, to: b}, b: {ask: {text: x}, to: $end}}}
    """)

    async def scene() -> list[tuple[Any, ...]]:
        rows = []
        clock = ManualClock(100.0)
        async with Host(store, doing.tools, clock=clock) as host:
            run = await host.start(known, id="r")
            rows.append(await row(store))
            clock.advance(1)
            await run.answer("a", "x")
            await until_called(doing)
            rows.append(await row(store))
            clock.advance(1)
            doing.gate.set()
            await until(lambda: bool(run.questions))
            rows.append(await row(store))
            await run.answer("b", "y")
            await run.result()
            rows.append(await row(store))
        return [(row.status, row.revision, row.position, row.fields, row.created, row.updated) for row in rows]

    assert play(scene()) == [
        ("running", 1, ("a",), {"x": None}, 100.0, 100.0),
        ("running", 3, ("a",), {"x": "x"}, 100.0, 101.0),
        ("running", 4, ("b",), {"x": "x"}, 100.0, 102.0),
        ("completed", 5, (), {"x": "y"}, 100.0, 102.0),
    ]


async def row(store: MemoryStore) -> RunRow:
    found = await store.row("r")
    assert found is not None
    return found


def test_a_run_that_ended_is_free_and_is_returned_as_it_ended() -> None:
    store, doing = MemoryStore(), Doing()
    known = graph("{trellis: 1, name: k, nodes: {a: {do: use, with: {env: e}, to: $end}}}")

    async def scene() -> tuple[int, str, list[str]]:
        async with Host(store, doing.tools) as host:
            run = await host.start(known, id="r")
            first = await run.result()
            again = await host.start(known, id="r")
            assert await again.result() == first
            assert first.visited == ("a",)
            return await store.claim("r"), (await again.result()).status, kinds(await lines_of(again))

    assert play(scene()) == (2, "completed", ["run.finished"])


def test_an_ended_run_is_not_returned_for_other_start_values() -> None:
    known = graph("{trellis: 1, name: k, fields: {x: {type: integer}}, nodes: {a: {say: '{{ x }}', to: $end}}}")

    async def scene() -> str:
        async with Host() as host:
            await host.start(known, {"x": 1}, id="r")
            with pytest.raises(StartedOtherwise):
                await host.start(known, {"x": 2}, id="r")
            return (await (await host.start(known, {"x": 1}, id="r")).result()).status

    assert play(scene()) == "completed"


def test_a_run_that_ends_with_its_first_turn_has_ended() -> None:
    async def scene() -> tuple[str, list[str]]:
        async with Host() as host:
            run = await host.start(OTHER, id="r")
            assert run.closed
            return (await run.result()).status, kinds(await lines_of(run))

    lines = ["run.started", "node.entered a", "say a", "node.left a", "run.finished"]
    assert play(scene()) == ("completed", lines)


def test_a_run_that_another_began_at_the_same_moment_is_gone_on_with() -> None:
    async def scene(known: Graph) -> tuple[int, int]:
        store, doing = Pausing(MemoryStore()), Doing()
        async with Host(store, doing.tools) as one, Host(store, doing.tools) as other:  # type: ignore[arg-type]
            runs = await asyncio.gather(one.start(TWO, id="r"), other.start(known, id="r"))
            return runs[0].state.seq, runs[1].state.seq

    assert play(scene(TWO)) == (1, 1)
    with pytest.raises(RunConflict):
        play(scene(STUCK))


def test_the_row_says_where_the_graph_was_written() -> None:
    store = MemoryStore()

    async def scene() -> str:
        async with Host(store) as host:
            await host.start(graph("{trellis: 1, name: s, nodes: {a: {say: x, to: $end}}}", source="s.yaml"), id="r")
        return (await row(store)).source

    assert play(scene()) == "s.yaml"


def test_an_id_with_other_start_values_is_refused_and_with_the_same_ones_goes_on() -> None:
    known = graph("""
        {trellis: 1, name: k, start: a, fields: {x: {type: integer, default: 1}, y: {type: string, optional: true}},
         nodes: {a: {ask: {text: y}, to: $end}}}
    """)
    store = MemoryStore()

    async def scene(*, resumed: bool) -> list[str]:
        said = []
        async with Host(store) as host:
            if not resumed:
                await host.start(known, {"y": "a"}, id="r")
            others: list[dict[str, Any]] = [{"x": 2}, {"y": "b"}, {"x": 2, "y": "b"}]
            for given in others:
                with pytest.raises(StartedOtherwise) as refused:
                    await host.start(known, given, id="r")
                said.append(str(refused.value))
            same: list[dict[str, Any]] = [{}, {"y": "a"}, {"x": 1}]
            for given in same:  # a default that is said aloud is the same value
                await host.start(known, given, id="r")
            with pytest.raises(RunConflict):
                await host.start(OTHER, id="r")
        return said

    other = (
        "run 'r' was started with another value of {}; `trellis resume r` continues it as it was, "
        "another --id starts anew"
    )
    expected = [other.format(names) for names in ("'x'", "'y'", "'x', 'y'")]
    assert play(scene(resumed=False)) == expected
    assert play(scene(resumed=True)) == expected


@pytest.mark.parametrize(
    ("bad", "shown"),
    [
        ("", "''"),
        ("-r", "'-r'"),
        ("a\nb", "'a\\nb'"),
        ("a\0", "'a\\x00'"),
        ("\ud800", "'\\ud800'"),
        ("x" * 201, "'" + "x" * 37 + "...'"),
    ],
)
def test_a_text_that_cannot_be_an_id_starts_nothing(bad: str, shown: str) -> None:
    store = MemoryStore()

    async def scene() -> str:
        async with Host(store, Doing().tools) as host:
            with pytest.raises(InvalidRunId) as refused:
                await host.start(TWO, id=bad)
            assert await store.rows() == []
            await host.start(TWO, id="x" * 200)
            return str(refused.value)

    assert play(scene()) == (
        f"{shown} is no id of a run: 1 to 200 characters that can be printed, the first of them no '-'"
    )


def test_a_store_that_was_handed_in_stays_open_and_one_that_the_host_opened_is_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    closed: list[object] = []

    async def close(self: MemoryStore) -> None:
        closed.append(self)

    monkeypatch.setattr(MemoryStore, "close", close)

    async def scene() -> tuple[int, int]:
        async with Host(MemoryStore()):
            pass
        handed = len(closed)
        async with Host("memory://"):
            pass
        return handed, len(closed)

    assert play(scene()) == (0, 1)
