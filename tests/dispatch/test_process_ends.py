"""However an attempt of a process ends, its group is gone and the host has lost no memory to it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from tests.dispatch.attempts import attempt, command, play, shell
from tests.dispatch.pulse import Pulse
from trellis.dispatch import child
from trellis.dispatch.process import Process
from trellis.model.actions import Completed, Failed
from trellis.model.graph import Tool
from trellis.testing.dispatchers import call


@pytest.fixture(autouse=True, params=["pidfd", "thread"])
def _way_to_see_an_exit(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "thread":
        monkeypatch.delattr(os, "pidfd_open", raising=False)


@pytest.fixture(autouse=True)
def _leaves_no_file_open() -> Any:
    before = len(list(Path("/proc/self/fd").iterdir()))
    yield
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_cancelled_process_is_ended_with_all_it_started(tmp_path: Path) -> None:
    async def scene() -> None:
        pulse = Pulse(tmp_path)
        task = asyncio.create_task(shell(tmp_path, f"({pulse.script}) & sleep 1000").dispatch(call("tool")))
        await pulse.begun()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await pulse.ended()

    play(scene())


def test_what_a_process_started_has_the_grace_to_tidy_up(tmp_path: Path) -> None:
    async def scene() -> None:
        pulse = Pulse(tmp_path)
        script = f"{pulse.hold} {sys.executable} -c '{ORDERLY}' > tidied & exec sleep 1000"
        task = asyncio.create_task(shell(tmp_path, script, grace_s=1000).dispatch(call("tool")))
        await pulse.begun()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await pulse.ended()

    play(scene())
    assert (tmp_path / "tidied").read_text() == "done\n"


def test_a_process_that_ignores_sigterm_gets_sigkill_after_the_grace(tmp_path: Path) -> None:
    async def scene() -> None:
        pulse = Pulse(tmp_path)
        router = shell(tmp_path, f"trap '' TERM; {pulse.script}", grace_s=0.05)
        task = asyncio.create_task(router.dispatch(call("tool")))
        await pulse.begun()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await pulse.ended()

    play(scene())


def test_a_second_cancellation_ends_the_grace(tmp_path: Path) -> None:
    async def scene() -> None:
        pulse = Pulse(tmp_path)
        router = shell(tmp_path, f"trap '' TERM; {pulse.script}", grace_s=10_000)
        task = asyncio.create_task(router.dispatch(call("tool")))
        await pulse.begun()
        task.cancel()
        for _ in range(5):
            await asyncio.sleep(0)
        assert not task.done()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await pulse.ended()

    play(scene())


def test_a_process_that_completes_though_cancelled_is_reported(tmp_path: Path) -> None:
    async def scene() -> Any:
        pulse = Pulse(tmp_path)
        script = f"{pulse.hold} exec {sys.executable} -c '{ORDERLY}'"
        task = asyncio.create_task(shell(tmp_path, script).dispatch(call("tool")))
        await pulse.begun()
        task.cancel()
        report = await task
        await pulse.ended()
        return report

    assert play(scene()) == Completed("done")


# Blocked and waited for, SIGTERM cannot come at a wrong moment.
ORDERLY = (
    "import os, signal; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM]); "
    'os.write(3, b"begun"); signal.sigwait([signal.SIGTERM]); print("done")'
)


def test_a_process_that_had_ended_before_the_cancellation_is_reported(tmp_path: Path) -> None:
    async def scene() -> Any:
        pulse = Pulse(tmp_path)
        task = asyncio.create_task(shell(tmp_path, f"{pulse.begin} echo done").dispatch(call("tool")))
        await pulse.begun()
        # The loop is busy here until the process is gone, and so has not seen it go.
        pulse.watch_it_end()
        task.cancel()
        return await task

    assert play(scene()) == Completed("done")


def test_a_cancellation_before_the_start_starts_nothing(tmp_path: Path) -> None:
    async def scene() -> None:
        task = asyncio.create_task(command(tmp_path, "touch", "started").dispatch(call("tool")))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    play(scene())
    assert list(tmp_path.iterdir()) == []


def test_a_process_out_of_time_is_ended_and_reported(tmp_path: Path) -> None:
    async def scene() -> Any:
        pulse = Pulse(tmp_path)
        report = await shell(tmp_path, pulse.script, timeout=0.1).dispatch(call("tool"))
        await pulse.ended()
        return report

    assert play(scene()) == Failed("timeout", "no result within 0.1s")


def test_an_orderly_exit_after_the_timeout_is_a_timeout_still(tmp_path: Path) -> None:
    async def scene() -> Any:
        pulse = Pulse(tmp_path)
        script = f"{pulse.hold} exec {sys.executable} -c '{ORDERLY}'"
        report = await shell(tmp_path, script, timeout=0.3).dispatch(call("tool"))
        await pulse.ended()
        return report

    assert play(scene()) == Failed("timeout", "no result within 0.3s")


def test_a_process_that_prints_without_end_is_ended_in_bounded_memory(tmp_path: Path) -> None:
    async def scene() -> Any:
        pulse = Pulse(tmp_path)
        report = await shell(tmp_path, f"{pulse.hold} yes").dispatch(call("tool"))
        await pulse.ended()
        return report

    tracemalloc.start()
    try:
        report = play(scene())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert report == Failed("invalid", "printed more than 16 MiB", retryable=False)
    assert peak < 40 * 1024 * 1024


def test_a_process_that_prints_100_mb_and_ends_well_is_refused(tmp_path: Path) -> None:
    report = attempt(shell(tmp_path, "trap '' TERM PIPE; head -c 100000000 /dev/zero; exit 0"), "tool")
    assert report == Failed("invalid", "printed more than 16 MiB", retryable=False)


def test_a_process_that_prints_too_much_finds_its_stdout_closed(tmp_path: Path) -> None:
    report = attempt(shell(tmp_path, "trap '' TERM; yes", grace_s=1000), "tool")
    assert report == Failed("invalid", "printed more than 16 MiB", retryable=False)


def test_the_largest_output_is_still_a_value(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "MOST_STDOUT", 1000)
    monkeypatch.setattr(child, "CHUNK", 7)
    assert attempt(shell(tmp_path, "head -c 1000 /dev/zero | tr '\\0' x"), "tool") == Completed("x" * 1000)
    assert isinstance(attempt(shell(tmp_path, "head -c 1001 /dev/zero | tr '\\0' x"), "tool"), Failed)


def test_a_flood_of_errors_is_no_flood(tmp_path: Path) -> None:
    assert attempt(shell(tmp_path, "head -c 20000000 /dev/zero >&2; echo fine"), "tool") == Completed("fine")


def test_a_child_left_behind_that_holds_the_output_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "LINGER_S", 0.01)

    async def scene(script: str) -> Any:
        pulse = Pulse(tmp_path, f"pulse-{script[-1]}")
        report = await shell(tmp_path, f"{pulse.hold} sleep 1000 & {script}").dispatch(call("tool"))
        await pulse.ended()
        return report

    assert play(scene("echo done")) == Completed("done")
    assert play(scene("exit 3")) == Failed("failed", "exit status 3")


def test_a_process_that_left_the_group_with_the_output_is_let_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child, "LINGER_S", 0.01)
    program = (
        "import os, signal, sys\n"
        "ready, done = os.pipe()\n"
        "if pid := os.fork():\n"
        "    os.read(ready, 1)\n"
        "    print(pid)\n"
        "else:\n"
        "    os.setsid()\n"
        "    os.write(done, b'.')\n"
        "    signal.pause()\n"
    )
    report = attempt(command(tmp_path, sys.executable, "-c", program, grace_s=0.01), "tool")
    assert isinstance(report, Completed)
    assert isinstance(report.value, int)
    os.kill(report.value, signal.SIGKILL)  # it lives


def test_a_child_left_behind_that_holds_no_output_is_left_alone(tmp_path: Path) -> None:
    async def scene() -> Any:
        pulse = Pulse(tmp_path)
        script = f"(exec >/dev/null 2>&1; {pulse.begin} exec sleep 1000) & echo $!"
        report = await shell(tmp_path, script).dispatch(call("tool"))
        await pulse.begun()
        assert isinstance(report, Completed)
        assert isinstance(report.value, int)
        os.kill(report.value, signal.SIGKILL)
        await pulse.ended()

    play(scene())


def test_a_timeout_while_a_child_left_behind_holds_the_output_is_no_timeout(tmp_path: Path) -> None:
    async def scene() -> Any:
        process = Process(Tool("process", timeout=0.01), base=str(tmp_path), grace_s=2.0)
        words = ["sh", "-c", "sleep 1000 & echo done"]
        one = child.Child(words, folder=str(tmp_path), environment=dict(os.environ), stdin=b"")
        await one._exited
        report = await process._watch(one)
        one.close()
        return report

    assert play(scene()) == Completed("done")


def children() -> set[str]:
    """The processes that this one has started and not waited for, by number."""
    return {number for file in Path("/proc/self/task").glob("*/children") for number in file.read_text("ascii").split()}


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="nothing here tells of children")
def test_many_processes_run_at_once_and_none_is_left(tmp_path: Path) -> None:
    before = children()

    async def scene() -> list[Any]:
        router = shell(tmp_path, "cat")
        return await asyncio.gather(*(router.dispatch(call("tool", n=n)) for n in range(40)))

    assert play(scene()) == [Completed({"n": n}) for n in range(40)]
    assert children() <= before
    for thread in threading.enumerate():
        if thread.name == "trellis-process":
            thread.join(10)
            assert not thread.is_alive()
