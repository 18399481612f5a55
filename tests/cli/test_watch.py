"""`run --watch` and `worker --watch`: what an author sees who saves a graph while it runs, and what a program reads."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.cli.console import LIMIT_S, Console, environment, trellis
from tests.cli.test_run import validator
from tests.cli.test_worker import worker
from trellis.cli.words import Words

if sys.platform == "win32":
    pytest.skip("signals are not sent to processes here", allow_module_level=True)

HELLO = """trellis: 1
name: hello
start: greet
fields: {name: {type: string, optional: true}}
nodes:
  greet: {say: Who are you?, ask: {text: name}, to: done}
  done: {say: "Hello {{ name }}", to: $end}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "trellis.toml").touch()
    (tmp_path / "hello.yaml").write_text(HELLO)
    return tmp_path


def save(folder: Path, *changes: tuple[str, str], name: str = "hello.yaml") -> None:
    """Save as editors do: whole, in one step."""
    text = (folder / name).read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (folder / f".{name}.swp").write_text(text)
    os.replace(folder / f".{name}.swp", folder / name)


@pytest.mark.covers("TR06")
def test_an_author_sees_each_save_taken_up_by_the_run_that_is_open_or_by_a_new_one(folder: Path) -> None:
    author = Console("run", "hello.yaml", "--watch", "--output", "text", cwd=folder, NO_COLOR="1")
    author.expect("Who are you?")
    author.expect("name: ")
    save(folder, ("Who are you?", "And you are?"))
    said = author.expect("name: ")
    assert '↻ hello.yaml  ~greet.say "Who are you?" -> "And you are?"' in said
    assert "adopted it" in said
    assert "And you are?" in said.splitlines()
    save(folder, ("to: done", "to: dnoe"))
    said = author.expect("name: ")
    assert "✗ hello.yaml is broken, version " in said
    assert "  hello.yaml:6:53: E204 no node named 'dnoe' (did you mean 'done'?)" in said.splitlines()
    author.type("Ana\n")
    author.expect("Hello Ana")
    author.expect("waiting for hello.yaml to be saved; Ctrl-C ends")
    save(folder, ("to: dnoe", "to: done"), ("Hello", "Good day"))
    author.expect('~done.say "Hello {{ name }}" -> "Good day {{ name }}"')
    author.expect("name: ")
    save(folder, ("greet:", "start:"), ("start: greet", "start: start"))
    said = author.expect("name: ")
    assert "stays with its version: " in said
    assert "no node 'greet'" in said
    author.type("Bob\n")
    author.expect("Good day Bob")
    author.expect("completed")
    author.expect("name: ")  # a version is live that no run has gone by: it is run at once
    author.type(b"\x03")
    assert author.end()[0] == 130


@contextmanager
def watched(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "trellis", "run", "hello.yaml", "--watch", "--output", "json", *arguments],
        cwd=folder, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def until(process: subprocess.Popen[str], kind: str) -> dict[str, Any]:
    assert process.stdout is not None
    for text in process.stdout:
        line: dict[str, Any] = json.loads(text)
        validator().validate(line)
        if line["type"] == kind:
            return line
    raise AssertionError(f"no {kind}; {process.stderr.read() if process.stderr else ''}")


@pytest.mark.covers("TR06")
def test_a_program_reads_a_line_for_each_save_and_the_store_wakes_nobody(folder: Path) -> None:
    save(folder, ("to: done", "to: dnoe"))
    with watched(folder, "--store", "sqlite:///runs.db", "--on-change", "keep", "--answers", "answers.json") as process:
        (folder / "answers.json").write_text('["Ana"]')
        broken = until(process, "reload")
        assert (broken["live"], broken["graph"], broken["before"], broken.get("run")) == (False, None, None, None)
        assert [problem["code"] for problem in broken["problems"] if problem["severity"] == "error"] == ["E204"]
        save(folder, ("to: dnoe", "to: done"))
        live = until(process, "reload")
        assert (live["live"], live["problems"], live["runs"]) == (True, [], [])
        assert until(process, "run.started")["graph"] == live["graph"]
        assert until(process, "run.finished")["fields"] == {"name": "Ana"}
        (folder / "answers.json").write_text('["Bob"]')
        save(folder, ("Hello", "Good day"))
        again = until(process, "reload")
        assert (again["before"], again["changes"]) == (
            live["graph"],
            ['~done.say "Hello {{ name }}" -> "Good day {{ name }}"'],
        )
        assert until(process, "say")["text"] == "Who are you?"
        assert until(process, "say")["text"] == "Good day Bob"
        until(process, "run.finished")
        process.send_signal(signal.SIGINT)
        assert process.wait(LIMIT_S) == 130


def test_a_run_that_nobody_answers_goes_on_with_a_save_and_no_line_is_said_twice(folder: Path) -> None:
    with watched(folder, "--headless", "--id", "r") as process:
        assert until(process, "ask")["run"] == "r"
        save(folder, ("fields: {", "fields: {x: {type: string, default: a}, "), ("Hello", "Hello {{ x }},"))
        reload = until(process, "reload")
        assert reload["runs"] == [{"run": "r", "verdict": "safe", "adopted": True, "reasons": []}]
        answered = trellis("answer", "r", "greet", "Ana", cwd=folder)
        assert answered.code == 0
        assert until(process, "say")["text"] == "Hello a, Ana"
        assert until(process, "run.finished")["run"] == "r"
        save(folder, ("ask: {text: name}, ", ""), ("{{ name }}", "-"), ("name: {type: string, optional: true}", ""))
        assert until(process, "reload")["live"]
        assert until(process, "run.finished")["run"] != "r"
        assert process.stdout is not None
        process.stdout.close()
        save(folder, ("Hello", "Good day"))
        assert process.wait(LIMIT_S) == 130  # nobody reads any more


def test_the_way_back_to_a_run_is_said_when_it_is_left(folder: Path) -> None:
    with watched(folder, "--headless", "--id", "r") as process:
        until(process, "ask")
        save(folder, ("greet", "hail"))
        assert not until(process, "reload")["runs"][0]["adopted"]
        assert until(process, "run.started")["run"] != "r"
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=LIMIT_S)
    lines = [line for line in said.splitlines() if "resume" in line or "waiting" in line]
    assert [line.partition("resume ")[2] or "waits" for line in lines[:2]] == ["waits", "r"]


def test_a_file_that_is_not_there_is_not_waited_for(folder: Path) -> None:
    done = trellis("run", "helo.yaml", "--watch", cwd=folder)
    assert (done.code, done.out) == (3, "")
    assert done.err.splitlines()[0] == (
        "helo.yaml:1:1: E100 cannot read this file: no such file or directory (did you mean 'hello.yaml'?)"
    )


@pytest.mark.covers("TR06")
def test_a_worker_takes_up_saves_and_moves_the_runs_that_it_serves(folder: Path) -> None:
    opened = trellis("run", "hello.yaml", "--id", "r", "--headless", cwd=folder)
    assert opened.code == 7
    with worker(folder, "hello.yaml", "--watch", "--on-change", "adopt") as serving:
        save(folder, ("Hello", "Good day"))
        line = serving.until("reload")
        assert line["runs"] == [{"run": "r", "verdict": "safe", "adopted": True, "reasons": []}]
        assert json.loads(trellis("runs", "show", "r", "--json", cwd=folder).out)["hash"] == line["graph"]
        assert serving.stop() == 0


def test_a_worker_watches_the_graphs_that_it_is_given_and_no_others(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    done = trellis("worker", "--watch", cwd=folder)
    assert (done.code, done.err.splitlines()[0]) == (
        2,
        "error: --watch needs the files of the graphs that are to be watched: trellis worker --watch GRAPH…",
    )
    other = tmp_path_factory.mktemp("other") / "hello.yaml"
    other.write_text(HELLO)
    done = trellis("worker", "hello.yaml", str(other), "--watch", cwd=folder)
    assert done.code == 2
    assert done.err.startswith("error: --watch is for graphs of one project: hello.yaml is of ")


def test_the_words_of_a_save() -> None:
    problem = {
        "path": "a.yaml",
        "line": 1,
        "column": 2,
        "code": "E204",
        "severity": "error",
        "message": "no",
        "hint": "try",
    }
    line = {
        "type": "reload",
        "document": "a.yaml",
        "live": True,
        "graph": "b" * 64,
        "before": "a" * 64,
        "changes": [],
        "problems": [],
        "runs": [],
    }
    say = Words().say
    assert say(line) == "↻ a.yaml  bbbbbbbbbbbb"
    assert say({**line, "before": line["graph"]}) == "↻ a.yaml is sound, and means what it meant"
    assert say({**line, "changes": [f"+node n{number}" for number in range(14)]}) == (
        "↻ a.yaml  " + ", ".join(f"+node n{number}" for number in range(12)) + ", and 2 more"
    )
    assert say({**line, "live": False, "problems": [problem]}) == (
        "✗ a.yaml is broken, version bbbbbbbbbbbb stays live\n  a.yaml:1:2: E204 no (try)"
    )
    assert say({**line, "live": False, "graph": None}) == "✗ a.yaml is broken, no version is live yet"
    runs = [
        {"run": "r", "verdict": "safe", "adopted": True, "reasons": []},
        {"run": "s", "verdict": "blocked", "adopted": False, "reasons": ["one", "two"]},
    ]
    assert say({**line, "runs": runs}) == "↻ a.yaml  bbbbbbbbbbbb\n  r adopted it\n  s stays with its version: one; two"
    assert say({**line, "staying": 1}) == "↻ a.yaml  bbbbbbbbbbbb\n  1 open run keeps its version"
    assert say({**line, "staying": 2}) == "↻ a.yaml  bbbbbbbbbbbb\n  2 open runs keep their version"
