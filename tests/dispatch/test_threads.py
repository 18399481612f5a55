"""Functions that block share a bounded number of threads; who stops waiting hears no late result."""

from __future__ import annotations

import asyncio
import contextvars
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.dispatch.attempts import play
from trellis.dispatch import Dispatcher, threads
from trellis.dispatch.threads import Threads
from trellis.model.actions import Completed
from trellis.model.graph import Tool
from trellis.testing.dispatchers import call


def test_no_more_threads_than_allowed_and_every_call_is_served(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "IDLE_S", 0.01)
    seen: set[str] = set()
    meeting = threading.Barrier(3)

    def f(n: int) -> int:
        seen.add(str(threading.get_ident()))
        if n < 3:
            meeting.wait()  # so that three are at work at once
        return n

    async def scene() -> list[int]:
        pool = Threads(3)
        return await asyncio.gather(*(pool.call(f, {"n": n}) for n in range(50)))

    assert play(scene()) == list(range(50))
    assert len(seen) == 3


def test_threads_are_reused_while_calls_come_one_by_one() -> None:
    async def scene() -> set[int]:
        pool = Threads(8)
        return {await pool.call(threading.get_ident, {}) for _ in range(20)}

    assert len(play(scene())) == 1


def test_idle_threads_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "IDLE_S", 0.01)

    async def scene() -> Any:
        return await Threads(2).call(threading.current_thread, {})

    thread = play(scene())
    thread.join(10)
    assert not thread.is_alive()


def test_context_variables_of_the_caller_are_seen_in_the_thread() -> None:
    tenant = contextvars.ContextVar("tenant", default="nobody")

    async def scene() -> Any:
        tenant.set("ana")
        return await Threads(1).call(tenant.get, {})

    assert play(scene()) == "ana"


def test_a_cancelled_call_is_given_up_and_its_late_result_dropped() -> None:
    async def scene() -> str:
        loop, begun, go, finished = asyncio.get_running_loop(), asyncio.Event(), threading.Event(), asyncio.Event()

        def f() -> str:
            loop.call_soon_threadsafe(begun.set)
            go.wait()
            loop.call_soon_threadsafe(finished.set)
            return "late"

        task = asyncio.create_task(Threads(1).call(f, {}))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        go.set()
        await finished.wait()
        return "nobody heard"

    assert play(scene()) == "nobody heard"


def test_a_call_that_has_ended_when_it_is_cancelled_is_reported_as_it_ended() -> None:
    async def scene() -> Any:
        pool, ended = Threads(1), threading.Event()
        task = asyncio.create_task(pool.call(lambda: "done", {}))
        await asyncio.sleep(0)
        # While this blocks the loop, the thread ends the first call and then this one: one thread, in order.
        pool._submit(threads._Call(ended.set, lambda: None))
        ended.wait()
        task.cancel()
        return await task

    assert play(scene()) == "done"


def test_a_call_given_up_before_it_began_never_begins() -> None:
    called: list[str] = []

    async def scene() -> None:
        pool, go = Threads(1), threading.Event()
        first = asyncio.create_task(pool.call(go.wait, {}))
        second = asyncio.create_task(pool.call(partial(called.append, "second"), {}))
        await asyncio.sleep(0)
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        go.set()
        await first
        await pool.call(lambda: called.append("third"), {})

    play(scene())
    assert called == ["third"]


def test_the_timeout_of_a_declared_function_gives_up_waiting(tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(
        "import asyncio, threading\n"
        "go = threading.Event()\n"
        "def in_thread():\n    go.wait()\n"
        "async def on_the_loop():\n    await asyncio.Event().wait()\n"
        "async def impatient():\n    raise TimeoutError('its own')\n"
        "def release():\n    go.set()\n"
    )
    timeouts = {"in_thread": 0.02, "on_the_loop": 0.02, "impatient": 1000.0, "release": 1000.0}
    tools = {name: Tool("python", python=f"slow:{name}", timeout=timeout) for name, timeout in timeouts.items()}
    router = Dispatcher().bind(tools, base=str(tmp_path))
    reports = [play(router.dispatch(call(name))) for name in timeouts]
    assert [str(report) for report in reports] == [
        "Failed(code='timeout', message='no result within 0.02s', retryable=True)",
        "Failed(code='timeout', message='no result within 0.02s', retryable=True)",
        "Failed(code='timeout', message='its own', retryable=True)",
        "Completed(value=None)",
    ]


def test_a_hanging_function_does_not_keep_the_program_from_ending() -> None:
    program = (
        "import asyncio, threading\n"
        "from trellis.dispatch import Dispatcher\n"
        "from trellis.testing.dispatchers import call\n"
        "tools = Dispatcher()\n"
        "begun = threading.Event()\n"
        "@tools.action('hang')\n"
        "def hang():\n    begun.set(); threading.Event().wait()\n"
        "async def main():\n"
        "    task = asyncio.create_task(tools.bind({}, base='.').dispatch(call('hang')))\n"
        "    await asyncio.sleep(0); begun.wait(); task.cancel()\n"
        "    print(await asyncio.wait([task]) and 'over')\n"
        "asyncio.run(main())\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30)
    assert (done.stdout, done.stderr, done.returncode) == ("over\n", "", 0)


def waited(event: threading.Event) -> str:
    event.wait()
    return "waited"


def test_a_thread_that_is_busy_does_not_hold_back_another_call() -> None:
    async def scene() -> Any:
        dispatcher, go = Dispatcher(), threading.Event()
        dispatcher.register("wait", partial(waited, go))
        dispatcher.register("go", go.set)
        router = dispatcher.bind({}, base=".")
        return await asyncio.gather(router.dispatch(call("wait")), router.dispatch(call("go")))

    assert play(scene()) == [Completed("waited"), Completed(None)]
