"""Before a tool is called somebody says yes, or it is not called: a policy in code, or whoever answers the run."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import trellis
from tests.hosts.authored import graph
from tests.hosts.scenes import Doing, play, until, until_called
from trellis import ASK, Denied, Host, Proposal
from trellis.errors import Refused
from trellis.hosts.run import Outcome, Run
from trellis.model.codec import decode_event
from trellis.model.events import ActionCompleted, ActionFailed
from trellis.model.graph import Graph
from trellis.model.redaction import Redactor
from trellis.model.values import Value
from trellis.stores import open_store
from trellis.stores.memory import MemoryStore
from trellis.testing.clocks import ManualClock

USE = graph("""
trellis: 1
name: use
fields: {env: {type: string, default: prod}, said: {type: any, optional: true}}
tools: {use: {python: "nowhere:use", confirm: "Use {{ args.env }}?"}}
start: use
nodes:
  use: {do: use, with: {env: "{{ env }}"}, save: said, to: $end}
""")
SECRET = graph("""
trellis: 1
name: secret
fields: {token: {type: string, secret: true}}
tools: {log: {python: "nowhere:log", effect: at_most_once, confirm: "Log {{ args.token }} in {{ args.place }}?"}}
start: log
nodes:
  log: {do: log, with: {token: "{{ token }}", place: production}, to: $end}
""")
CAUGHT = graph("""
trellis: 1
name: caught
start: use
fields: {told: {type: any, optional: true}}
nodes:
  use: {do: use, with: {env: e}, catch: {denied: told}, to: $end}
  told: {set: {fields: {told: "[error.code, error.message, error.node, error.attempt]"}}, to: $end}
""")
RETRIED = graph("""
trellis: 1
name: retried
start: a
nodes:
  a: {do: flaky, with: {n: 1}, retry: {max_attempts: 3, initial_interval: 1ms}, to: b}
  b: {do: work, with: {n: 2}, to: $end}
""")
ONCE = graph("{trellis: 1, name: once, start: a, nodes: {a: {do: once, to: $end}}}")
FAN = graph("""
trellis: 1
name: fan
start: fan
nodes:
  fan:
    all: {a: {do: work, with: {n: 1}}, b: {do: work, with: {n: 2}}, c: {do: work, with: {n: 3}}}
    to: $end
""")
SAGA = graph("""
trellis: 1
name: saga
start: a
tools: {work: {python: "nowhere:work"}}
nodes:
  a: {do: work, with: {n: 1}, undo: {do: use, with: {env: a}}, to: b}
  b: {do: work, with: {n: 2}, to: $rollback}
""")
TIMED = graph("""
trellis: 1
name: timed
start: a
nodes:
  a: {do: work, with: {n: 1}, timeout: 5s, catch: {timeout: late}, to: $end}
  late: {end: cancelled}
""")


async def done(graph: Graph, policy: Any, doing: Doing | None = None, **fields: Any) -> Outcome:
    doing = doing or Doing()
    async with Host(dispatcher=doing.tools, approve=policy) as host:
        return await (await host.start(graph, fields)).result()


async def gives(verdict: Any) -> Any:
    return verdict


def raises(_: Proposal) -> bool:
    raise RuntimeError("no rule for it")


async def gives_up(_: Proposal) -> bool:
    raise asyncio.CancelledError


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        (lambda _: True, None),
        (lambda _: gives(verdict=True), None),
        (lambda _: False, "not allowed"),
        (lambda _: None, "not allowed"),
        (lambda _: "yes", "not allowed"),
        (lambda _: 1, "not allowed"),
        (lambda _: Denied("not on Fridays"), "not on Fridays"),
        (lambda _: gives(Denied("not on Fridays")), "not on Fridays"),
        (raises, "the policy failed: RuntimeError: no rule for it"),
        (gives_up, "the policy failed: CancelledError"),
    ],
)
def test_only_true_is_a_yes(policy: Any, message: str | None) -> None:
    doing = Doing()
    outcome = play(done(USE, policy, doing))
    if message is None:
        assert (outcome.status, doing.nodes) == ("completed", ["use"])
    else:
        error = {"code": "denied", "message": message, "node": "use", "attempt": 1}
        assert (outcome.status, outcome.error, doing.nodes) == ("denied", error, [])


def test_a_denied_call_is_an_error_that_a_node_can_catch() -> None:
    outcome = play(done(CAUGHT, lambda _: Denied("too dear")))
    assert (outcome.status, outcome.fields) == ("completed", {"told": ["denied", "too dear", "use", 1]})


def test_a_policy_is_told_what_would_be_done_and_no_secret() -> None:
    put: list[Proposal] = []

    def policy(proposal: Proposal) -> bool:
        put.append(proposal)
        return True

    logged: list[str] = []
    doing = Doing()
    doing.tools.register("log", lambda token, place: logged.append(token + place), effect="at_most_once")

    async def scene() -> str:
        async with Host(dispatcher=doing.tools, approve=policy, redactor=Redactor(["prod"])) as host:
            return (await (await host.start(SECRET, {"token": "s3cr3t"}, id="r")).result()).status

    assert (play(scene()), logged) == ("completed", ["s3cr3tproduction"])
    # patterns are for eyes: a program sees what they hide
    args: dict[str, Value] = {"token": "***", "place": "production"}
    assert put == [Proposal("r", "log", "log", args, "Log *** in ***uction?", "at_most_once", "r/log/1")]


@pytest.mark.parametrize(
    ("confirm", "text"),
    [
        ("", 'call work with {"n":1}'),
        ("Really?", "Really?"),
        ("{{ args.n }}", "1"),
        (
            "{{ args.m }}",
            (
                'call work with {"n":1} (its `confirm` cannot be said: '
                "cannot evaluate ` args.m `: `args` has no key 'm' (its keys: n))"
            ),
        ),
    ],
)
def test_without_words_that_fit_the_call_is_told_plainly(confirm: str, text: str) -> None:
    put: list[str] = []
    made = graph(f"""
trellis: 1
name: told
start: a
tools: {{work: {{python: "nowhere:work", confirm: "{confirm}"}}}}
nodes: {{a: {{do: work, with: {{n: 1}}, to: $end}}}}
""")
    play(done(made, lambda proposal: put.append(proposal.text)))
    assert put == [text]


def test_all_attempts_of_a_visit_are_one_question() -> None:
    put: list[tuple[str, int]] = []
    doing, tried = Doing(), list[int]()

    async def flaky(n: int) -> int:
        tried.append(n)
        if len(tried) < 3:
            raise RuntimeError("again")
        return n

    doing.tools.register("flaky", flaky)

    def policy(proposal: Proposal) -> bool:
        put.append((proposal.node, proposal.attempt))
        return True

    assert play(done(RETRIED, policy, doing)).ok
    assert (put, tried) == ([("a", 1), ("b", 1)], [1, 1, 1])


def test_what_takes_back_is_asked_about_too_and_a_no_leaves_it_done() -> None:
    put: list[tuple[str, str, bool, str]] = []

    def policy(proposal: Proposal) -> bool | Denied:
        put.append((proposal.node, proposal.tool, proposal.undo, proposal.text))
        return Denied("keep it") if proposal.undo else True

    outcome = play(done(SAGA, policy))
    assert outcome.status == "rollback_failed"
    assert put == [
        ("a", "work", False, 'call work with {"n":1}'),
        ("b", "work", False, 'call work with {"n":2}'),
        ("a", "use", True, 'undo: call use with {"env":"a"}'),
    ]


async def events_of(store: MemoryStore, run: str) -> list[Any]:
    return [decode_event(data) for data in await store.read(run)]


async def asked(run: Run, count: int = 1) -> list[Proposal]:
    await until(lambda: len(run.proposals) == count)
    return run.proposals


def test_what_may_be_made_once_is_asked_about_before_the_journal_says_that_it_begins() -> None:
    async def scene() -> list[list[str]]:
        store, doing = MemoryStore(), Doing()
        doing.gate.set()
        async with Host(store, doing.tools, approve=lambda _: ASK) as host:
            no = await host.start(ONCE, id="no")
            await asked(no)
            await no.answer("a", "n")
            await no.result()
            yes = await host.start(ONCE, id="yes")
            await asked(yes)
            assert len(await events_of(store, "yes")) == 1
            await yes.answer("a", "y")
            await yes.result()
        return [[type(event).__name__ for event in await events_of(store, run)] for run in ("no", "yes")]

    assert play(scene()) == [
        ["RunStarted", "ActionFailed"],
        ["RunStarted", "AttemptBegun", "ActionCompleted"],
    ]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ("y", None), ("Yes ", None), ("true", None), (True, None), ("yes: go", None),
        ("n", "not allowed"), ("no: too dear", "too dear"), (" ", "not allowed"),
        ("yse", "not allowed: 'yse' is not yes"), (1, "not allowed"), (None, "not allowed"), (["y"], "not allowed"),
        ("n: " + "x" * 2000, "x" * 1000), ("\ud800", "not allowed"),
    ],
)  # fmt: skip
def test_only_yes_is_a_yes_to_a_question_about_a_call(answer: Any, message: str | None) -> None:
    async def scene() -> tuple[Outcome, list[str], Any]:
        store, doing = MemoryStore(), Doing()
        async with Host(store, doing.tools, approve=lambda _: ASK) as host:
            run = await host.start(USE, id="r")
            await asked(run)
            assert await run.answer("use", answer, by="ana")
            with pytest.raises(Refused, match="node 'use' does not ask"):
                await run.answer("use", "y")
            return await run.result(), doing.nodes, (await events_of(store, "r"))[-1]

    outcome, called, event = play(scene())
    if message is None:
        assert (outcome.status, called, type(event)) == ("completed", ["use"], ActionCompleted)
    else:
        assert (outcome.status, called) == ("denied", [])
        assert (type(event), event.code, event.message, event.retryable, event.by) == (
            ActionFailed, "denied", message, False, "ana",
        )  # fmt: skip


def test_calls_side_by_side_are_asked_about_each_and_only_what_is_allowed_is_made() -> None:
    async def scene() -> tuple[str, list[str], list[str]]:
        doing = Doing()
        async with Host(dispatcher=doing.tools, approve=lambda _: ASK) as host:
            run = await host.start(FAN)
            assert run.stuck is False or run.proposals
            proposals = [proposal.node for proposal in await asked(run, 3)]
            assert run.stuck
            await run.answer("fan.b", "y")
            await until_called(doing)
            assert run.asking == ["fan.a", "fan.c"]
            await run.answer("fan.c", "n")
            return (await run.result()).status, proposals, doing.nodes

    assert play(scene()) == ("denied", ["fan.a", "fan.b", "fan.c"], ["fan.b"])


def test_time_that_is_up_takes_the_question_back() -> None:
    async def scene() -> tuple[str, list[str]]:
        doing, clock = Doing(), ManualClock()
        async with Host(dispatcher=doing.tools, approve=lambda _: ASK, clock=clock) as host:
            run = await host.start(TIMED)
            await asked(run)
            assert not run.stuck
            clock.advance(6)
            outcome = await run.result()
            return outcome.status, doing.nodes

    assert play(scene()) == ("cancelled", [])


REMINDED = graph("""
trellis: 1
name: reminded
start: live
fields: {verdict: {type: approval, optional: true}}
nodes:
  live:
    ask: {approve: verdict}
    timeout: 9h
    remind: {every: 1h, do: work, with: {n: 1}}
    to: [{if: verdict.ok, to: $end}, {to: $fail}]
""")


def test_a_reminder_is_asked_about_beside_the_question_and_a_yes_to_it_approves_nothing() -> None:
    async def scene() -> tuple[list[str], list[str], str]:
        doing, clock = Doing(), ManualClock()
        async with Host(dispatcher=doing.tools, approve=lambda _: ASK, clock=clock) as host:
            run = await host.start(REMINDED)
            await until(lambda: bool(run.questions))
            clock.advance(3601)
            await asked(run)
            asking = run.asking
            assert not run.stuck  # time goes on for the question beside
            await run.answer("live.remind[1]", "y")
            await until_called(doing)
            assert run.asking == ["live"]
            await run.answer("live", "no")
            return asking, doing.nodes, (await run.result()).status

    assert play(scene()) == (["live", "live.remind[1]"], ["live"], "failed")


def test_whoever_resumes_a_run_asks_again_whatever_was_said_before() -> None:
    async def scene() -> tuple[list[str], list[str]]:
        store, doing = MemoryStore(), Doing()
        put: list[str] = []

        def policy(proposal: Proposal) -> Any:
            put.append(proposal.key)
            return ASK

        async with Host(store, doing.tools, approve=policy) as host:
            await asked(await host.start(USE, id="r"))
        async with Host(store, doing.tools, approve=policy) as host:
            run = await host.resume("r")
            await asked(run)
            await run.answer("use", "y")
            await run.result()
        return put, doing.nodes

    assert play(scene()) == (["r/use/1", "r/use/1"], ["use"])


def test_a_policy_that_does_not_heed_that_the_call_is_of_no_more_use_allows_nothing() -> None:
    async def scene() -> list[str]:
        doing, clock = Doing(), ManualClock()
        begun, free = asyncio.Event(), asyncio.Event()

        async def policy(_: Proposal) -> bool:
            begun.set()
            while not free.is_set():
                try:
                    await free.wait()
                except asyncio.CancelledError:
                    free.set()
            return True

        async with Host(dispatcher=doing.tools, approve=policy, clock=clock) as host:
            run = await host.start(TIMED)
            await begun.wait()
            clock.advance(6)
            await run.result()
        return doing.nodes

    assert play(scene()) == []


def test_lines_tell_the_question_where_it_was_asked_before_somebody_listened() -> None:
    async def scene() -> list[dict[str, Any]]:
        doing = Doing()
        async with Host(dispatcher=doing.tools, approve=lambda _: ASK) as host:
            run = await host.start(USE, id="r")
            await asked(run)
            lines = []
            async for line in run.events():
                lines.append(line)
                if line["type"] == "ask" and "reason" not in line:
                    run.refuse("use", "not UTF-8")
                elif line["type"] == "ask":
                    await run.answer("use", "y")
            return [{key: line[key] for key in line if key not in ("v", "at", "run")} for line in lines]

    told = play(scene())
    assert [line["seq"] for line in told] == [*range(1, len(told) + 1)]
    facts = {
        "type": "ask", "node": "use", "kind": "tool", "tool": "use", "args": {"env": "prod"}, "text": "Use prod?",
        "attempt": 1, "key": "r/use/1",
    }  # fmt: skip
    assert [line for line in told if line["type"] == "ask"] == [
        {"seq": 4, **facts}, {"seq": 5, **facts, "reason": "not UTF-8"},
    ]  # fmt: skip


def test_a_call_in_a_transaction_is_asked_about_before_the_run_is_held(tmp_path: Any) -> None:
    async def scene() -> tuple[str, str]:
        doing = Doing()
        doing.tools.register("write", lambda: "written", effect="transactional")
        made = graph("{trellis: 1, name: t, start: a, nodes: {a: {do: write, to: $end}}}")
        store = open_store(f"sqlite:///{tmp_path}/runs.db", root=".")
        async with Host(store, doing.tools, approve=lambda _: ASK) as host:
            run = await host.start(made)
            await asked(run)
            await run.answer("a", "n")
            other = await host.start(made)
            await asked(other)
            await other.answer("a", "y")
            ended = (await run.result()).status, (await other.result()).status
        await store.close()
        return ended

    assert play(scene()) == ("denied", "completed")


def test_answers_known_beforehand_decide_in_their_turn() -> None:
    doing = Doing()
    outcome = trellis.run(FAN, answers=["y", "y", "y"], dispatcher=doing.tools, approve=lambda _: ASK)
    assert (outcome.status, sorted(doing.nodes)) == ("completed", ["fan.a", "fan.b", "fan.c"])
    named = {"fan.a": True, "fan.b": False, "fan.c": True}
    assert trellis.run(FAN, answers=named, dispatcher=Doing().tools, approve=lambda _: ASK).status == "denied"
    with pytest.raises(trellis.TrellisError, match="fan.c"):
        trellis.run(FAN, answers=["y", "y"], dispatcher=Doing().tools, approve=lambda _: ASK)
