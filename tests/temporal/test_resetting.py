"""An operator resets a workflow: the run goes on from there under the same keys, and whoever follows it is told what is true."""

from __future__ import annotations

import asyncio
import secrets
from pathlib import Path
from typing import Any

import pytest
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import EventType, ResetReapplyExcludeType
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import Client

from tests.hosts.authored import graph
from tests.temporal.stage import stage
from tests.temporal.test_families import begun, family, until
from tests.temporal.test_host import LIMIT_S, own
from trellis import Dispatcher, Host
from trellis.hosts.commands import Answer
from trellis.hosts.run import Run
from trellis.hosts.temporal.following import Chapter, in_common
from trellis.hosts.temporal.host import TemporalHost
from trellis.model.events import Event, SignalReceived

PATHS = """
trellis: 1
name: paths
fields: {way: {type: string, optional: true}, sure: {type: string, optional: true}}
start: look
nodes:
  look: {do: note, with: {what: look}, to: which}
  which: {say: "Which?", ask: {text: way}, to: go}
  go: {do: note, with: {what: "{{ way }}"}, to: check}
  check: {say: "Sure?", ask: {text: sure}, to: done}
  done: {end: {status: ok, result: "[way, sure]"}}
"""


async def reset(client: Client, run: str, task: int, *, again: bool = True) -> None:
    """Let a run go on from the end of one of its workflow tasks, the first being 0; `again`: with what was sent to it since."""
    ends = [
        event.event_id
        async for event in client.get_workflow_handle(run).fetch_history_events()
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED
    ]
    none = () if again else ResetReapplyExcludeType.values()[1:3]
    await client.workflow_service.reset_workflow_execution(
        ResetWorkflowExecutionRequest(
            namespace="default",
            workflow_execution=WorkflowExecution(workflow_id=run),
            reason="by hand",
            workflow_task_finish_event_id=ends[task],
            request_id=secrets.token_hex(8),
            reset_reapply_exclude_types=none,
        )
    )


async def asks(run: Run, node: str) -> None:
    while run.asking != [node]:
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("task", "event", "calls"), [(0, 0, ["look", "left", "look", "right"]), (1, 1, ["look", "left", "right"])]
)
def test_who_follows_a_run_that_is_reset_is_told_so_and_how_it_ends_then(
    temporal_url: str, task: int, event: int, calls: list[str]
) -> None:
    made: list[str] = []
    keys: set[str] = set()
    told: list[str] = []
    tools = Dispatcher()

    @tools.action("note")
    def note(what: str) -> str:
        made.append(what)
        return what

    async def lines(run: Run) -> list[dict[str, Any]]:
        found = [line async for line in run.events()]
        keys.update(line["key"] for line in found if line["type"] == "tool.called")
        return found

    async def play() -> None:
        async with (
            asyncio.timeout(LIMIT_S),
            Host(temporal_url, tools),
            TemporalHost(temporal_url, hindered=told.append) as host,
            TemporalHost(temporal_url, hindered=told.append) as other,
        ):
            run = await host.start(graph(PATHS), id=own("reset"))
            following = [asyncio.ensure_future(lines(run))]
            result = asyncio.ensure_future(run.result())
            await asks(run, "which")
            following.append(asyncio.ensure_future(lines(found := await other.resume(run.id))))
            await run.answer("which", "left")
            await asks(run, "check")
            await asks(found, "check")
            await reset(host._wire.client, run.id, task, again=False)
            await asks(run, "which")
            await run.answer("which", "right")
            await asks(run, "check")
            await run.answer("check", "yes")
            assert (await result).result == ["right", "yes"]
            for each in await asyncio.gather(*following):
                last = each[-1]
                assert (last["type"], last["result"]) == ("run.finished", ["right", "yes"])
                assert last["visited"] == ["look", "which", "go", "check", "done"]
                assert [line["node"] for line in each if line["type"] == "ask"][-3:] == ["check", "which", "check"]
            assert (made, len(keys)) == (calls, 2)
            what = (
                f"run '{run.id}' was reset: what it did after event {event} no longer counts, and it goes on from there"
            )
            assert told == [what, what]

    asyncio.run(play())


@pytest.mark.parametrize("task", [0, 1])
def test_a_run_that_is_reset_begins_its_child_anew_in_the_place_of_the_one_it_had(
    temporal_address: str, tmp_path: Path, task: int
) -> None:
    def work(n: int) -> int:
        return n

    async def play() -> list[str]:
        async with asyncio.timeout(LIMIT_S), stage(temporal_address, work=work, undo=work) as play:
            made = await play.start(family(tmp_path))
            child = play.get(await begun(made))
            await until(child, "ask")
            execution = (await child.handle.describe()).run_id
            await reset(play.client, made.id, task)
            while (await child.handle.describe()).run_id == execution:
                pass
            await until(child, "ask")
            await child.tell("answer", Answer("ask", "fine"))
            play.made.remove(made)
            ended = await play.get(made.id).ended()
            return [ended.status, str(ended.result)]

    assert asyncio.run(play()) == ["completed", "fine"]


def test_what_two_journals_have_in_common_ends_where_they_differ() -> None:
    a, b, c = (SignalReceived(float(at), "s") for at in range(3))

    def one(*events: Event) -> list[Chapter]:
        return [Chapter(None, [], list(events))]

    assert in_common(one(a, b), one(a, b, c)) == 2
    assert in_common(one(a, b), one(a, c)) == 1
    assert in_common(one(a), one(b)) == 0
    assert in_common([], one(a)) == 0
