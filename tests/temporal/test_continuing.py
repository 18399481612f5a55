"""A run on Temporal outlives its history: it goes on in another execution, and nothing is lost and nothing made twice."""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any

import msgspec
import pytest
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import Replayer

from tests.hosts.authored import graph
from tests.servers import private_temporal
from tests.temporal.stage import GENEROUS_S, Broken, Made, Stage, stage
from trellis import Dispatcher, Host, engine
from trellis.cli.looking import look
from trellis.engine.snapshot import encode_state
from trellis.errors import StoreUnavailable, UnknownRun
from trellis.hosts.clock import SystemClock
from trellis.hosts.commands import Answer, Signal
from trellis.hosts.temporal import continuing, deployments, interpreter, wire, workflow
from trellis.hosts.temporal.address import Address, connect
from trellis.hosts.temporal.continuing import Continuing
from trellis.hosts.temporal.deployments import BUILD, current
from trellis.hosts.temporal.host import TemporalHost
from trellis.hosts.temporal.kept import TemporalRuns
from trellis.hosts.temporal.messages import SEMANTICS, Begin, Carried, Journal
from trellis.hosts.temporal.ordering import Ordered
from trellis.hosts.temporal.wire import Wire
from trellis.hosts.temporal.worker import TemporalWorker
from trellis.hosts.temporal.workflow import WORKFLOWS
from trellis.hosts.vault import Vault
from trellis.model.events import RunStarted
from trellis.model.graph import Graph

SUGGESTED = 20
"""From so many events of a history on, the server of these tests suggests a new one."""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    # What is removed is gone once the server has noted that it is done with all else of it, every 30 seconds unless said.
    soon = {f"history.{queue}ProcessorUpdateAckInterval": "100ms" for queue in ("transfer", "visibility", "timer")}
    with private_temporal({"limit.historyCount.suggestContinueAsNew": SUGGESTED, **soon}) as server:
        yield server.address


def on(address: str, scene: Callable[[Stage], Awaitable[None]], **tools: Any) -> None:
    async def main() -> None:
        async with stage(address, **tools) as here:
            await scene(here)

    asyncio.run(asyncio.wait_for(main(), 2 * GENEROUS_S))


async def executions(client: Client, run: str) -> list[Sequence[HistoryEvent]]:
    """The history of each execution, the newest first."""
    found, execution = list[Sequence[HistoryEvent]](), ""
    while True:
        found.append((await client.get_workflow_handle(run, run_id=execution or None).fetch_history()).events)
        execution = found[-1][0].workflow_execution_started_event_attributes.continued_execution_run_id
        if not execution:
            return found


LOOP = graph("""
    trellis: 1
    name: loop
    start: step
    fields: {n: {type: integer, default: 0}, most: {type: integer}}
    nodes:
      step: {do: count, with: {n: "{{ n }}"}, save: n, to: [{if: n < most, to: step}, {to: $end}]}
""")


def test_a_run_of_many_steps_goes_on_in_one_execution_after_the_other(address: str) -> None:
    made_of = Counter[int]()

    def count(n: int) -> int:
        made_of[n] += 1
        return n + 1

    async def scene(here: Stage) -> None:
        made = await here.start(LOOP, most=14)
        ended = await made.ended()
        assert (ended.status, ended.fields["n"], ended.visited) == ("completed", 14, ["step"] * 14)
        sizes = [len(events) for events in await executions(here.client, made.id)]
        assert len(sizes) > 2
        assert max(sizes) < 3 * SUGGESTED
        journal = await made.journal()
        assert (journal.base > 0, journal.before != "", journal.closed) == (True, True, True)

    on(address, scene, count=count)
    assert made_of == Counter(range(14))


WIDE = graph("""
    trellis: 1
    name: wide
    start: fan
    fields: {count: {type: integer}}
    nodes:
      fan: {each: {in: range(count), do: mark, with: {n: "{{ item }}"}, max: 4}, to: $end}
""")


def test_a_run_that_has_always_something_under_way_begins_nothing_new_until_that_has_ended(address: str) -> None:
    seen = Counter[int]()

    def mark(n: int) -> int:
        seen[n] += 1
        return n

    async def scene(here: Stage) -> None:
        made = await here.start(WIDE, count=24)
        assert (await made.ended()).status == "completed"
        assert len(await executions(here.client, made.id)) > 1

    on(address, scene, mark=mark)
    assert seen == Counter(range(24))


def test_a_client_follows_a_run_from_one_execution_into_the_next(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    dispatcher = Dispatcher()

    @dispatcher.action("count")
    def count(n: int) -> int:
        return n + 1

    async def lines_of(host: Any, **how: Any) -> list[Any]:
        run = await host.start(LOOP, {"most": 16}, id="followed")
        return [_told(line) async for line in run.events(**how)]

    async def main() -> None:
        url = f"temporal://{address}/default?queue=followed"
        async with Host("memory://", dispatcher) as embedded:
            lines = await lines_of(embedded)
        async with Host(url, dispatcher) as host:
            assert await lines_of(host) == lines
        async with Host(url, dispatcher) as host:
            assert await lines_of(host, whole=True) == lines
        monkeypatch.setattr(Wire, "journal", only_the_last)
        async with Host(url, dispatcher) as host:
            run = await host.resume("followed")
            (last,) = [_told(line) async for line in run.events()]
            assert last | {"seq": 0} == lines[-1] | {"seq": 0}

    whole = Wire.journal

    async def only_the_last(self: Wire, run: str, after: int, execution: str = "") -> Journal:
        if execution:
            raise UnknownRun(run)  # as a server answers that keeps closed executions for a while only
        return await whole(self, run, after)

    asyncio.run(asyncio.wait_for(main(), 2 * GENEROUS_S))


LASTING = graph("""
    trellis: 1
    name: lasting
    start: step
    fields: {n: {type: integer, default: 0}}
    nodes:
      step: {do: count, with: {n: "{{ n }}"}, save: n, to: [{if: n < 14, to: step}, {to: ask}]}
      ask: {ask: {int: n}, to: $end}
""")


def test_a_run_of_several_executions_is_looked_at_without_workers_and_removed_as_one(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def there(client: Client, execution: str) -> bool:
        try:
            await client.get_workflow_handle("lasting", run_id=execution).describe()
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            return False
        return True

    async def main() -> None:
        url = f"temporal://{address}/default?queue=lasting"
        dispatcher = Dispatcher()
        dispatcher.action("count")(lambda n: n + 1)
        async with Host(url, dispatcher) as host:
            run = await host.start(LASTING, id="lasting")
            async for line in run.events():
                if line["type"] == "ask":
                    break
            await run.terminate("late")
        monkeypatch.setattr(wire, "ASK_S", 0.2)
        monkeypatch.setattr(wire, "SOON_S", 0.02)
        client = await Client.connect(address)
        first = (await executions(client, run.id))[-1][0]
        kept = TemporalRuns(url)
        try:
            shown = await look(kept, run.id, last=3)
            assert shown.state.error is not None
            assert (shown.row.status, shown.state.error.message, shown.events) == ("cancelled", "late", [])
            assert (shown.row.created, shown.state.fields["n"] != 0) == (first.event_time.ToMicroseconds() / 1e6, True)
            with pytest.raises(StoreUnavailable):  # an export of its start and its end would be a loss that nobody sees
                await kept.read(run.id)
            parts = await (await kept._wire()).executions(run.id)
            assert len(parts) > 2
            await kept.delete(run.id)
        finally:
            await kept.close()
        for part in parts:
            while await there(client, part):
                pass  # a server removes what it is told to a moment later

    asyncio.run(asyncio.wait_for(main(), 2 * GENEROUS_S))


def _told(line: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in line.items() if name not in ("at", "due")}


def later(most: int) -> Graph:
    return graph(f"""
        trellis: 1
        name: later
        start: ask
        fields: {{n: {{type: integer, default: 0}}, go: {{type: boolean, optional: true}}}}
        nodes:
          ask: {{ask: {{confirm: go}}, to: step}}
          step: {{do: count, with: {{n: "{{{{ n }}}}"}}, save: n, to: [{{if: n < {most}, to: step}}, {{to: $end}}]}}
    """)


def test_a_run_in_a_later_execution_is_as_old_as_it_is_and_goes_by_the_version_that_it_adopted(address: str) -> None:
    url = f"temporal://{address}/default?queue=later"
    dispatcher, vault = Dispatcher(), Vault.from_text("k1=" + "A" * 43 + "=")

    @dispatcher.action("count")
    def count(n: int) -> int:
        return n + 1

    async def main() -> None:
        async with TemporalHost(url, dispatcher, vault=vault) as host:
            run = await host.start(later(12), {}, id="later")
            began = (await host._wire.describe("later")).began
            await run.adopt(later(14))
            await run.answer("ask", "yes")
            assert (await run.result()).fields["n"] == 14
            wire = host._wire
            assert len(await executions(wire.client, "later")) > 2
            found = await wire.describe("later")
            assert (found.began, found.graph) == (began, later(14).hash)

    asyncio.run(asyncio.wait_for(main(), 2 * GENEROUS_S))


TALK = graph("""
    trellis: 1
    name: talk
    start: both
    signals: {go: {}}
    fields: {n: {type: integer, default: 0}}
    nodes:
      both:
        all:
          ask: {start: q, nodes: {q: {ask: {int: n}, timeout: 1h, to: [{if: n < 9, to: q}, {to: $end}]}}}
          hear: {wait: {signal: go}}
          wait: {wait: {time: 1s}}
        to: $end
""")


def test_questions_signals_and_timers_are_waited_for_across_executions_and_an_answer_counts_once(address: str) -> None:
    async def scene(here: Stage) -> None:
        made = await here.start(TALK)
        for number in range(10):
            await made.tell("answer", Answer("both.ask.q", number, id=f"m-{number}"))
            if number < 9:
                await made.tell("answer", Answer("both.ask.q", 9, id="m-0"))
        assert (await made.journal()).base > 0
        await made.tell("signal", Signal("go"))
        ended = await made.ended()
        assert (ended.status, ended.fields, ended.visited.count("both.ask.q")) == ("completed", {"n": 9}, 10)
        assert len(await executions(here.client, made.id)) > 1

    on(address, scene)


def test_of_the_nodes_that_were_entered_the_last_are_carried(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interpreter, "VISITED", 2)

    async def scene(here: Stage) -> None:
        made = await here.start(LOOP, most=8)
        ended = await made.ended()
        journal = await made.journal()
        assert journal.visited == ["step", "step"]
        assert (ended.fields["n"], len(ended.visited)) == (8, 2 + 8 - journal.base)

    on(address, scene, count=lambda n: n + 1)


LAPSED = graph("""
    trellis: 1
    name: lapsed
    start: both
    signals: {stop: {}}
    fields: {n: {type: integer, default: 0}}
    nodes:
      both:
        all:
          late: {do: broken, deadline: 10m, retry: {initial_interval: 1h}, undo: {do: back}}
          parked: {do: unknown, undo: {do: back}}
          ask: {start: q, nodes: {q: {ask: {int: n}, to: [{if: n < 99, to: q}, {to: $end}]}}}
        upon: {stop: $rollback}
        to: $end
""")


@pytest.mark.parametrize("answers", [0, 9])
def test_a_call_that_nobody_makes_any_more_is_carried_as_it_is_and_holds_up_no_rollback(
    address: str, answers: int
) -> None:
    made_of = Counter[str]()

    def fails(tool: str, code: str) -> Callable[[], None]:
        def call() -> None:
            made_of[tool] += 1
            raise Broken(code, retryable=code != "uncertain")

        return call

    async def scene(here: Stage) -> None:
        made = await here.start(LAPSED)
        async with asyncio.timeout(GENEROUS_S):
            while len((await made.journal()).events) < 2:  # the one that is uncertain
                pass
            while made_of["broken"] == 0:
                await made.view()
        for number in range(answers):
            await made.tell("answer", Answer("both.ask.q", number))
        journal = await made.journal()
        assert (journal.base > 0) == (answers > 0)
        assert (await made.view()).uncertain == ["both.parked"]
        await made.tell("signal", Signal("stop"))
        assert (await made.ended()).status == "rolled_back"

    tools = {
        "broken": fails("broken", "busy"),
        "unknown": fails("unknown", "uncertain"),
        "back": lambda: made_of.update(["back"]),
    }
    on(address, scene, **tools)
    # What had failed is not undone, what nobody knows of is.
    assert made_of == {"broken": 1, "unknown": 1, "back": 1}


class Busy:
    """A run of which something is under way, or not."""

    graph, source, state, suspended, quiet = (
        TALK,
        "",
        engine.start(TALK, RunStarted(0.0, "r", TALK.hash)).state,
        False,
        False,
    )
    resumed = stopped = 0

    def carried(self) -> Carried:
        raise AssertionError

    def resume(self) -> None:
        self.resumed += 1

    def stop(self) -> None:
        self.stopped += 1


def test_a_run_goes_on_in_another_execution_once_it_is_quiet_and_in_time_for_what_a_server_keeps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class About:
        length, size = 5_000, 1_000

        def is_continue_as_new_suggested(self) -> bool:
            return True

        def get_current_history_length(self) -> int:
            return self.length

        def get_current_history_size(self) -> int:
            return self.size

    about = About()
    monkeypatch.setattr("temporalio.workflow.info", lambda: about)
    monkeypatch.setattr(continuing, "PATIENCE_S", 0.0)

    async def released(live: Busy, waiting: Continuing) -> bool:
        """Whether what was suspended goes on by itself."""
        waiting.suspend()
        assert live.suspended
        for _ in range(3):
            await asyncio.sleep(0)
        return not live.suspended

    async def play() -> None:
        live = Busy()
        waiting = Continuing(live)
        assert await released(live, waiting)
        waiting.suspend()
        assert not live.suspended  # it was tried just now
        about.size += continuing.AGAIN_BYTES
        assert await released(live, waiting)
        about.length += continuing.AGAIN
        assert await released(live, waiting)
        live.quiet = True  # whatever was tried, here is the moment
        waiting.suspend()
        waiting.look()
        assert (live.suspended, waiting.due, live.stopped, live.resumed) == (True, True, 1, 3)
        live = Busy()
        about.size = continuing.LAST_BYTES
        assert not await released(live, Continuing(live))

    asyncio.run(play())


@pytest.mark.parametrize("fresh", [False, True])
def test_who_takes_up_an_execution_of_earlier_semantics_goes_on_with_its_own_and_says_so(
    temporal_address: str, monkeypatch: pytest.MonkeyPatch, fresh: bool
) -> None:
    started = RunStarted(SystemClock().now(), "later", TALK.hash)  # earlier, its question would be overdue
    state = engine.start(TALK, started).state
    carried = Carried(msgspec.Raw(encode_state(state)))
    begin = Begin(TALK.hash, started=started) if fresh else Begin(TALK.hash, carried=carried)

    async def scene(here: Stage) -> None:
        monkeypatch.setattr(workflow, "SEMANTICS", SEMANTICS + 1)
        name = f"calls-{secrets.token_hex(6)}"
        args = [begin, msgspec.Raw(TALK.data)]
        handle = await here.client.start_workflow(TALK.name, args=args, id=name, task_queue=here.queue)
        assert "both.ask.q" in (await Made(handle).view()).position
        history = await handle.fetch_history()
        await handle.terminate()
        replayer = Replayer(
            workflows=WORKFLOWS, data_converter=here.client.data_converter, workflow_runner=Ordered("tests")
        )
        await replayer.replay_workflow(history)
        monkeypatch.setattr(workflow, "SEMANTICS", SEMANTICS + 2)
        with pytest.raises(RuntimeError, match=f"needs a worker that speaks semantics {SEMANTICS + 1}, this one"):
            await replayer.replay_workflow(history)

    on(temporal_address, scene)


def test_a_run_stays_with_the_build_that_began_it_and_goes_on_with_the_current_one_in_its_next_execution(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        queue = f"flow-{secrets.token_hex(6)}"
        client = await connect(Address(address, "default", queue))
        called, go = asyncio.Event(), asyncio.Event()
        tools = Dispatcher()

        @tools.action("count")
        async def count(n: int) -> int:
            if n == 1:
                called.set()
                await go.wait()
            return n + 1

        async with (
            TemporalWorker(client, queue, tools, deployment=queue),
            Host(store=f"temporal://{address}/default?queue={queue}") as host,
        ):
            run = await host.start(LOOP, {"most": 12}, id=queue)
            await called.wait()
            monkeypatch.setattr(deployments, "SEMANTICS", SEMANTICS + 1)
            monkeypatch.setattr(deployments, "BUILD", f"trellis-{SEMANTICS + 1}")
            monkeypatch.setattr(deployments, "AGAIN_S", 0.1)
            async with TemporalWorker(client, queue, tools, deployment=queue):
                while (await current(client, queue)).build == BUILD:
                    await asyncio.sleep(0)
                go.set()
                outcome = await run.result()
        assert (outcome.status, outcome.fields["n"]) == ("completed", 12)
        builds = [
            {
                event.workflow_task_completed_event_attributes.deployment_version.build_id
                for event in events
                if event.HasField("workflow_task_completed_event_attributes")
            }
            for events in await executions(client, queue)
        ]
        assert len(builds) > 1
        assert builds == [{f"trellis-{SEMANTICS + 1}"}] * (len(builds) - 1) + [{BUILD}]

    asyncio.run(asyncio.wait_for(main(), 2 * GENEROUS_S))
