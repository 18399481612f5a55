"""The loop: recorded before done, in order, each outcome once; a fault ends what it concerns and nothing else."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.hosts.authored import Failing, each_nth, graph, kinds
from tests.hosts.scenes import Doing, Held, lines_of, play, until, until_called
from trellis.dispatch import Dispatcher
from trellis.engine import apply
from trellis.errors import HostClosed, Refused, RunOwned, StoreFull
from trellis.hosts.driver import Driver
from trellis.hosts.local import Host, Run
from trellis.model.codec import decode_event
from trellis.model.events import ActionFailed, Event
from trellis.stores.memory import MemoryStore
from trellis.testing.clocks import ManualClock

TWO = graph("""
trellis: 1
name: two
fields: {x: {type: string, optional: true}, y: {type: string, optional: true}}
start: first
nodes:
  first: {ask: {text: x}, to: second}
  second: {ask: {text: y}, to: use}
  use: {do: use, with: {env: "{{ x }}{{ y }}"}, to: $end}
""")
UNDOING = graph("""
trellis: 1
name: undoing
fields: {x: {type: string, optional: true}}
upon: {interrupt: $rollback}
start: choose
nodes:
  choose: {ask: {text: x}, to: build}
  build: {do: stuck, undo: {do: use, with: {env: "{{ x }}"}}, to: $end}
""")
STUCK = graph("{trellis: 1, name: stuck, nodes: {a: {do: stuck, to: $end}}}")


class Counting:
    """A store that notes what turns each append had, and whether they came with a row."""

    def __init__(self) -> None:
        self.store, self.batches = MemoryStore(), list[list[tuple[str, int]]]()
        self.with_row: list[bool] = []

    def __getattr__(self, name: str) -> Any:
        if name == "append":
            return self._append
        return getattr(self.store, name)

    async def _append(self, turns: Any) -> Any:
        self.batches.append([(turn.run, turn.seq) for turn in turns])
        self.with_row += [turn.row is not None for turn in turns]
        return await self.store.append(turns)


def test_an_attempt_cancelled_before_its_first_step_is_still_reported() -> None:
    async def scene() -> tuple[str, list[str], Event]:
        store, doing = MemoryStore(), Doing()
        async with Host(store, doing.tools, clock=ManualClock(0.0)) as host:
            run = await host.start(UNDOING, id="r")
            await asyncio.gather(run.answer("choose", "x"), run.signal("interrupt"))
            status = (await run.result()).status
            return status, doing.nodes, decode_event((await store.read("r"))[-1])

    cancelled = ActionFailed(0.0, "r:2:0", "cancelled", "the attempt was cancelled", retryable=False)
    assert play(scene()) == ("rolled_back", [], cancelled)


def test_two_events_of_one_run_in_one_batch_are_applied_in_order() -> None:
    async def scene() -> tuple[list[list[tuple[str, int]]], list[dict[str, Any]]]:
        store, doing = Counting(), Doing()
        async with Host(store, doing.tools) as host:
            run = await host.start(TWO, id="r")
            answers = await asyncio.gather(run.answer("first", "a"), run.answer("second", "b"))
            assert list(answers) == [True, True]
            await run.result()
        return store.batches, [args for _, _, args in doing.calls]

    assert play(scene()) == ([[("r", 2), ("r", 3)], [("r", 4)]], [{"env": "ab"}])


def test_the_row_that_is_written_is_that_of_the_last_event() -> None:
    around = graph("""
        {trellis: 1, name: around, start: a, fields: {x: {type: string, optional: true}},
         nodes: {a: {ask: {text: x}, to: b}, b: {ask: {text: x}, to: a}}}
    """)

    async def scene(*, together: bool) -> tuple[Any, Any]:
        store = Counting()
        async with Host(store) as host:
            run = await host.start(around, id="r")
            if together:
                await asyncio.gather(run.answer("a", "x"), run.answer("b", "y"))
            else:
                await run.answer("a", "x")
                await run.answer("b", "y")
            row = await store.store.row("r")
            assert row is not None
            return store.batches, row.position

    assert play(scene(together=True)) == ([[("r", 2), ("r", 3)]], ("a",))
    assert play(scene(together=False)) == ([[("r", 2)], [("r", 3)]], ("a",))


def test_a_row_is_written_only_where_it_changed() -> None:
    calling = graph("""
        {trellis: 1, name: calling, start: a, fields: {x: {type: integer, default: 0}},
         nodes: {a: {do: work, with: {n: 1}, save: x, to: b}, b: {do: work, with: {n: 2}, save: x, to: $end}}}
    """)

    async def scene() -> list[bool]:
        store = Counting()
        async with Host(store, Doing().tools) as host:
            await (await host.start(calling)).result()
        return store.with_row

    assert play(scene()) == [False, True]


def test_what_comes_after_the_end_in_one_batch_is_told_that_the_run_is_closed() -> None:
    async def scene() -> list[str]:
        async with Host(dispatcher=Doing().tools) as host:
            run = await host.start(TWO, id="r")
            calls = run.cancel(), run.answer("first", "x"), run.cancel(), run.signal("interrupt")
            return [str(end) for end in await asyncio.gather(*calls, return_exceptions=True)]

    assert play(scene()) == ["None"] + ["run 'r' has ended: cancelled"] * 3


def test_what_comes_while_a_commit_fails_is_not_recorded_either() -> None:
    store = MemoryStore()

    async def scene() -> tuple[list[type[Any]], int]:
        failing = Failing(store, each_nth(1, StoreFull("memory://", "no space left")))
        held = Held(failing, "append", before=True)
        async with Host(held, Doing().tools) as host:  # type: ignore[arg-type]
            run = await host.start(TWO, id="r")
            held.hold()
            first = asyncio.ensure_future(run.answer("first", "x"))
            await until(lambda: held.waiting == 1)
            second = asyncio.ensure_future(run.answer("first", "y"))
            await asyncio.sleep(0)
            await store.claim("r")
            held.free()
            ends = await asyncio.gather(first, second, return_exceptions=True)
            return [type(end) for end in ends], len(await store.read("r"))

    assert play(scene()) == ([StoreFull, StoreFull], 1)


def test_the_runs_that_are_ready_share_one_commit() -> None:
    async def scene() -> list[list[tuple[str, int]]]:
        store = Counting()
        async with Host(store, Doing().tools) as host:
            runs = [await host.start(TWO, id=name) for name in "abc"]
            await asyncio.gather(*(run.answer("first", "x") for run in runs))
        return store.batches

    assert play(scene()) == [[("a", 2), ("b", 2), ("c", 2)]]


def test_a_store_fault_ends_the_runs_of_its_batch_and_the_loop_goes_on() -> None:
    async def scene() -> list[Any]:
        store = Failing(MemoryStore(), each_nth(1, StoreFull("memory://", "no space left")))
        async with Host(store, Doing().tools) as host:  # type: ignore[arg-type]
            a, b, c = [await host.start(TWO, id=name) for name in "abc"]
            failed = await asyncio.gather(a.answer("first", "x"), b.answer("first", "x"), return_exceptions=True)
            assert await c.answer("first", "x")
            assert await c.answer("second", "y")
            lost = await asyncio.gather(a.result(), b.result(), return_exceptions=True)
            status = (await c.result()).status
        return [*(type(end) for end in (*failed, *lost)), status]

    assert play(scene()) == [StoreFull, StoreFull, StoreFull, StoreFull, "completed"]


def test_a_turn_that_the_store_refuses_ends_its_run_and_not_the_others_of_its_batch() -> None:
    async def scene() -> tuple[list[Any], int, str]:
        store = MemoryStore()
        async with Host(store, Doing().tools) as host:
            a, b = [await host.start(TWO, id=name) for name in "ab"]
            await store.release("a")  # as if another had taken it
            taken = await asyncio.gather(a.answer("first", "x"), b.answer("first", "x"))
            with pytest.raises(RunOwned):
                await a.result()
            await b.answer("second", "y")
            return list(taken), await store.claim("a"), (await b.result()).status

    assert play(scene()) == ([True, True], 2, "completed"), "the run was taken up anew for the answer"


def test_a_fault_of_the_engine_ends_that_run_only(monkeypatch: pytest.MonkeyPatch) -> None:
    def faulty(graph: Any, state: Any, event: Any) -> Any:
        if state.run == "a":
            raise ZeroDivisionError("a fault of ours")
        return apply(graph, state, event)

    monkeypatch.setattr("trellis.hosts.driver.apply", faulty)
    store = MemoryStore()

    async def scene() -> str:
        async with Host(store, Doing().tools) as host:
            a, b = [await host.start(TWO, id=name) for name in "ab"]
            both = await asyncio.gather(a.answer("first", "x"), b.answer("first", "x"), return_exceptions=True)
            assert [str(answer) for answer in both] == ["a fault of ours", "True"]
            with pytest.raises(ZeroDivisionError):
                await a.result()
            await b.answer("second", "y")
            return (await b.result()).status

    async def again() -> str:
        async with Host(store, Doing().tools) as host:
            run = await host.resume("a")
            await run.answer("first", "x")
            await run.answer("second", "y")
            return (await run.result()).status

    assert play(scene()) == "completed"
    monkeypatch.undo()
    assert play(again()) == "completed"


def test_a_loop_that_breaks_tells_everyone(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Driver) -> None:
        raise ZeroDivisionError("a fault of ours")

    async def scene() -> list[type[Any]]:
        async with Host(dispatcher=Doing().tools) as host:
            a, b = [await host.start(TWO, id=name) for name in "ab"]
            waiting = [asyncio.ensure_future(b.result()), asyncio.ensure_future(lines_of(b))]
            await asyncio.sleep(0)
            monkeypatch.setattr(Driver, "_take", broken)
            ends = await asyncio.gather(a.answer("first", "x"), a.result(), *waiting, return_exceptions=True)
            with pytest.raises(ZeroDivisionError):
                await b.answer("first", "x")
            with pytest.raises(HostClosed):
                await host.start(TWO, id="c")
            return [type(end) for end in ends]

    assert play(scene()) == [ZeroDivisionError] * 4


@pytest.mark.parametrize("text", ["\ud800", "a\0b"])
def test_a_reason_or_a_name_that_no_store_can_keep_is_refused_and_other_runs_go_on(text: str) -> None:
    async def scene() -> tuple[list[str], list[Any], str]:
        said = []
        async with Host(dispatcher=Doing().tools) as host:
            a, b = [await host.start(TWO, id=name) for name in "ab"]
            telling = asyncio.create_task(lines_of(a))
            await asyncio.sleep(0)
            for call in (a.cancel(text), a.signal("interrupt", error=text)):
                with pytest.raises(Refused) as refused:
                    await call
                said.append(f"{refused.value.code}: {refused.value}")
            with pytest.raises(Refused):
                await a.signal(text)
            with pytest.raises(Refused):
                await a.answer(text, "x")
            assert await a.answer("first", "x", by=text) is False
            assert a.state.seq == 1
            for run in (a, b):
                await run.answer("first", "x")
                await run.answer("second", "y")
            assert (await b.result()).ok
            reasons = [line["reason"] for line in await telling if line["type"] == "ask" and "reason" in line]
            return said, reasons, (await a.result()).status

    why = {"\ud800": "text holds a lone surrogate, which UTF-8 cannot say"}.get(
        text, "text holds U+0000, which not every store keeps"
    )
    assert play(scene()) == (
        [f"invalid_reason: reason: {why}", f"invalid_signal: signal 'interrupt': at error: {why}"],
        [why],
        "completed",
    )


def test_work_of_a_run_that_cannot_be_recorded_any_more_is_stopped() -> None:
    both = graph("""
        {trellis: 1, name: b, fields: {x: {type: string, optional: true}}, start: b,
         nodes: {b: {all: {work: {do: stuck}, ask: {ask: {text: x}}}, to: $end}}}
    """)

    async def scene() -> list[str]:
        store, doing = Failing(MemoryStore(), each_nth(1, StoreFull("memory://", "no space left"))), Doing()
        async with Host(store, doing.tools) as host:  # type: ignore[arg-type]
            run = await host.start(both)
            await until_called(doing)
            with pytest.raises(StoreFull):
                await run.answer("b.ask", "x")
            await until(lambda: bool(doing.ended))
            return list(doing.ended)

    assert play(scene()) == ["b.work"]


def test_events_tell_no_line_twice_though_the_run_goes_on_while_they_read_the_journal() -> None:
    async def scene() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        held = Held(MemoryStore(), "read", before=True)
        async with Host(held, Doing().tools) as host:  # type: ignore[arg-type]
            run = await host.start(TWO, id="r")
            held.hold()
            telling = asyncio.create_task(lines_of(run))
            await until(lambda: held.waiting == 1)
            await run.answer("first", "a")
            held.free()
            await asyncio.sleep(0)
            await run.answer("second", "b")
            told = await telling
            return told, await lines_of(run)

    told, late = play(scene())
    assert [line["seq"] for line in told] == list(range(1, len(told) + 1))
    assert told == late
    assert kinds(told)[-1] == "run.finished"


def test_who_hears_of_a_store_error_from_events_can_resume_at_once() -> None:
    async def scene() -> str:
        store = Failing(MemoryStore(), each_nth(1, StoreFull("memory://", "no space left")))
        async with Host(store, Doing().tools) as host:  # type: ignore[arg-type]
            run = await host.start(TWO, id="r")

            async def follow() -> Run:
                with pytest.raises(StoreFull):
                    await lines_of(run)
                return await host.resume("r")

            telling = asyncio.create_task(follow())
            await asyncio.sleep(0)
            with pytest.raises(StoreFull):
                await run.answer("first", "x")
            again = await telling
            await again.answer("first", "x")
            await again.answer("second", "x")
            return (await again.result()).status

    assert play(scene()) == "completed"


def test_a_store_that_raises_what_no_store_should_leaves_nobody_waiting() -> None:
    async def scene() -> list[type[Any]]:
        store = Failing(MemoryStore(), each_nth(1, ValueError("no store error")))
        async with Host(store, Doing().tools) as host:  # type: ignore[arg-type]
            run = await host.start(TWO)
            ends = await asyncio.gather(run.answer("first", "x"), run.result(), return_exceptions=True)
            return [type(end) for end in ends]

    assert play(scene()) == [ValueError] * 2


def test_an_answer_is_true_where_it_was_taken_and_false_where_it_is_asked_again() -> None:
    async def scene() -> list[bool]:
        choice = graph("""
            {trellis: 1, name: c, fields: {x: {type: integer, optional: true}}, nodes: {a: {ask: {int: x}, to: $end}}}
        """)
        async with Host() as host:
            run = await host.start(choice)
            return [await run.answer("a", "x"), await run.answer("a", "7")]

    assert play(scene()) == [False, True]


def test_who_stops_waiting_for_a_result_stops_nobody_else() -> None:
    async def scene() -> str:
        async with Host(dispatcher=Doing().tools) as host:
            run = await host.start(STUCK)
            impatient, patient = asyncio.ensure_future(run.result()), asyncio.ensure_future(run.result())
            await asyncio.sleep(0)
            impatient.cancel()
            await asyncio.wait([impatient])
            await run.cancel()
            assert not run.takes("interrupt")
            return (await patient).status

    assert play(scene()) == "cancelled"


def test_a_refusal_is_told_after_the_step_it_rests_on() -> None:
    known = graph("""
        {trellis: 1, name: k, fields: {x: {type: string, optional: true}, n: {type: integer, optional: true}}, start: a,
         nodes: {a: {ask: {text: x}, to: b}, b: {ask: {int: n}, to: $end}}}
    """)

    async def scene() -> tuple[list[bool], list[tuple[int, str, Any]]]:
        async with Host() as host:
            run = await host.start(known)
            telling = asyncio.create_task(lines_of(run))
            await asyncio.sleep(0)
            taken = await asyncio.gather(run.answer("a", "x"), run.answer("b", "bad"))
            await run.answer("b", "3")
            asked = [line for line in await telling if line["type"] == "ask"]
            return list(taken), [(line["seq"], line["node"], line.get("reason")) for line in asked]

    assert play(scene()) == ([True, False], [(3, "a", None), (7, "b", None), (8, "b", "not a whole number: 'bad'")])


def test_a_call_for_whose_beginning_the_journal_has_no_room_is_not_made_and_other_runs_go_on() -> None:
    called: list[str] = []

    async def once() -> None:
        called.append("once")

    async def scene() -> tuple[str, object, str]:
        tools = Dispatcher()
        tools.register("once", once, effect="at_most_once")
        full = graph("{trellis: 1, name: full, limits: {journal: 150B}, nodes: {a: {do: once, to: $end}}}")
        async with Host("memory://", tools) as host:
            outcome = await (await host.start(full)).result()
            assert called == []
            other = await host.start(graph("{trellis: 1, name: other, nodes: {a: {do: once, to: $end}}}"))
            return outcome.status, (outcome.error or {}).get("code"), (await other.result()).status

    assert play(scene()) == ("failed", "journal_limit", "completed")
    assert called == ["once"]
