"""A run in a workflow: calls, timers, answers, signals, cancelling, and what it shows of itself."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any

import pytest
from temporalio.client import WorkflowFailureError, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError, CancelledError

from tests.hosts.authored import graph
from tests.temporal.stage import ASK, SUM, Broken, Made, stage
from trellis.engine import apply
from trellis.hosts.commands import Answer, CancelRun, Signal
from trellis.hosts.temporal import interpreter, shown
from trellis.hosts.temporal.messages import SEMANTICS, Ended, SealedAnswer
from trellis.hosts.temporal.payloads import detail
from trellis.hosts.vault import Vault
from trellis.model.actions import RequestInput
from trellis.model.events import ActionCompleted
from trellis.model.secrets import seal

WAIT = """
trellis: 1
name: waiting
start: rest
nodes:
  rest: {wait: {time: 200ms}, to: ask}
  ask: {say: Well?, ask: {text: word}, timeout: 200ms, catch: {timeout: late}, to: $end}
  late: {end: {status: ok, result: "'late'"}}
fields: {word: {type: string, optional: true}}
"""
FAIL = """
trellis: 1
name: failing
start: work
nodes:
  work: {do: work, to: $end}
"""


async def _refused(made: Made, name: str, command: Any) -> tuple[str | None, str, Any]:
    """The code, the message and the first detail with which a command is rejected."""
    with pytest.raises(WorkflowUpdateFailedError) as caught:
        await made.tell(name, command)
    cause = caught.value.cause
    assert isinstance(cause, ApplicationError)
    return cause.type, cause.message, detail(cause, RequestInput)


def test_a_run_makes_its_calls_as_activities_and_ends_with_its_result(temporal_address: str) -> None:
    async def play() -> None:
        async with stage(temporal_address, add=lambda a, b: a + b) as here:
            made = await here.start(graph(SUM), a=2, b=3)
            assert await made.ended() == Ended("completed", 5, {"a": 2, "b": 3, "total": 5}, None, ["add", "done"])
            journal = await made.journal()
            started, called = journal.events
            assert (started["run"], started["fields"]) == (made.id, {"a": 2, "b": 3})
            assert (called["type"], called["value"], journal.closed) == ("action_completed", 5, True)
            assert await made.history() == [
                "WORKFLOW_EXECUTION_STARTED",
                "WORKFLOW_TASK_SCHEDULED",
                "WORKFLOW_TASK_STARTED",
                "WORKFLOW_TASK_COMPLETED",
                "ACTIVITY_TASK_SCHEDULED",
                "ACTIVITY_TASK_STARTED",
                "ACTIVITY_TASK_COMPLETED",
                "WORKFLOW_TASK_SCHEDULED",
                "WORKFLOW_TASK_STARTED",
                "WORKFLOW_TASK_COMPLETED",
                "WORKFLOW_EXECUTION_COMPLETED",
            ]

    asyncio.run(play())


def test_a_question_is_shown_answered_and_asked_again_without_a_trace_of_what_was_refused(
    temporal_address: str,
) -> None:
    async def play() -> None:
        async with stage(temporal_address) as here:
            made = await here.start(graph(ASK))
            view = await made.view()
            assert [question.node for question in view.questions] == ["ask"]
            assert (view.status, view.position, view.questions[0].prompt) == ("running", {"ask": 1}, "How old?")
            before = await made.history()
            code, message, again = await _refused(made, "answer", Answer("ask", "old"))
            assert code == "invalid_answer"
            assert again is not None and again.reason == message
            assert (await _refused(made, "answer", Answer("other", 1)))[:2] == (
                "not_asked",
                "node 'other' does not ask; asking now: ask",
            )
            assert await made.history() == before
            assert await made.tell("answer", Answer("ask", "7", "ana", "one")) == {"status": "completed"}
            assert (await made.ended()).result == 7
            assert (await made.journal(1)).events[0]["by"] == "ana"

    asyncio.run(play())


def test_timers_fire_one_after_the_other_and_never_early(temporal_address: str) -> None:
    async def play() -> None:
        async with stage(temporal_address) as here:
            made = await here.start(graph(WAIT))
            ended = await made.ended()
            assert (ended.status, ended.result, ended.visited) == ("completed", "late", ["rest", "ask", "late"])
            history = await made.history()
            assert (history.count("TIMER_STARTED"), history.count("TIMER_FIRED")) == (2, 2)
            started, *fired = [event["at"] for event in (await made.journal()).events]
            assert [at - before >= 0.2 for before, at in pairwise([started, *fired])] == [True, True]

    asyncio.run(play())


def test_a_call_that_fails_for_good_fails_the_run_with_its_status_and_code(temporal_address: str) -> None:
    def work() -> None:
        raise Broken("broken", "it is in two", retryable=False)

    async def play() -> None:
        async with stage(temporal_address, work=work) as here:
            made = await here.start(graph(FAIL))
            with pytest.raises(WorkflowFailureError) as caught:
                await made.handle.result()
            cause = caught.value.cause
            assert isinstance(cause, ApplicationError)
            assert (cause.type, cause.message, cause.non_retryable) == ("failed", "broken: it is in two", True)
            error: dict[str, Any] = {"code": "broken", "message": "it is in two", "node": "work", "attempt": 1}
            assert detail(cause, Ended) == Ended("failed", error=error, visited=["work"])

    asyncio.run(play())


def test_signals_of_both_kinds_are_taken_and_one_that_nothing_takes_is_refused(temporal_address: str) -> None:
    async def play() -> None:
        async with stage(temporal_address) as here:
            made = await here.start(graph(ASK))
            code, message, _ = await _refused(made, "signal", Signal("stopp"))
            assert (code, message) == ("unknown_signal", "no signal named 'stopp'; did you mean 'stop'?")
            await made.handle.signal("nonsense", "no map")
            await made.handle.signal("stop")
            assert (await made.ended()).result == "stopped"
            other = await here.start(graph(ASK))
            assert await other.tell("signal", Signal("stop")) == {"status": "cancelled"}
            assert (await other.ended()).visited == ["ask", "stopped"]

    asyncio.run(play())


def test_what_our_own_signals_are_not_sent_with_leaves_a_run_as_it_is_and_none_at_all_cancels_it(
    temporal_address: str,
) -> None:
    async def play() -> None:
        async with stage(temporal_address) as here:
            made = await here.start(graph(ASK))
            await made.handle.signal("trellis.cancel", "no map")
            await made.handle.signal("trellis.told", 5)
            await made.handle.signal("trellis.told", [{"request": "nobody's"}])
            assert (await made.view()).status == "running"
            await made.handle.signal("trellis.cancel")
            assert (await made.ended()).status == "cancelled"

    asyncio.run(play())


def test_a_cancelled_run_says_why_and_one_cancelled_through_temporal_is_cancelled_there(temporal_address: str) -> None:
    async def play() -> None:
        async with stage(temporal_address) as here:
            made = await here.start(graph(ASK))
            assert await made.tell("cancel", CancelRun("no more", terminate=True)) == {"status": "cancelled"}
            ended = await made.ended()
            assert (ended.status, ended.error and ended.error["code"]) == ("cancelled", "terminated")
            other = await here.start(graph(ASK))
            await other.view()
            await other.handle.cancel()
            with pytest.raises(WorkflowFailureError) as caught:
                await other.handle.result()
            assert isinstance(caught.value.cause, CancelledError)
            view = await other.view()
            assert (view.status, view.error and view.error["code"]) == ("cancelled", "cancelled")

    asyncio.run(play())


def test_start_values_that_do_not_do_fail_the_run_with_the_reason(temporal_address: str) -> None:
    async def play() -> None:
        async with stage(temporal_address) as here:
            made = await here.start(graph(SUM), a="two", b=3)
            with pytest.raises(WorkflowFailureError) as caught:
                await made.handle.result()
            cause = caught.value.cause
            assert isinstance(cause, ApplicationError)
            assert (cause.type, cause.message) == ("InvalidField", "field 'a': expected integer, found string 'two'")

    asyncio.run(play())


def test_a_fault_of_ours_keeps_the_run_and_its_reason_until_a_worker_without_it_comes(
    temporal_address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults = 1

    def faulty(*given: Any) -> Any:
        nonlocal faults
        if isinstance(given[2], ActionCompleted) and faults:
            faults -= 1
            raise RuntimeError("out of order")
        return apply(*given)

    async def play() -> None:
        monkeypatch.setattr(interpreter, "apply", faulty)
        async with stage(temporal_address, add=lambda a, b: a + b) as here:
            made = await here.start(graph(SUM), a=2, b=3)
            assert (await made.ended()).result == 5
            (failed,) = [event for name, event in await made.events() if name == "WORKFLOW_TASK_FAILED"]
            assert failed.workflow_task_failed_event_attributes.failure.message == "out of order"

    asyncio.run(play())


def test_a_run_of_other_semantics_waits_for_the_worker_that_speaks_them(temporal_address: str) -> None:
    async def play() -> None:
        async with stage(temporal_address) as here:
            made = await here.start(graph(ASK), semantics=SEMANTICS + 1)
            failed = await made.happened("WORKFLOW_TASK_FAILED")
            here.made.clear()  # nothing of it can be gone through again here
            await made.handle.terminate()
            assert failed.workflow_task_failed_event_attributes.failure.message == (
                f"run '{made.id}' needs a worker that speaks semantics {SEMANTICS + 1}, this one speaks "
                f"{SEMANTICS}; start a worker of the version with the build id 'trellis-{SEMANTICS + 1}' on the same task queue"
            )

    asyncio.run(play())


def test_a_graph_whose_tool_writes_with_the_run_is_refused_at_its_start(temporal_address: str) -> None:
    async def play() -> None:
        async with stage(temporal_address) as here:
            tools = 'tools: {work: {python: "tools:work", effect: transactional}}\nnodes:'
            made = await here.start(graph(FAIL.replace("nodes:", tools)))
            with pytest.raises(WorkflowFailureError) as caught:
                await made.handle.result()
            assert isinstance(caught.value.cause, ApplicationError)
            assert caught.value.cause.type == "NoTransactions"

    asyncio.run(play())


def test_a_long_journal_is_told_page_by_page(temporal_address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def play() -> None:
        async with stage(temporal_address, add=lambda a, b: a + b) as here:
            made = await here.start(graph(SUM), a=2, b=3)
            await made.ended()
            whole = await made.journal()
            monkeypatch.setattr(shown, "PAGE", 1)
            first, last = await made.journal(), await made.journal(1)
            assert (first.more, last.more, whole.more) == (True, False, False)
            assert first.events + last.events == whole.events

    asyncio.run(play())


def test_a_signal_that_comes_with_the_start_is_taken_after_it(temporal_address: str) -> None:
    """The call that the start asks for is taken back by the signal, so that there is none to be made later."""
    told = graph("""
        {trellis: 1, name: told, start: work, signals: {stop: {}}, upon: {stop: stopped},
         nodes: {work: {do: work, to: $end}, stopped: {end: {status: ok, result: "'stopped'"}}}}
    """)

    async def play() -> None:
        async with stage(temporal_address, work=lambda: None) as here:
            made = await here.start(told, signal="stop")
            ended = await made.ended()
            assert (ended.result, ended.visited) == ("stopped", ["work", "stopped"])
            assert "ACTIVITY_TASK_SCHEDULED" not in await made.history()

    asyncio.run(play())


def test_a_timer_that_is_due_earlier_takes_the_place_of_the_one_before(temporal_address: str) -> None:
    both = graph("""
        {trellis: 1, name: both, start: all, fields: {word: {type: string, optional: true}},
         nodes: {all: {race: {slow: {ask: {text: word}, timeout: 1h},
                              quick: {start: work, nodes: {work: {do: work, to: rest}, rest: {wait: {time: 100ms}, to: $end}}}}, to: $end}}}
    """)

    async def play() -> None:
        async with stage(temporal_address, work=lambda: None) as here:
            made = await here.start(both)
            assert (await made.ended()).status == "completed"
            timers = [name for name in await made.history() if name.startswith("TIMER")]
            assert timers == ["TIMER_STARTED", "TIMER_CANCELED", "TIMER_STARTED", "TIMER_FIRED"]

    asyncio.run(play())


def test_a_secret_is_answered_under_encryption_or_not_at_all(temporal_address: str) -> None:
    secret = graph("""
        {trellis: 1, name: secret, start: ask, fields: {key: {type: string, secret: true, optional: true}},
         nodes: {ask: {say: Key?, ask: {secret: key}, to: $end}}}
    """)
    vault = Vault.from_text(Vault.generate())

    async def play() -> None:
        async with stage(temporal_address) as here:
            made = await here.start(secret)
            assert (await _refused(made, "answer", Answer("ask", "topsecret")))[:2] == (
                "secret",
                "field 'key' is secret: its value comes under encryption, for which the sender needs keys (TRELLIS_SECRET_KEYS)",
            )
            other = {"lock": vault.seal(made.id, "lock", "topsecret")}
            assert (await _refused(made, "answer", SealedAnswer("ask", seal("key"), secrets=other)))[:2] == (
                "invalid",
                "node 'ask' takes no secret 'lock' now",
            )
            sealed = {"key": vault.seal(made.id, "key", "topsecret")}
            await made.tell("answer", SealedAnswer("ask", seal("key"), secrets=sealed))
            assert (await made.ended()).fields == {"key": "***"}
            answered = (await made.journal()).events[-1]
            assert (answered["value"], answered["secrets"]) == (seal("key"), sealed)

    asyncio.run(play())
