"""Runs on Temporal that have to do with each other: child runs, and signals from one run to another."""

from __future__ import annotations

import asyncio
import secrets
from pathlib import Path

import pytest
from temporalio.client import WorkflowFailureError

from tests.hosts.authored import graph
from tests.temporal.stage import Broken, Made, stage
from trellis.cli.looking import stands
from trellis.hosts.commands import Answer, CancelRun, Signal
from trellis.hosts.temporal.kept import TemporalRuns
from trellis.hosts.vault import Vault
from trellis.model.codec import decode_event
from trellis.model.graph import Graph
from trellis.project import load

ABOVE = """
trellis: 1
name: above
start: first
signals: {leave: {}}
fields: {verdict: {type: string, optional: true}, site: {type: any, default: site}}
nodes:
  first: {do: work, with: {n: 1}, undo: {do: undo, with: {n: 1}}, to: review}
  review: {use: ./below.yaml, with: {what: site}, save: verdict, to: done, catch: {broken: caught}, upon: {leave: left}}
  done: {end: {status: ok, result: verdict}}
  caught: {end: {status: ok, result: "[error.code, error.message, error.node]"}}
  left: {end: {status: ok, result: "'left'"}}
"""
BELOW = """
trellis: 1
name: below
start: look
fields: {what: {type: string}, answer: {type: string, optional: true}}
nodes:
  look: {do: work, with: {n: 2}, undo: {do: undo, with: {n: 2}}, to: ask}
  ask: {say: "Is {{ what }} fine?", ask: {text: answer}, to: done}
  done: {end: {status: ok, result: answer}}
"""


def family(folder: Path, above: str = ABOVE, below: str = BELOW) -> Graph:
    (folder / "above.yaml").write_text(above)
    (folder / "below.yaml").write_text(below)
    return load(folder / "above.yaml", cache=False)


async def until(made: Made, node: str) -> None:
    """Wait until a run asks at this node. Each look is answered by the worker, so no time is told."""
    for _ in range(1000):
        if any(question.node == node for question in (await made.view()).questions):
            return
    raise AssertionError(f"{made.id} never asked at {node}")


async def begun(made: Made) -> str:
    """The id of the first child of a run, once there is one."""
    event = await made.happened("CHILD_WORKFLOW_EXECUTION_STARTED")
    return str(event.child_workflow_execution_started_event_attributes.workflow_execution.workflow_id)


class Tools:
    def __init__(self) -> None:
        self.calls: list[str] = []

    def work(self, n: int) -> int:
        self.calls.append(f"work {n}")
        return n

    def undo(self, n: int) -> None:
        self.calls.append(f"undo {n}")


@pytest.mark.parametrize("cached", [1000, 0])
def test_a_child_is_a_workflow_of_its_graph_and_its_result_comes_back(
    temporal_address: str, tmp_path: Path, cached: int, caplog: pytest.LogCaptureFixture
) -> None:
    tools = Tools()

    async def play() -> None:
        async with stage(temporal_address, cached=cached, work=tools.work, undo=tools.undo) as here:
            made = await here.start(family(tmp_path))
            child = here.get(await begun(made))
            assert child.id == f"{made.id}/review/2"
            await until(child, "ask")
            assert (await child.handle.describe()).workflow_type == "below"
            (started, *_) = (await child.journal()).events
            assert (started["parent"], started["depth"], started["request"]) == (made.id, 1, f"{made.id}:2:0")
            await child.tell("answer", Answer("ask", "yes"))
            assert (await made.ended()).result == "yes"
            assert tools.calls == ["work 1", "work 2"]

    asyncio.run(play())
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == []


def test_the_error_of_a_child_is_that_of_the_node_that_uses_it(temporal_address: str, tmp_path: Path) -> None:
    def work(n: int) -> int:
        if n == 2:
            raise Broken("broken", "it is in two", retryable=False)
        return n

    async def play() -> None:
        async with stage(temporal_address, work=work) as here:
            made = await here.start(family(tmp_path))
            assert (await made.ended()).result == ["broken", "it is in two", "review"]

    asyncio.run(play())


def test_a_child_that_is_left_takes_back_what_it_did_and_one_of_a_cancelled_run_only_ends(
    temporal_address: str, tmp_path: Path
) -> None:
    tools = Tools()

    async def play() -> None:
        async with stage(temporal_address, work=tools.work, undo=tools.undo) as here:
            made = await here.start(family(tmp_path))
            child = here.get(await begun(made))
            await until(child, "ask")
            await made.tell("signal", Signal("leave"))
            assert (await made.ended()).result == "left"
            ended = await child.ended()
            assert (ended.status, ended.error and ended.error["message"]) == (
                "rolled_back",
                "the run above it goes on without it",
            )
            assert tools.calls == ["work 1", "work 2", "undo 2"]
            other = await here.start(family(tmp_path))
            child = here.get(await begun(other))
            await until(child, "ask")
            await other.tell("cancel", CancelRun("enough"))
            assert [(await run.ended()).status for run in (other, child)] == ["cancelled", "cancelled"]
            assert tools.calls[3:] == ["work 1", "work 2"]

    asyncio.run(play())


def test_a_run_with_a_child_that_temporal_terminated_is_told_as_over_with_its_child(
    temporal_address: str, tmp_path: Path
) -> None:
    async def play() -> None:
        async with stage(temporal_address, work=lambda n: n) as here:
            made = await here.start(family(tmp_path))
            child = here.get(await begun(made))
            await until(child, "ask")
            await made.handle.terminate("by hand")
            with pytest.raises(WorkflowFailureError):
                await child.handle.result()
            kept = TemporalRuns(f"temporal://{temporal_address}/default?queue={here.queue}")
            try:
                for run, told in ((made.id, ["CancelRequested", "ActionFailed"]), (child.id, ["CancelRequested"])):
                    _, _, state = await stands(kept, run)
                    assert (state.status, dict(state.open)) == ("cancelled", {})
                    found = [
                        type(decode_event(event)).__name__ for event in await kept.read(run, state.seq - len(told))
                    ]
                    assert found == told
                    assert len(await kept.read(run, state.seq - 1)) == 1
            finally:
                await kept.close()

    asyncio.run(play())


@pytest.mark.parametrize("over", [False, True])
def test_a_workflow_of_somebody_else_that_has_the_id_of_a_child_run_stays_as_it_is(
    temporal_address: str, tmp_path: Path, over: bool
) -> None:
    above = ABOVE.replace("broken: caught", '"*": caught')

    async def play() -> None:
        async with stage(temporal_address, work=lambda n: n) as here:
            name = f"above-{secrets.token_hex(5)}"
            other = await here.start(ORDER, f"{name}/review/2")
            if over:
                await other.tell("signal", Signal("paid", {"cents": 7}))
                await other.ended()
            made = await here.start(family(tmp_path, above), name)
            why = f"run '{other.id}' was started by somebody else, and the run above it wants one of this id"
            assert (await made.ended()).result == ["failed", why, "review"]
            if not over:
                await other.tell("signal", Signal("paid", {"cents": 7}))
            assert (await other.ended()).result == {"cents": 7}

    asyncio.run(play())


def test_start_values_that_a_child_does_not_take_begin_no_child(temporal_address: str, tmp_path: Path) -> None:
    above = ABOVE.replace("with: {what: site}", "with: {what: '{{ site }}'}").replace("broken: caught", '"*": caught')

    async def play() -> None:
        async with stage(temporal_address, work=lambda n: n) as here:
            made = await here.start(family(tmp_path, above), site=[1])
            why = "field 'what': expected string, found list of 1"
            assert (await made.ended()).result == ["invalid", why, "review"]
            assert "START_CHILD_WORKFLOW_EXECUTION_INITIATED" not in await made.history()

    asyncio.run(play())


def test_a_secret_goes_to_a_child_and_back_and_never_into_a_history(temporal_address: str, tmp_path: Path) -> None:
    above = """
        trellis: 1
        name: above
        start: use
        fields: {token: {type: string, secret: true, from: "env:FLOW_TOKEN"}, got: {type: string, secret: true, optional: true}}
        nodes:
          use: {use: ./below.yaml, with: {key: "{{ token }}"}, save: got, to: $end}
    """
    below = """
        trellis: 1
        name: below
        start: echo
        fields:
          key: {type: string, secret: true}
          place: {type: string, from: "env:FLOW_PLACE"}
          said: {type: string, optional: true}
        nodes:
          echo: {do: echo, with: {key: "{{ key }}"}, save: said, to: done}
          done: {end: {status: ok, result: said}}
    """
    vault = Vault.from_text(
        Vault.generate()
    )  # the tool gets the seal here, and gives it back as one that was concealed

    async def play() -> None:
        async with stage(temporal_address, vault, echo=lambda key: key) as here:
            made = await here.start(family(tmp_path, above, below), token="topsecret")
            ended = await made.ended()
            assert (ended.status, ended.fields) == ("completed", {"token": "***", "got": "***"})
            completed = (await made.journal()).events[-1]
            assert vault.open(made.id, "got", completed["secrets"]["got"]) == "topsecret"
            child = here.get(await begun(made))
            assert (await child.view()).fields == {"key": "***", "place": "Rome", "said": "***"}
            for run in (made, child):
                assert b"topsecret" not in (await run.handle.fetch_history()).to_json().encode()

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FLOW_PLACE", "Rome")
        asyncio.run(play())


ORDER = graph("""
    {trellis: 1, name: order, start: open, signals: {paid: {cents: integer}},
     fields: {got: {type: any, optional: true}},
     nodes: {open: {wait: {signal: paid}, save: got, to: done}, done: {end: {status: ok, result: got}}}}
""")
SENDER = graph("""
    {trellis: 1, name: sender, start: send, fields: {to: {type: string}, cents: {type: any}},
     nodes: {send: {emit: {signal: paid, to: "{{ to }}", with: {cents: "{{ cents }}"}}, to: $end, catch: {"*": failed}},
             failed: {end: {status: ok, result: "[error.code, error.message]"}}}}
""")


def test_a_signal_reaches_the_run_that_it_is_for_under_the_key_of_its_node(temporal_address: str) -> None:
    async def play() -> None:
        async with stage(temporal_address) as here:
            order = await here.start(ORDER)
            sender = await here.start(SENDER, to=order.id, cents=7)
            assert (await sender.ended()).result is None
            assert (await order.ended()).result == {"cents": 7}
            taken = (await order.journal(1)).events[0]
            assert (taken["by"], taken["id"]) == (sender.id, f"{sender.id}/send/1")

    asyncio.run(play())


def test_a_signal_that_is_not_taken_fails_its_node_with_the_reason(temporal_address: str) -> None:
    async def play() -> None:
        async with stage(temporal_address) as here:
            order = await here.start(ORDER)
            results = []
            for to, cents in ((order.id, "seven"), ("nobody", 7)):
                results.append((await (await here.start(SENDER, to=to, cents=cents)).ended()).result)
            await order.tell("cancel", CancelRun())
            results.append((await (await here.start(SENDER, to=order.id, cents=7)).ended()).result)
            told = f"run '{order.id}': signal 'paid', 'cents': expected integer, found string 'seven'"
            assert results == [
                ["invalid_signal", told],
                ["unknown_run", "unknown run 'nobody'"],
                ["closed", f"run '{order.id}': the run has ended: cancelled"],
            ]

    asyncio.run(play())
