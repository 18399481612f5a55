"""`trellis worker` takes up what nobody drives, says so, and lets go gently when it is told to stop."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Here
from tests.cli.console import LIMIT_S, environment
from tests.cli.test_runs import validator

if sys.platform == "win32":
    pytest.skip("signals are not sent to processes here", allow_module_level=True)

TIMED = """\
trellis: 1
name: timed
start: wait
fields:
  sure: {type: boolean, optional: true}
nodes:
  wait: {ask: {confirm: sure}, timeout: 100ms, catch: {timeout: late}, to: $end}
  late: {end: {status: ok}}
"""
SLOW = """\
trellis: 1
name: slow
start: work
tools:
  work: {process: [sh, -c, "echo $$ > pid; exec sleep 60"]}
nodes:
  work: {do: work, to: $end}
"""


class Worker:
    """A worker in a process of its own; what it says is read line by line, and must be as the schema has it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[dict[str, Any]] = []

    def until(self, kind: str) -> dict[str, Any]:
        """Read until a line of this type comes."""
        assert self.process.stdout is not None
        for text in self.process.stdout:
            line: dict[str, Any] = json.loads(text)
            validator("worker").validate(line)
            self.lines.append(line)
            if line["type"] == kind:
                return line
        raise AssertionError(f"no {kind}: {self.lines}")

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(LIMIT_S)


@contextmanager
def worker(folder: Path, *arguments: str) -> Iterator[Worker]:
    process = subprocess.Popen(
        [sys.executable, "-m", "trellis", "worker", "--output", "json", *arguments],
        cwd=folder, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        made = Worker(process)
        made.until("worker.started")
        yield made
    finally:
        process.kill()
        process.communicate()


@pytest.mark.covers("GT01", "GT02", "GT13")
def test_a_worker_takes_up_what_nobody_drives_and_fires_timers(here: Here) -> None:
    Path("timed.yaml").write_text(TIMED, "utf-8")
    assert here("run", "timed.yaml", "--id", "t-0", "--answers", "none.yaml").code == 2
    assert here("run", "timed.yaml", "--id", "t-1", typed="maybe\n").code == 0  # it stays until the timer fires
    Path("timed.yaml").write_text(TIMED.replace("100ms", "1s"), "utf-8")
    stopped = subprocess.Popen(
        [sys.executable, "-m", "trellis", "run", "timed.yaml", "--id", "t-2", "--output", "json"],
        cwd=here.folder, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert stopped.stdout is not None
    while json.loads(stopped.stdout.readline())["type"] != "ask":
        pass
    stopped.kill()
    stopped.communicate()
    with worker(here.folder) as serving:
        assert serving.until("run.taken")["run"] == "t-2"
        assert serving.until("run.finished")["status"] == "completed"
        assert serving.stop() == 0
    shown = json.loads(here("runs", "show", "t-2", "--json").out)
    assert (shown["status"], shown["last"][-1]["type"], shown["last"][-1]["purpose"]) == (
        "completed", "timer_fired", "timeout",
    )  # fmt: skip


def test_a_worker_of_some_graphs_leaves_the_others_alone(here: Here) -> None:
    here.died("p-1")
    with worker(here.folder, "hello.yaml", "saga.yaml") as serving:
        assert serving.lines[0]["graphs"] == ["hello", "saga"]
        assert serving.stop() == 0
        serving.until("worker.stopped")
    assert [line["type"] for line in serving.lines] == ["worker.started", "worker.stopping", "worker.stopped"]


@pytest.mark.covers("GT02")
def test_a_command_reaches_a_run_that_a_worker_has(here: Here) -> None:
    here.died("p-1")
    with worker(here.folder) as serving:
        assert serving.until("run.taken")["run"] == "p-1"
        while "uncertain" not in here("runs", "show", "p-1").out:
            pass
        again = here("runs", "resolve", "p-1", "pay", "--again")
        assert (again.code, again.out.partition(";")[0], again.err) == (0, "✓ to be made again", "")
        # The call kills its process; here that is the worker, as a fault of an action's library would.
        assert serving.process.wait(LIMIT_S) == 9
    assert here("runs", "ls").out.splitlines()[1].split()[2:5] == ["running", "under", "way"]
    with worker(here.folder) as serving:
        serving.until("run.taken")
        while "uncertain" not in here("runs", "show", "p-1").out:
            pass
        done = here("runs", "resolve", "p-1", "pay", "--failed", "lost")
        assert done == (0, "✓ resolved; the run has ended: failed at pay\n", "")
        finished = serving.until("run.finished")
        assert (finished["run"], finished["status"]) == ("p-1", "failed")


def test_what_a_worker_writes_counts_though_nobody_reads_its_lines_and_then_it_stops(here: Here) -> None:
    here.died("p-1")
    assert here("run", "hello.yaml", "--id", "h-1", "--set", "name=Ana", typed="prod\n").code == 7
    with worker(here.folder) as serving:
        assert serving.until("run.taken")["run"] == "p-1"
        while "uncertain" not in here("runs", "show", "p-1").out:
            pass
        assert serving.process.stdout is not None
        assert serving.process.stderr is not None
        serving.process.stdout.close()
        done = here("runs", "resolve", "p-1", "pay", "--failed", "lost")
        assert done == (0, "✓ resolved; the run has ended: failed at pay\n", "")
        assert serving.process.wait(LIMIT_S) == 130
        assert serving.process.stderr.read() == ""
    assert here("answer", "h-1", "count", "3").out == '✓ taken; the run has ended: completed: "prod"\n'


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_worker_whose_lines_find_no_room_stops_and_says_so(here: Here) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "trellis", "worker", "--output", "json"],
            cwd=here.folder, env=environment(), stdout=full, stderr=subprocess.PIPE, timeout=LIMIT_S, check=False,
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (1, b"error: cannot write the output: No space left on device\n")


def test_a_run_that_cannot_be_driven_is_put_off_and_the_reason_said(here: Here) -> None:
    Path("slow.yaml").write_text(SLOW, "utf-8")
    begun = subprocess.Popen(
        [sys.executable, "-m", "trellis", "run", "slow.yaml", "--id", "w-1", "--allow", "process", "--output", "json"],
        cwd=here.folder, env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert begun.stdout is not None
    while json.loads(begun.stdout.readline())["type"] != "tool.called":
        pass
    begun.kill()
    begun.communicate()
    with worker(here.folder) as serving:
        put_off = serving.until("run.put_off")
        assert (put_off["run"], put_off["reason"]) == (
            "w-1", "process tools need permission: 'work'; run again with --allow process",
        )  # fmt: skip
        assert serving.stop() == 0
    with worker(here.folder, "slow.yaml", "--allow", "process") as serving:
        serving.until("run.taken")
        assert serving.stop(signal.SIGINT) == 0
        assert serving.until("worker.stopping")["runs"] == 1
    assert here("runs", "ls").out.splitlines()[1].split()[2] == "running"


def test_a_worker_for_people_says_a_line_for_each_run_on_stderr(here: Here) -> None:
    here.died("p-1")
    process = subprocess.Popen(
        [sys.executable, "-m", "trellis", "worker", "hello.yaml", "saga.yaml"],
        cwd=here.folder, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr is not None
    started = process.stderr.readline()
    place = f"sqlite:///{here.folder}/.trellis/runs.db"
    assert started == f"worker {process.pid} serves graphs hello, saga of {place}\n"
    process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=LIMIT_S) == ("", "stopping; 0 runs are freed\nstopped\n")
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["--store", "memory://"], 2, "error: a worker needs a store that other processes reach, and memory:// is its own; name another --store\n"),
        (["slow.yaml"], 2, "error: process tools need permission: 'work'; run again with --allow process\n"),
        (["none.yaml"], 3, "none.yaml:1:1: E100 cannot read this file: no such file or directory (check the path)\nerror: 1 problem, nothing was run\n"),
        (["--store", "sqlit:///x"], 2, None),
    ],
)  # fmt: skip
def test_a_worker_that_cannot_begin_says_why(here: Here, words: list[str], code: int, told: str | None) -> None:
    Path("slow.yaml").write_text(SLOW, "utf-8")
    done = here("worker", *words)
    assert (done.code, done.out) == (code, "")
    if told is not None:
        assert done.err == told
