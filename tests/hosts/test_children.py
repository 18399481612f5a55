"""Child runs: begun once whoever drives the run above, ended with it, and taken back where it goes on without them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, cast

import pytest

from tests.hosts.scenes import play
from trellis.dispatch import Dispatcher
from trellis.engine import Step, fold, start
from trellis.errors import AnswerNeeded, Refused, RunOwned, StoreUnavailable
from trellis.hosts import operations, sending
from trellis.hosts.commands import Answer, CancelRun, Command, Reply, Signal
from trellis.hosts.local import Host, Run
from trellis.hosts.rows import first_row
from trellis.hosts.sending import send
from trellis.hosts.short import run as short_run
from trellis.model.actions import StartChild
from trellis.model.codec import decode_event, encode_event
from trellis.model.events import RunStarted
from trellis.model.graph import Graph
from trellis.project import load
from trellis.stores import open_store
from trellis.stores.base import Store
from trellis.testing.clocks import ManualClock

ABOVE = """
trellis: 1
name: above
start: first
fields: {verdict: {type: string, optional: true}}
nodes:
  first: {do: work, with: {n: 1}, undo: {do: undo, with: {n: 1}}, to: review}
  review: {use: ./review.yaml, with: {what: site}, save: verdict, to: last}
  last: {say: "{{ verdict }}", to: $end}
"""
LATER = ABOVE.replace("start: first", "start: first\nsignals: {go: {}}").replace(
    "do: work, with: {n: 1}, undo: {do: undo, with: {n: 1}}", "wait: {signal: go}"
)
REVIEW = """
trellis: 1
name: review
start: look
fields: {what: {type: string}, answer: {type: string, optional: true}}
nodes:
  look: {do: work, with: {n: 2}, undo: {do: undo, with: {n: 2}}, to: ask}
  ask: {say: "Is {{ what }} fine?", ask: {text: answer}, to: done}
  done: {end: {status: ok, result: answer}}
"""


class Tools:
    def __init__(self) -> None:
        self.calls: list[tuple[str, int, str]] = []
        self.dispatcher = Dispatcher()
        self.dispatcher.register("work", self.work)
        self.dispatcher.register("undo", self.undo)

    async def work(self, n: int, *, request: Any) -> int:
        self.calls.append(("work", n, request.idempotency_key))
        return n

    async def undo(self, n: int, *, request: Any) -> None:
        self.calls.append(("undo", n, request.idempotency_key))

    @property
    def done(self) -> list[tuple[str, int]]:
        return [(what, n) for what, n, _ in self.calls]


def graph(folder: Path, above: str = ABOVE, review: str = REVIEW) -> Graph:
    (folder / "review.yaml").write_text(review)
    (folder / "above.yaml").write_text(above)
    return load(folder / "above.yaml", cache=False)


async def asked(run: Run, child: str = "r/review/2") -> Run:
    """The child run, once it asks."""
    async for line in run.events():
        if line["type"] == "child.started" and line["child"] == child:
            below = await run.child(child)
            assert below is not None
            async for told in below.events(whole=True):
                if told["type"] == "ask":
                    return below
    raise AssertionError("the run ended")


def test_a_result_comes_back_and_keys_of_the_child_begin_with_its_id(tmp_path: Path) -> None:
    tools = Tools()
    outcome = short_run(graph(tmp_path), answers={"review.ask": "yes"}, dispatcher=tools.dispatcher, id="r")
    assert (outcome.status, outcome.fields) == ("completed", {"verdict": "yes"})
    assert tools.calls == [("work", 1, "r/first/1"), ("work", 2, "r/review/2/look/1")]


def test_answers_may_go_by_the_name_that_a_node_has_in_its_own_graph(tmp_path: Path) -> None:
    made = graph(tmp_path)
    assert short_run(made, answers={"ask": "yes"}, dispatcher=Tools().dispatcher).fields == {"verdict": "yes"}
    with pytest.raises(AnswerNeeded, match=r"review\.ask"):
        short_run(made, answers={"asks": "yes"}, dispatcher=Tools().dispatcher)


@pytest.mark.parametrize("kind", ["sqlite:///runs.db", "file:runs"])
def test_a_child_that_ended_while_nobody_drove_the_run_above_is_not_run_again(tmp_path: Path, kind: str) -> None:
    tools, made = Tools(), graph(tmp_path)

    async def scene() -> tuple[str, dict[str, Any]]:
        async with Host(kind, tools.dispatcher, root=str(tmp_path)) as host:
            await asked(await host.start(made, id="r"))
        (tmp_path / "review.yaml").write_text("trellis: 1\n")  # what runs keeps what it needs
        async with Host(kind, tools.dispatcher, root=str(tmp_path)) as host:
            child = await host.resume("r/review/2")
            await child.answer("ask", "yes")
            assert (await child.result()).status == "completed"
        async with Host(kind, tools.dispatcher, root=str(tmp_path)) as host:
            outcome = await (await host.resume("r")).result()
        return outcome.status, outcome.fields

    assert play(scene()) == ("completed", {"verdict": "yes"})
    assert tools.done == [("work", 1), ("work", 2)]


def test_a_run_that_is_taken_up_takes_up_its_child(tmp_path: Path) -> None:
    tools, made = Tools(), graph(tmp_path)

    async def scene() -> str:
        async with Host("sqlite:///runs.db", tools.dispatcher, root=str(tmp_path)) as host:
            await asked(await host.start(made, id="r"))
        async with Host("sqlite:///runs.db", tools.dispatcher, root=str(tmp_path)) as host:
            run = await host.resume("r")
            child = await run.child("r/review/2")
            assert child is not None
            await child.answer("ask", "fine")
            return str((await run.result()).fields["verdict"])

    assert play(scene()) == "fine"
    assert tools.done == [("work", 1), ("work", 2)]


def test_who_is_cancelled_while_nobody_drives_it_ends_with_its_child(tmp_path: Path) -> None:
    tools, made = Tools(), graph(tmp_path)

    async def scene() -> list[tuple[str, str]]:
        async with Host("sqlite:///runs.db", tools.dispatcher, root=str(tmp_path)) as host:
            await asked(await host.start(made, id="r"))
        store = open_store("sqlite:///runs.db", root=str(tmp_path))
        reply = await send(store, "r", CancelRun("enough"))
        assert (reply.status, reply.code) == ("cancelled", "")
        rows = [(row.run, row.status) for row in await store.rows()]
        await store.close()
        return sorted(rows)

    assert play(scene()) == [("r", "cancelled"), ("r/review/2", "cancelled")]
    assert tools.done == [("work", 1), ("work", 2)]  # nothing is undone


def test_a_child_that_is_left_while_nobody_drives_it_takes_no_answer_any_more(tmp_path: Path) -> None:
    above = ABOVE.replace("save: verdict, to: last", "save: verdict, upon: {interrupt: last}, to: last")
    tools, made = Tools(), graph(tmp_path, above.replace('say: "{{ verdict }}"', "say: over"))

    async def scene() -> tuple[str, str, str]:
        async with Host("sqlite:///runs.db", tools.dispatcher, root=str(tmp_path)) as host:
            await asked(await host.start(made, id="r"))
        store = open_store("sqlite:///runs.db", root=str(tmp_path))
        assert (await send(store, "r", Signal("interrupt"))).code == ""
        late = await send(store, "r/review/2", Answer("ask", "fine"))
        await store.close()
        async with Host("sqlite:///runs.db", tools.dispatcher, root=str(tmp_path)) as host:
            run = await host.resume("r")
            return late.code, (await run.result()).status, (await (await host.resume("r/review/2")).result()).status

    assert play(scene()) == ("not_asked", "completed", "rolled_back")
    assert tools.done == [("work", 1), ("work", 2), ("undo", 2)]


def test_a_child_that_lost_takes_back_what_it_did_and_the_run_above_ends_after_it(tmp_path: Path) -> None:
    above = ABOVE.replace(
        "review: {use: ./review.yaml, with: {what: site}, save: verdict, to: last}",
        "review: {race: {a: {use: ./review.yaml, with: {what: site}}, b: {wait: {signal: go}}}, to: last}",
    ).replace('say: "{{ verdict }}"', "say: over")
    above = above.replace("start: first", "start: first\nsignals: {go: {}}")
    tools, made = Tools(), graph(tmp_path, above)

    async def scene() -> tuple[str, str]:
        async with Host("memory://", tools.dispatcher) as host:
            run = await host.start(made, id="r")
            child = await asked(run, "r/review.a/3")
            await run.signal("go")
            return (await run.result()).status, (await child.result()).status

    assert play(scene()) == ("completed", "rolled_back")
    assert tools.done == [("work", 1), ("work", 2), ("undo", 2)]


def test_a_child_that_could_not_be_told_to_end_is_told_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made, send_on, failed = graph(tmp_path), Host.send, list[Command]()

    async def failing(host: Host, run: str, command: Command) -> Reply:
        if run != "r" and not failed:
            failed.append(command)
            raise StoreUnavailable("memory://", "not now")
        return await send_on(host, run, command)

    async def scene() -> tuple[str, str]:
        async with Host("memory://", Tools().dispatcher) as host:
            run = await host.start(made, id="r")
            child = await asked(run)
            monkeypatch.setattr(Host, "send", failing)
            await run.cancel("enough")
            return (await run.result()).status, (await child.result()).status

    assert play(scene()) == ("cancelled", "cancelled")
    assert failed == [CancelRun("the run above it ends")]


def test_a_rollback_takes_back_the_child_first(tmp_path: Path) -> None:
    above = ABOVE.replace("save: verdict, to: last", "save: verdict, upon: {interrupt: $rollback}, to: last")
    tools, made = Tools(), graph(tmp_path, above)

    async def scene() -> str:
        async with Host("memory://", tools.dispatcher) as host:
            run = await host.start(made, id="r")
            await asked(run)
            await run.signal("interrupt")
            return (await run.result()).status

    assert play(scene()) == "rolled_back"
    assert tools.done == [("work", 1), ("work", 2), ("undo", 2), ("undo", 1)]


def test_a_retry_is_another_child_and_its_calls_have_other_keys(tmp_path: Path) -> None:
    review = REVIEW.replace("to: ask}", "to: [{if: what == 'none', to: ask}, {to: $fail}]}", 1)
    above = ABOVE.replace(
        "save: verdict, to: last", "retry: {max_attempts: 2, initial_interval: 10ms}, catch: {failed: last}, to: last"
    ).replace("{{ verdict }}", "{{ default(error.message, verdict) }}")
    tools, made = Tools(), graph(tmp_path, above, review)

    async def scene() -> list[Any]:
        async with Host("memory://", tools.dispatcher) as host:
            run = await host.start(made, id="r")
            return [line["text"] async for line in run.events() if line["type"] == "say"]

    assert play(scene()) == ["node 'look' went to $fail"]
    assert [key for _, _, key in tools.calls] == ["r/first/1", "r/review/2/look/1", "r/review/2.2/look/1"]


async def killed(_store: object, _run: str, step: Step, _clock: object, _vault: object) -> Step:
    """The sender of a cancel is killed once the run above has it."""
    return step


def test_whoever_takes_up_a_run_that_is_ending_ends_its_child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "_end_children", killed)
    tools, made = Tools(), graph(tmp_path)

    async def scene() -> list[tuple[str, str]]:
        store = open_store("sqlite:///runs.db", root=str(tmp_path))
        async with Host(store, tools.dispatcher) as host:
            await asked(await host.start(made, id="r"))
        assert (await send(store, "r", CancelRun("enough"))).status == "running"
        with pytest.raises(Refused, match=r"run 'r' had ended by event 3: cancelled; fork it at an earlier one"):
            await operations.fork(store, "r")
        async with Host(store, tools.dispatcher) as host:
            await (await host.resume("r")).result()
        rows = [(row.run, row.status) for row in await store.rows()]
        await store.close()
        return sorted(rows)

    assert play(scene()) == [("r", "cancelled"), ("r/review/2", "cancelled")]


def test_a_child_that_was_never_begun_is_not_begun_to_be_cancelled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "_end_children", killed)
    tools, made = Tools(), graph(tmp_path, LATER)

    async def scene() -> tuple[str, list[str]]:
        store = open_store("sqlite:///runs.db", root=str(tmp_path))
        async with Host(store, tools.dispatcher) as host:
            await host.start(made, id="r")
        await send(store, "r", Signal("go"))  # now it wants a child, and nobody drives it
        await send(store, "r", CancelRun())
        async with Host(store, tools.dispatcher) as host:
            status = (await (await host.resume("r")).result()).status
        rows = [row.run for row in await store.rows()]
        await store.close()
        return status, rows

    assert play(scene()) == ("cancelled", ["r"])


def test_a_child_of_which_it_is_known_that_it_never_was_is_not_begun_later(tmp_path: Path) -> None:
    above = ABOVE.replace("start: first", "start: first\nsignals: {go: {}}").replace(
        "do: work, with: {n: 1}, undo: {do: undo, with: {n: 1}}", "wait: {signal: go}"
    )
    above = above.replace("to: last}", "timeout: 1s, catch: {timeout: first}, to: last}")
    tools, made, clock = Tools(), graph(tmp_path, above), ManualClock()

    async def scene() -> tuple[list[str], list[str]]:
        store = open_store("memory://")
        async with Host(store, tools.dispatcher, clock=clock) as host:
            await host.start(made, id="r")
        await send(store, "r", Signal("go"), clock=clock)  # now it wants a child, and nobody drives it
        clock.advance(2)
        async with Host(store, tools.dispatcher, clock=clock) as host:
            run = await host.resume("r")
            while run.state.open:
                await asyncio.sleep(0)
            steps = fold(made, [decode_event(event) for event in await store.read("r")])
            (wanted,) = [request for step in steps for request in step.requests if isinstance(request, StartChild)]
            host._driver.children.begin(host._driver.runs["r"], wanted)  # who takes up a run may be so late
            for _ in range(20):
                await asyncio.sleep(0)
            found = [row.run for row in await store.rows()], sorted(run.state.position)
        await store.close()
        return found

    assert play(scene()) == (["r"], ["first"])


def test_a_run_of_somebody_else_under_its_id_is_no_child(tmp_path: Path) -> None:
    tools, made = Tools(), graph(tmp_path)

    async def scene() -> str:
        async with Host("memory://", tools.dispatcher) as host:
            await host.start(load(tmp_path / "review.yaml", cache=False), {"what": "x"}, id="r/review/2")
            outcome = await (await host.start(made, id="r")).result()
            assert outcome.error is not None
            return str(outcome.error["message"])

    assert play(scene()) == "run 'r/review/2' was started by somebody else, and the run above it wants one of this id"


def test_a_run_of_somebody_else_does_not_end_with_the_run_that_wants_its_id(tmp_path: Path) -> None:
    made = graph(tmp_path, LATER)

    async def scene() -> list[tuple[str, str]]:
        store = open_store("memory://")
        async with Host(store, Tools().dispatcher) as host:
            await host.start(load(tmp_path / "review.yaml", cache=False), {"what": "x"}, id="r/review/2")
            await host.start(made, id="r")
        await send(store, "r", Signal("go"))
        await send(store, "r", CancelRun())
        return sorted((row.run, row.status) for row in await store.rows())

    assert play(scene()) == [("r", "cancelled"), ("r/review/2", "running")]


def test_a_child_that_was_written_when_nobody_waited_for_it_any_more_ends_before_it_does_anything(
    tmp_path: Path,
) -> None:
    tools, made = Tools(), graph(tmp_path)

    async def scene() -> tuple[str, str, str]:
        store = open_store("memory://")
        async with Host(store, tools.dispatcher) as host:
            run = await host.start(made, id="r")
            await (await asked(run)).answer("ask", "yes")
            await run.result()
            review = load(tmp_path / "review.yaml", cache=False)
            begun = RunStarted(1.0, "r/review/3", review.hash, {"what": "x"}, request="r:9:0", parent="r", depth=1)
            row = first_row(review, start(review, begun).state, begun.request)
            await store.create(row, [encode_event(begun)], {review.hash: review.data})
            await store.release("r/review/3")
            tools.calls.clear()
            late = await (await host.resume("r/review/3")).result()
        await store.close()
        assert late.error is not None
        return late.status, str(late.error["message"]), (await run.result()).status

    assert play(scene()) == ("cancelled", "the run above it ends", "completed")
    assert tools.done == []


class Taken:
    """A store from which another host has taken the run `r`, as whoever claims it is told."""

    def __init__(self) -> None:
        self.store = open_store("memory://")

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    async def claim(self, run: str) -> int:
        if run == "r":
            raise RunOwned(run, "another host")
        return await self.store.claim(run)


def test_a_host_that_has_lost_the_run_above_does_nothing_for_the_child_that_it_begins(tmp_path: Path) -> None:
    tools, made = Tools(), graph(tmp_path)

    async def scene() -> tuple[set[str], list[str]]:
        store = Taken()
        async with Host(cast("Store", store), tools.dispatcher) as host:
            run = await host.start(made, id="r")
            with pytest.raises(RunOwned):
                await run.result()
            for _ in range(20):
                await asyncio.sleep(0)
            return host.running, [row.run for row in await store.rows()]

    assert play(scene()) == (set(), ["r/review/2", "r"])
    assert tools.done == [("work", 1)]
