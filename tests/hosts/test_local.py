"""What a host promises: recorded before done, resumed where it was, refused without a trace."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.hosts.authored import Failing, each_nth, graph, kinds
from tests.hosts.scenes import Doing, lines_of, play, until_called
from trellis.errors import (
    FieldsNeeded,
    InvalidField,
    PermissionNeeded,
    Refused,
    RunClosed,
    RunConflict,
    StoreFull,
    UnknownRun,
    UnknownTool,
)
from trellis.hosts.commands import Answer, Signal
from trellis.hosts.journal import inspect_run
from trellis.hosts.local import Host
from trellis.hosts.sending import send
from trellis.model.codec import decode_event
from trellis.stores import open_store
from trellis.stores.memory import MemoryStore
from trellis.testing.clocks import ManualClock

ASKING = graph("""
trellis: 1
name: asking
fields:
  env: {type: string, enum: [staging, prod], optional: true}
nodes:
  choose: {say: Which one?, ask: {choice: env}, to: use}
  use: {do: use, with: {env: "{{ env }}"}, to: $end}
start: choose
""")
CALLING = graph("""
trellis: 1
name: calling
start: a
fields: {x: {type: integer, default: 0}}
nodes:
  a: {do: work, with: {n: 1}, save: x, to: b}
  b: {do: work, with: {n: "{{ x }}"}, save: x, to: $end}
""")


@pytest.mark.covers("GT01", "TR01")
def test_a_run_is_told_line_by_line_and_ends_with_run_finished() -> None:
    async def scene() -> list[dict[str, Any]]:
        async with Host(dispatcher=Doing().tools, clock=ManualClock(0.0)) as host:
            run = await host.start(ASKING, id="r-1")
            telling = asyncio.create_task(lines_of(run))
            await run.answer("choose", " PROD ")
            assert (await run.result()).status == "completed"
            return await telling

    head = {"v": 1, "at": "1970-01-01T00:00:00.000Z", "run": "r-1"}
    call = {"node": "use", "tool": "use", "attempt": 1, "key": "r-1/use/2"}
    assert play(scene()) == [
        head | {"seq": 1, "type": "run.started", "graph": ASKING.hash, "name": "asking", "fields": {}},
        head | {"seq": 2, "type": "node.entered", "node": "choose"},
        head | {"seq": 3, "type": "say", "node": "choose", "text": "Which one?"},
        head
        | {"seq": 4, "type": "ask", "node": "choose", "field": "env", "kind": "choice", "options": ["staging", "prod"]},
        head | {"seq": 5, "type": "fields.changed", "fields": {"env": "prod"}},
        head | {"seq": 6, "type": "node.left", "node": "choose"},
        head | {"seq": 7, "type": "node.entered", "node": "use"},
        head | {"seq": 8, "type": "tool.called"} | call,
        head | {"seq": 9, "type": "tool.returned"} | call | {"value": "used prod"},
        head | {"seq": 10, "type": "node.left", "node": "use"},
        head
        | {
            "seq": 11,
            "type": "run.finished",
            "status": "completed",
            "result": None,
            "fields": {"env": "prod"},
            "states": [],
            "visited": ["choose", "use"],
        },
    ]


def test_who_listens_late_hears_the_same_lines() -> None:
    async def scene() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        async with Host(dispatcher=Doing().tools) as host:
            run = await host.start(CALLING)
            early = asyncio.create_task(lines_of(run))
            await run.result()
            return await early, await lines_of(run)

    early, late = play(scene())
    assert early == late
    assert early[-1]["type"] == "run.finished"


def test_an_answer_that_does_not_fit_is_asked_again_with_the_reason_and_not_recorded() -> None:
    async def scene() -> tuple[list[dict[str, Any]], int]:
        store = MemoryStore()
        async with Host(store, Doing().tools) as host:
            run = await host.start(ASKING)
            telling = asyncio.create_task(lines_of(run))
            await asyncio.sleep(0)
            await run.answer("choose", "dev")
            recorded = len(await store.read(run.id))
            await run.answer("choose", "staging")
            return await telling, recorded

    lines, recorded = play(scene())
    asks = [line for line in lines if line["type"] == "ask"]
    assert [line.get("reason") for line in asks] == [None, "choose one of: staging, prod"]
    assert [line["seq"] for line in lines] == sorted({line["seq"] for line in lines})
    assert recorded == 1


def test_what_cannot_be_answered_signalled_or_cancelled_is_refused() -> None:
    async def scene() -> list[str]:
        said: list[str] = []
        async with Host(dispatcher=Doing().tools) as host:
            run = await host.start(ASKING, id="r")
            for call in (
                run.answer("use", "x"),
                run.signal("nothing"),
                run.signal("interrupt"),
            ):
                with pytest.raises(Refused) as refused:
                    await call
                said.append(str(refused.value))
            assert not run.takes("interrupt")
            assert await run.answer("choose", float("nan")) is False
            await run.cancel("enough")
            with pytest.raises(RunClosed) as closed:
                await run.cancel()
            said.append(str(closed.value))
            outcome = await run.result()
            assert (outcome.status, outcome.error) == (
                "cancelled",
                {"code": "cancelled", "message": "enough", "node": "", "attempt": 1},
            )
        return said

    assert play(scene())[:3] == [
        "node 'use' does not ask; asking now: choose",
        "no signal named 'nothing'",
        "nothing takes signal 'interrupt' now",
    ]


def test_start_values_are_checked_before_there_is_a_run() -> None:
    needing = graph("""
        {trellis: 1, name: needing, fields: {who: {type: string}, n: {type: integer, default: 1, check: value > 0}},
         nodes: {a: {say: "Hello {{ who }}", to: $end}}}
    """)
    process = graph("""
        {trellis: 1, name: p, tools: {t: {process: [ls]}}, nodes: {a: {do: t, to: $end}}}
    """)

    async def scene() -> list[str]:
        said = []
        async with Host(store := MemoryStore()) as host:
            for kind, call in (
                (FieldsNeeded, host.start(needing)),
                (InvalidField, host.start(needing, {"who": 7})),
                (InvalidField, host.start(needing, {"who": "a", "n": 0})),
                (InvalidField, host.start(needing, {"whom": "a", "who": "b"})),
                (PermissionNeeded, host.start(process)),
                (UnknownTool, host.start(CALLING)),
                (UnknownRun, host.resume("nobody")),
            ):
                with pytest.raises(kind) as raised:
                    await call
                said.append(str(raised.value))
            assert await store.rows() == []
        return said

    assert play(scene()) == [
        "graph 'needing' needs a value at start for 'who': --set who=…",
        "field 'who': expected string, found integer 7",
        "field 'n': 0 does not pass its check `value > 0`",
        "field 'whom': the graph has no such field; did you mean 'who'?",
        "process tools need permission: 't'; run again with --allow process",
        "graph 'calling' calls tools that nobody declares or registers: 'work'",
        "unknown run 'nobody'",
    ]


@pytest.mark.covers("TR07", "GT01")
@pytest.mark.parametrize("store", ["memory", "sqlite"])
def test_a_run_goes_on_in_another_host_where_the_first_one_left_it(store: str, tmp_path: Path) -> None:
    kept = MemoryStore() if store == "memory" else None
    url = f"sqlite:///{tmp_path}/runs.db"

    async def first(doing: Doing) -> None:
        async with Host(kept or url, doing.tools) as host:
            await host.start(ASKING, id="r")

    async def second(doing: Doing) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        async with Host(kept or url, doing.tools) as host:
            run = await host.resume("r")
            telling = asyncio.create_task(lines_of(run))
            await run.answer("choose", "prod")
            told = await telling
            again = await lines_of(await host.resume("r"))
            return told, again

    doing = Doing()
    play(first(doing))
    assert doing.calls == []
    told, again = play(second(doing))
    assert kinds(told)[:4] == ["say choose", "ask choose", "fields.changed", "node.left choose"]
    assert told[-1]["visited"] == ["choose", "use"]
    assert kinds(again) == ["run.finished"]
    assert {**again[0], "seq": 0} == {**told[-1], "seq": 0}
    assert [call[:2] for call in doing.calls] == [("use", "r/use/2")]


def test_an_id_names_one_run_of_one_graph() -> None:
    async def scene() -> int:
        doing = Doing()
        async with Host(dispatcher=doing.tools) as host:
            runs = await asyncio.gather(*(host.start(CALLING, id="x") for _ in range(20)))
            assert {(await run.result()).fields["x"] for run in runs} == {3}
            with pytest.raises(RunConflict, match="run 'x' was started with another definition of 'calling'"):
                await host.start(ASKING, id="x")
        return len(doing.calls)

    assert play(scene()) == 2


def test_nothing_leaves_before_its_event_is_stored_and_the_run_resumes_after_the_store_failed() -> None:
    store = MemoryStore()
    doing = Doing()

    async def failing() -> None:
        broken = Failing(store, each_nth(2, StoreFull("memory://", "no space left")))
        async with Host(broken, doing.tools) as host:  # type: ignore[arg-type]
            run = await host.start(ASKING, id="r")
            telling = asyncio.create_task(lines_of(run))
            await run.answer("choose", "prod")
            with pytest.raises(StoreFull):
                await run.result()
            with pytest.raises(StoreFull):
                await telling

    async def again() -> str:
        async with Host(store, doing.tools) as host:
            return (await (await host.resume("r")).result()).status

    play(failing())
    assert len(doing.calls) == 1, "the answer was stored and its call left; the call's result was not stored"
    assert play(again()) == "completed"
    assert {call[1] for call in doing.calls} == {"r/use/2"}, "the call was made again, under the same key"


def test_an_action_that_may_run_at_most_once_is_uncertain_after_its_host_died() -> None:
    once = graph("""
        {trellis: 1, name: once, nodes: {a: {do: once, catch: {uncertain: told}, to: $end},
         told: {say: "{{ error.code }} at {{ error.node }}", to: $end}}, start: a}
    """)
    store, doing = MemoryStore(), Doing()

    async def dying() -> None:
        async with Host(store, doing.tools) as host:
            await host.start(once, id="r")
            await until_called(doing)

    async def again() -> list[str]:
        async with Host(store, doing.tools) as host:
            lines = await lines_of(await host.resume("r"))
            return [line["text"] for line in lines if line["type"] == "say"]

    play(dying())
    assert play(again()) == ["uncertain at a"]
    assert len(doing.calls) == 1


def test_a_call_that_may_be_made_at_most_once_is_recorded_before_it_is_made() -> None:
    once = graph("{trellis: 1, name: once, nodes: {a: {do: once, to: $end}}, start: a}")
    store, doing = MemoryStore(), Doing()
    kept: list[list[str]] = []

    async def first() -> None:
        async with Host(store, doing.tools) as host:
            await host.start(once, id="r")
            await until_called(doing)
            kept.append([type(decode_event(event)).__name__ for event in await store.read("r")])

    play(first())
    assert kept == [["RunStarted", "AttemptBegun"]]


def test_a_call_that_may_be_made_at_most_once_is_made_by_the_next_host_where_none_began_it() -> None:
    asking = graph("""
        {trellis: 1, name: k, start: a, fields: {x: {type: string, optional: true}},
         nodes: {a: {ask: {text: x}, to: once}, once: {do: once, to: $end}}}
    """)
    store, doing = MemoryStore(), Doing()
    doing.gate.set()

    async def scene() -> tuple[list[str], str]:
        async with Host(store, doing.tools) as host:
            await host.start(asking, id="r")
        await send(store, "r", Answer("a", "x"))
        before = list(doing.nodes)
        async with Host(store, doing.tools) as host:
            run = await host.resume("r")
            return before, (await run.result()).status

    assert play(scene()) == ([], "completed")
    assert doing.nodes == ["once"]


def test_a_call_that_was_cancelled_before_it_was_begun_is_not_uncertain() -> None:
    known = graph("""
        {trellis: 1, name: k, start: a, upon: {interrupt: $rollback},
         nodes: {a: {ask: {text: x}, to: once}, once: {do: once, undo: {do: work, with: {n: 1}}, to: $end}},
         fields: {x: {type: string, optional: true}}}
    """)
    store, doing = MemoryStore(), Doing()

    async def scene() -> str:
        async with Host(store, doing.tools) as host:
            await host.start(known, id="r")
        await send(store, "r", Answer("a", "x"))
        await send(store, "r", Signal("interrupt"))
        async with Host(store, doing.tools) as host:
            return (await (await host.resume("r")).result()).status

    assert play(scene()) == "rolled_back"
    assert doing.nodes == [], "nothing was made, so nothing is undone"


def test_timers_ring_on_the_host_s_clock_and_are_armed_again_after_a_resume() -> None:
    waiting = graph("""
        {trellis: 1, name: waiting, fields: {x: {type: string, optional: true}}, start: a,
         nodes: {a: {ask: {text: x}, timeout: 30d, catch: {timeout: late}, to: $end}, late: {end: failed}}}
    """)
    store = MemoryStore()

    async def begin(clock: ManualClock) -> None:
        async with Host(store, clock=clock) as host:
            await host.start(waiting, id="r")

    async def end(clock: ManualClock) -> tuple[str, float | None]:
        async with Host(store, clock=clock) as host:
            run = await host.resume("r")
            assert run.state.position == {"a": 1}
            clock.advance(29 * 86_400)
            await asyncio.sleep(0)
            assert not run.closed
            clock.advance(86_400)
            return (await run.result()).status, clock.next_due

    clock = ManualClock()
    play(begin(clock))
    assert play(end(clock)) == ("failed", None)


def test_cancelling_a_run_stops_its_work() -> None:
    stuck = graph("{trellis: 1, name: s, nodes: {a: {do: stuck, to: $end}}}")

    async def scene() -> tuple[str, int]:
        doing, before = Doing(), asyncio.all_tasks()
        async with Host(dispatcher=doing.tools) as host:
            run = await host.start(stuck)
            await until_called(doing)
            await run.cancel()
            status = (await run.result()).status
        return status, len(asyncio.all_tasks() - before)

    assert play(scene()) == ("cancelled", 0)


def test_a_failed_run_is_a_value() -> None:
    broken = graph("{trellis: 1, name: b, nodes: {a: {do: broken, to: $end}}}")

    async def scene() -> Any:
        async with Host(dispatcher=Doing().tools) as host:
            return await (await host.start(broken)).result()

    outcome = play(scene())
    assert (outcome.status, outcome.ok, outcome.error) == (
        "failed",
        False,
        {"code": "nogood", "message": "it is broken", "node": "a", "attempt": 1},
    )


def test_a_store_shows_a_run_without_owning_it() -> None:
    async def scene() -> tuple[str, list[str], str]:
        store = MemoryStore()
        async with Host(store, Doing().tools) as host:
            run = await host.start(ASKING, id="r")
            known, state, visited = await inspect_run(store, run.id)
            row = await store.row("r")
            assert row is not None
            return known.name, visited, f"{state.status} {row.status} {row.position}"

    assert play(scene()) == ("asking", ["choose"], "running running ('choose',)")


def test_five_hundred_runs_share_one_host_and_none_is_lost(tmp_path: Path) -> None:
    async def scene() -> set[Any]:
        async with Host(f"sqlite:///{tmp_path}/runs.db", Doing().tools) as host:
            runs = [await host.start(CALLING) for _ in range(500)]
            return {((await run.result()).status, (await run.result()).fields["x"]) for run in runs}

    async def rows() -> set[tuple[str, int]]:
        store = open_store(f"sqlite:///{tmp_path}/runs.db")
        try:
            return {(row.status, row.revision) for row in await store.rows()}
        finally:
            await store.close()

    assert play(scene()) == {("completed", 3)}
    assert play(rows()) == {("completed", 3)}
