"""One attempt of a call as an attempt of an activity, without a server."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from temporalio.activity import ActivityCancellationDetails
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from trellis.dispatch import Dispatcher
from trellis.hosts.temporal.activities import Activities
from trellis.hosts.temporal.messages import STOPPED, Call, Done, Fault
from trellis.hosts.temporal.payloads import JsonPayloads
from trellis.hosts.vault import Vault
from trellis.model.actions import CallTool
from trellis.model.graph import Retry, Tool
from trellis.model.secrets import seal

KEYS = Vault.from_text(Vault.generate())
RUN = "orders-1"


def environment(tool: str, attempt: int = 1, beats: tuple[Any, ...] = ()) -> ActivityEnvironment:
    made = ActivityEnvironment()
    made.payload_converter = JsonPayloads()
    made.info = dataclasses.replace(
        made.info,
        activity_id=f"{RUN}:3:0",
        activity_type=tool,
        attempt=attempt,
        workflow_id=RUN,
        heartbeat_details=beats,
    )
    return made


async def perform(
    activities: Activities, tool: str, call: Call, args: Mapping[str, Any] | None = None, made: Any = None
) -> Done:
    where = made if made is not None else environment(tool)
    given = [RawValue(payload) for payload in JsonPayloads().to_payloads([call, args or {}])]
    done = await where.run(activities.call, given)
    assert isinstance(done, Done)
    return done


def failure(activities: Activities, tool: str, call: Call, args: Any = None, made: Any = None) -> ApplicationError:
    with pytest.raises(ApplicationError) as caught:
        asyncio.run(perform(activities, tool, call, args, made))
    return caught.value


def test_a_registered_tool_is_called_with_its_arguments_under_its_key() -> None:
    seen: list[CallTool] = []
    tools = Dispatcher()

    @tools.action("charge")
    async def charge(amount: int, *, request: CallTool) -> dict[str, int]:
        seen.append(request)
        return {"charged": amount}

    call = Call(node="pay", key="k1", before=2)
    done = asyncio.run(perform(Activities(tools), "charge", call, {"amount": 5}))
    assert done == Done({"charged": 5}, 3)
    assert seen == [CallTool(f"{RUN}:3:0", "k1", "pay", "charge", RUN, {"amount": 5}, 3)]
    asyncio.run(perform(Activities(tools), "charge", Call(node="pay", key="/7"), {"amount": 5}))
    assert seen[-1].idempotency_key == f"{RUN}/pay/7"


def test_a_declared_tool_is_found_beside_the_graph(tmp_path: Path) -> None:
    (tmp_path / "graphs").mkdir()
    (tmp_path / "graphs" / "shop_tools.py").write_text("def price(item):\n    return len(item)\n")
    call = Call(node="n", key="k", tool=Tool("python", python="shop_tools:price"), source="graphs/shop.yaml")
    done = asyncio.run(perform(Activities(Dispatcher(), roots=[str(tmp_path)]), "price", call, {"item": "tea"}))
    assert done == Done(3, 1)


def test_a_graph_is_looked_for_in_every_project_that_is_known(tmp_path: Path) -> None:
    for name, cost in (("one", 1), ("two", 2)):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.yaml").touch()
        (tmp_path / name / "prices.py").write_text(f"def price():\n    return {cost}\n")
    activities = Activities(Dispatcher(), roots=[str(tmp_path / "one")])

    def price(source: str) -> Done:
        call = Call(node="n", key="k", tool=Tool("python", python="prices:price"), source=source)
        return asyncio.run(perform(activities, "price", call))

    assert price("two.yaml") == Done(1)  # nobody has it, so it may be beside the others
    activities.know(str(tmp_path / "two"))
    assert [price("one.yaml"), price("two.yaml")] == [Done(1), Done(2)]


def test_a_process_runs_only_where_it_is_allowed(tmp_path: Path) -> None:
    call = Call(node="n", key="k", tool=Tool("process", process=("echo", "7")))
    error = failure(Activities(Dispatcher(), roots=[str(tmp_path)]), "seven", call)
    assert (error.type, error.message, error.non_retryable) == ("denied", "process tools need --allow process", True)
    allowed = Activities(Dispatcher(), roots=[str(tmp_path)], allow=["process"])
    assert asyncio.run(perform(allowed, "seven", call)) == Done(7, 1)


def test_a_failure_has_the_code_the_attempt_and_whether_it_may_be_tried_again() -> None:
    tools = Dispatcher()

    @tools.action("fail")
    async def fail() -> None:
        raise ValueError("no stock")

    error = failure(Activities(tools), "fail", Call(node="n", key="k", before=1), made=environment("fail", attempt=2))
    assert (error.type, error.message, error.non_retryable) == ("failed", "ValueError: no stock", False)
    assert error.details == (Fault(3),)
    assert error.next_retry_delay is None


def test_an_unknown_tool_is_not_tried_again() -> None:
    error = failure(Activities(Dispatcher()), "chrage", Call(node="n", key="k"))
    assert (error.type, error.message, error.non_retryable) == ("unknown_tool", "no tool named 'chrage'", True)


def test_the_wait_with_jitter_is_drawn_around_that_of_the_policy() -> None:
    tools = Dispatcher()

    @tools.action("fail")
    async def fail() -> None:
        raise ValueError

    policy = Retry(initial_interval=10, backoff_coefficient=2, jitter=0.5)
    call = Call(node="n", key="k", retry=policy)
    error = failure(Activities(tools), "fail", call, made=environment("fail", attempt=2))
    assert error.next_retry_delay is not None
    assert 10 <= error.next_retry_delay.total_seconds() <= 30


def test_secrets_are_opened_for_the_tool_and_sealed_in_what_it_gives_back() -> None:
    tools = Dispatcher()

    @tools.action("login")
    async def login(header: str) -> dict[str, str]:
        return {"echo": header, "sent": header.removeprefix("Bearer ")}

    call = Call(node="n", key="k", secrets={"token": KEYS.seal(RUN, "token", "s3cret-token")})
    done = asyncio.run(perform(Activities(tools, vault=KEYS), "login", call, {"header": f"Bearer {seal('token')}"}))
    assert done == Done({"echo": f"Bearer {seal('token')}", "sent": seal("token")}, 1)


def test_a_failure_tells_no_secret() -> None:
    tools = Dispatcher()

    @tools.action("login")
    async def login(token: str) -> None:
        raise ValueError(f"401 for {token}")

    call = Call(node="n", key="k", secrets={"token": KEYS.seal(RUN, "token", "s3cret-token")})
    error = failure(Activities(tools, vault=KEYS), "login", call, {"token": seal("token")})
    assert error.message == "ValueError: 401 for ***"
    assert error.__cause__ is None


def test_a_value_for_a_secret_field_comes_back_in_an_envelope() -> None:
    tools = Dispatcher()

    @tools.action("issue")
    async def issue() -> str:
        return "fresh-token"

    call = Call(node="n", key="k", save="token")
    done = asyncio.run(perform(Activities(tools, vault=KEYS), "issue", call))
    assert (done.value, list(done.secrets)) == (seal("token"), ["token"])
    assert KEYS.open(RUN, "token", done.secrets["token"]) == "fresh-token"


def test_a_secret_is_not_given_back_without_keys() -> None:
    tools = Dispatcher()

    @tools.action("issue")
    async def issue() -> str:
        return "fresh-token"

    error = failure(Activities(tools), "issue", Call(node="n", key="k", save="token"))
    assert (error.type, error.non_retryable) == ("invalid", True)
    assert error.message == (
        "its value is a secret, which is kept under encryption alone, and this worker has no keys; "
        "set TRELLIS_SECRET_KEYS"
    )


def test_a_worker_without_the_key_says_which_is_missing() -> None:
    tools = Dispatcher()
    called: list[str] = []
    tools.register(
        "login",
        lambda token: called.append(token),  # noqa: PLW0108 - tools take their arguments by keyword
    )
    call = Call(node="n", key="k", secrets={"token": KEYS.seal(RUN, "token", "s3cret-token")})
    error = failure(Activities(tools), "login", call, {"token": seal("token")})
    assert (error.type, error.non_retryable, called) == ("failed", False, [])
    assert error.message == (
        f"secret 'token' of run '{RUN}' cannot be read: it is under the key '{KEYS.key}', and no key is given; "
        f"set TRELLIS_SECRET_KEYS to {KEYS.key}=…"
    )


def test_a_value_with_the_mark_of_a_secret_is_refused() -> None:
    tools = Dispatcher()
    tools.register("forge_whole", lambda: seal("token"))
    error = failure(Activities(tools), "forge_whole", Call(node="n", key="k"))
    assert (error.type, error.message) == ("invalid", "the value holds the mark of a secret")


def test_a_transactional_tool_is_refused_before_it_is_called() -> None:
    tools = Dispatcher()
    called: list[int] = []
    tools.register("write", lambda: called.append(1), effect="transactional")
    error = failure(Activities(tools), "write", Call(node="n", key="k"))
    assert (error.type, error.non_retryable, called) == ("invalid", True, [])
    assert error.message.startswith("its effect is transactional, and no run on Temporal shares a database")


@pytest.mark.parametrize(
    ("call", "made"),
    [
        (Call(node="n", key="k", again=True), environment("send")),
        (Call(node="n", key="k"), environment("send", attempt=2)),
        (Call(node="n", key="k"), environment("send", attempt=3, beats=(1, "ended"))),
    ],
    ids=["issued again", "tried again by the server", "cut off before its first beat"],
)
def test_a_call_that_counts_once_is_not_made_again_after_one_that_was_cut_off(call: Call, made: Any) -> None:
    tools = Dispatcher()
    called: list[int] = []
    tools.register("send", lambda: called.append(1), effect="at_most_once")
    error = failure(Activities(tools), "send", call, made=made)
    assert (error.type, error.non_retryable, called) == ("uncertain", True, [])


def test_a_call_that_counts_once_is_made_again_after_an_attempt_that_failed_and_said_so() -> None:
    tools = Dispatcher()
    beats: list[Any] = []

    @tools.action("send", effect="at_most_once")
    async def send() -> None:
        raise ValueError("busy")

    first = environment("send")
    first.on_heartbeat = lambda *details: beats.extend(details)
    failure(Activities(tools), "send", Call(node="n", key="k"), made=first)
    error = failure(Activities(tools), "send", Call(node="n", key="k"), made=environment("send", 2, tuple(beats)))
    assert (error.type, error.details) == ("failed", (Fault(2),))


def test_a_tool_that_falls_silent_has_failed_with_timeout() -> None:
    tools = Dispatcher()

    @tools.action("dig")
    async def dig() -> None:
        await asyncio.Event().wait()

    error = failure(Activities(tools), "dig", Call(node="n", key="k", silence=0.01))
    assert (error.type, error.message) == ("timeout", "no heartbeat within 10ms")


def test_the_worker_beats_while_an_attempt_lasts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trellis.hosts.temporal.activities.BEAT_S", 0.001)
    tools = Dispatcher()
    made = environment("wait")

    async def main() -> None:
        beaten = asyncio.Event()
        beats: list[Any] = []

        def heard(*details: Any) -> None:
            beats.append(details)
            if len(beats) == 3:
                beaten.set()

        made.on_heartbeat = heard

        @tools.action("wait")
        async def wait() -> str:
            await beaten.wait()
            return "beaten"

        assert await perform(Activities(tools), "wait", Call(node="n", key="k"), made=made) == Done("beaten", 1)
        assert beats == [(1,), (1,), (1,)]

    asyncio.run(asyncio.wait_for(main(), 30))


def test_an_attempt_after_another_beats_at_once() -> None:
    tools = Dispatcher()
    tools.register("quick", lambda: 1)
    beats: list[Any] = []
    made = environment("quick", attempt=2)
    made.on_heartbeat = lambda *details: beats.append(details)
    asyncio.run(perform(Activities(tools), "quick", Call(node="n", key="k"), made=made))
    assert beats == [(2,)]


@pytest.mark.parametrize(
    ("why", "message"),
    [
        (ActivityCancellationDetails(worker_shutdown=True), "the worker stopped while it made the call of 'n'"),
        (ActivityCancellationDetails(reset=True), "an operator reset the activity while it made the call of 'n'"),
        (ActivityCancellationDetails(cancel_requested=True), ""),
    ],
    ids=["its worker stops", "it is reset", "it is cancelled"],
)
def test_an_attempt_that_is_stopped_says_whether_it_is_to_be_made_again_or_somebody_cancelled_it(
    why: ActivityCancellationDetails, message: str
) -> None:
    tools = Dispatcher()
    made = environment("wait")

    async def main() -> BaseException:
        begun = asyncio.Event()

        @tools.action("wait")
        async def wait() -> None:
            begun.set()
            await asyncio.Event().wait()

        task = asyncio.ensure_future(perform(Activities(tools), "wait", Call(node="n", key="k"), made=made))
        await begun.wait()
        made.cancel(why)
        (outcome,) = await asyncio.gather(task, return_exceptions=True)
        assert isinstance(outcome, BaseException)
        return outcome

    outcome = asyncio.run(asyncio.wait_for(main(), 30))
    if message:
        assert isinstance(outcome, ApplicationError)
        assert (outcome.type, outcome.non_retryable) == (STOPPED, True)
        assert outcome.message == message
    else:
        assert isinstance(outcome, asyncio.CancelledError)


class Slow:
    """A tool that lasts until it is stopped."""

    def __init__(self, last: str = "") -> None:
        self.calls, self._last = 0, last
        self.tools = Dispatcher()
        self.tools.register("slow", self.slow)
        self.tools.register("once", self.slow, effect="at_most_once")

    async def slow(self) -> str:
        self.calls += 1
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if not self._last:
                raise
        return self._last


@pytest.mark.parametrize(("tool", "again"), [("slow", True), ("once", False)])
def test_an_attempt_whose_time_is_over_is_stopped_and_tried_again_where_it_may_be(tool: str, again: bool) -> None:
    error = failure(Activities(Slow().tools), tool, Call("n", "k", timeout=0.01))
    assert (error.type, error.details[0], error.non_retryable) == ("timeout", Fault(1, again, "timeout"), not again)


def test_what_completed_though_its_time_was_over_is_told_with_it() -> None:
    error = failure(Activities(Slow("after all").tools), "slow", Call("n", "k", timeout=0.01, before=1))
    assert error.details[0] == Fault(2, passed="timeout", late=Done("after all", 2))


def test_an_attempt_is_stopped_at_the_deadline_of_all_of_them_and_is_the_last() -> None:
    made = environment("slow")
    deadline = made.info.started_time.timestamp() + 0.01
    error = failure(Activities(Slow().tools), "slow", Call("n", "k", timeout=5.0, deadline=deadline), made=made)
    assert (error.details[0], error.non_retryable) == (Fault(1, retryable=False, passed="deadline"), True)


def test_no_attempt_begins_after_the_deadline() -> None:
    made, slow = environment("slow", attempt=3), Slow()
    deadline = made.info.started_time.timestamp() - 1
    error = failure(Activities(slow.tools), "slow", Call("n", "k", deadline=deadline), made=made)
    assert (error.details[0], slow.calls) == (Fault(2, retryable=False, passed="deadline"), 0)
