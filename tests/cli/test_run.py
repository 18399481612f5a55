"""`trellis run` and `resume` as the contract has them: what is printed, what is kept, and the exit code."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.cli.console import ROOT, Done, trellis
from trellis.project import load

SCHEMA = ROOT / "trellis/cli/schemas/events.schema.json"


@cache
def validator() -> jsonschema.Draft202012Validator:
    schema = json.loads(SCHEMA.read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def lines_of(done: Done) -> list[dict[str, Any]]:
    """The event lines of a command; each must be as the published schema says, and their numbers grow."""
    lines = [json.loads(line) for line in done.out.splitlines()]
    for line in lines:
        validator().validate(line)
    numbers = [line["seq"] for line in lines if "seq" in line]
    assert numbers == sorted(set(numbers))
    return lines


def without(line: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in line.items() if key not in ("v", "seq", "at", "run", *keys)}


@pytest.mark.covers("GT01")
def test_a_run_prints_a_line_for_everything_that_happens(project: Path) -> None:
    done = trellis("run", "hello.yaml", "--id", "r-1", "--output", "json", cwd=project, typed="prod\n\n")
    lines = lines_of(done)
    assert {(line["v"], line["run"]) for line in lines} == {(1, "r-1")}
    assert [without(line) for line in lines] == [
        {"type": "run.started", "graph": lines[0]["graph"], "name": "hello", "fields": {"name": "friend", "tries": 0}},
        {"type": "node.entered", "node": "greet"},
        {"type": "say", "node": "greet", "text": "Hello friend!"},
        {"type": "node.left", "node": "greet"},
        {"type": "node.entered", "node": "choose"},
        {"type": "say", "node": "choose", "text": "Which environment?"},
        {"type": "ask", "node": "choose", "field": "env", "kind": "choice", "options": ["staging", "prod"]},
        {"type": "fields.changed", "fields": {"env": "prod"}},
        {"type": "node.left", "node": "choose"},
        {"type": "node.entered", "node": "count"},
        {"type": "ask", "node": "count", "field": "tries", "kind": "int", "default": 3},
        {"type": "fields.changed", "fields": {"tries": 3}},
        {"type": "node.left", "node": "count"},
        {"type": "node.entered", "node": "done"},
        {"type": "say", "node": "done", "text": "prod after 3"},
        {"type": "node.left", "node": "done"},
        {
            "type": "run.finished",
            "status": "completed",
            "result": "prod",
            "fields": {"name": "friend", "env": "prod", "tries": 3},
            "states": [],
            "visited": ["greet", "choose", "count", "done"],
        },
    ]
    assert (done.code, done.err) == (0, "")


def test_people_read_what_the_graph_says_and_how_it_ended(project: Path) -> None:
    (project / "answers.yaml").write_text("choose: [PRDO, ' Prod ']\ncount: 7\n")
    done = trellis("run", "hello.yaml", "--set", "name=Ana", "--answers", "answers.yaml", cwd=project)
    assert done == Done(
        0,
        "Hello Ana!\n"
        "Which environment?\n"
        "? choose  env (staging, prod): PRDO\n"
        "? choose  choose one of: staging, prod; env (staging, prod): Prod\n"
        "? count  tries (a whole number; default 3): 7\n"
        "prod after 7\n"
        'completed: "prod"\n',
        "",
    )


@pytest.mark.parametrize(
    ("fault", "code", "status", "last"),
    [
        ("none", 0, "completed", "completed"),
        ("other", 1, "failed", "failed at check: other: other"),
        ("denied", 4, "denied", "denied at check: not yours"),
        ("timeout", 5, "timed_out", "timed out at check: too slow"),
        ("broken", 8, "rolled_back", "rolled back: undid push, build"),
        ("stuck", 9, "rollback_failed", "rollback failed: could not undo build; undid push"),
    ],
)
def test_the_exit_code_tells_how_the_run_ended(project: Path, fault: str, code: int, status: str, last: str) -> None:
    arguments = ("run", "saga.yaml", "--set", f"fault={fault}", "--id", "r")
    done = trellis(*arguments, cwd=project)
    assert (done.code, done.out.splitlines()[-1], done.err) == (code, last, "")
    again = trellis(*arguments, "--output", "json", cwd=project)
    assert again.code == code
    assert [(line["type"], line["status"]) for line in lines_of(again)] == [("run.finished", status)]


def test_a_rollback_is_told_step_by_step(project: Path) -> None:
    done = trellis("run", "saga.yaml", "--set", "fault=stuck", cwd=project)
    assert done.out == (
        "→ build  make  attempt 1\n✓ build\n"
        "→ push  make  attempt 1\n✓ push\n"
        "→ check  check  attempt 1\n✗ check broken: it is broken\n"
        "↶ push  unmake\n✓ undid push\n"
        "↶ build  unmake\n✗ build failed: still in use\n✗ undo of build failed: still in use\n"
        "rollback failed: could not undo build; undid push\n"
    )


def test_every_line_of_a_rollback_is_as_the_schema_says(project: Path) -> None:
    lines = lines_of(trellis("run", "saga.yaml", "--set", "fault=stuck", "--output", "json", cwd=project))
    assert [without(line, "key") for line in lines if line["type"].startswith("undo")] == [
        {"type": "undo.started", "node": "push", "tool": "unmake"},
        {"type": "undo.done", "node": "push"},
        {"type": "undo.started", "node": "build", "tool": "unmake"},
        {"type": "undo.done", "node": "build", "error": {"code": "failed", "message": "still in use"}},
    ]
    assert lines[-1]["undo_failed"] == [{"node": "build", "code": "failed", "message": "still in use"}]


@pytest.mark.covers("TR07")
def test_a_run_without_answers_stays_open_and_can_be_gone_on_with(project: Path) -> None:
    done = trellis("run", "hello.yaml", "--id", "r-1", cwd=project, typed="prod\n")
    assert done == Done(
        7,
        "Hello friend!\nWhich environment?\n? choose  env (staging, prod): prod\n"
        "? count  tries (a whole number; default 3)\n",
        "input needed: count asks for tries (a whole number; default 3); the input has ended\n"
        "run r-1 stays open; continue with: trellis resume r-1\n",
    )
    done = trellis("resume", "r-1", "--output", "json", cwd=project, typed="7")
    assert [without(line) for line in lines_of(done)][:2] == [
        {"type": "ask", "node": "count", "field": "tries", "kind": "int", "default": 3},
        {"type": "fields.changed", "fields": {"tries": 7}},
    ]
    assert done.code == 0


def test_a_closed_stdin_is_the_end_of_the_input(project: Path) -> None:
    done = trellis("run", "hello.yaml", "--id", "r", cwd=project, typed=None)
    assert (done.code, done.err.splitlines()[0]) == (
        7,
        "input needed: choose asks for env (staging, prod); the input has ended",
    )


def test_with_answers_stdin_is_not_read(project: Path) -> None:
    (project / "answers.yaml").write_text("- prod\n")
    done = trellis("run", "hello.yaml", "--id", "r", "--answers", "answers.yaml", cwd=project, typed="7\n7\n7\n")
    assert (done.code, done.err.splitlines()[0]) == (
        7,
        "input needed: count asks for tries (a whole number; default 3); answers.yaml has no more answers",
    )


def test_a_map_of_answers_that_misses_a_node_says_what_was_perhaps_meant(project: Path) -> None:
    (project / "answers.yaml").write_text("chose: prod\n")
    done = trellis("run", "hello.yaml", "--id", "r", "--answers", "answers.yaml", cwd=project)
    assert (done.code, done.err.splitlines()[0]) == (
        7,
        "input needed: choose asks for env (staging, prod); answers.yaml has no answer for it (did you mean 'chose'?)",
    )


def test_a_question_with_a_time_limit_is_waited_for(project: Path) -> None:
    (project / "brief.yaml").write_text(
        "trellis: 1\nname: brief\nstart: ask\nfields: {go: {type: boolean, optional: true}}\nnodes:\n"
        "  ask: {ask: {confirm: go}, timeout: 600ms, catch: {timeout: late}, to: $end}\n"
        "  late: {say: Too late., end: cancelled}\n"
    )
    assert trellis("run", "brief.yaml", cwd=project) == Done(
        6, "? ask  go (yes or no)\n✗ ask timed out\nToo late.\ncancelled\n", ""
    )


def test_a_question_in_a_branch_lets_the_work_beside_it_finish(project: Path) -> None:
    (project / "beside.yaml").write_text(
        "trellis: 1\nname: beside\nstart: both\nfields: {go: {type: boolean, optional: true}}\n"
        "tools: {slow: {python: 'beside:slow'}}\nnodes:\n"
        "  both: {all: {person: {ask: {confirm: go}}, work: {do: slow}}, to: $end}\n"
    )
    (project / "beside.py").write_text("import threading\ndef slow():\n    threading.Event().wait(0.6)\n    return 1\n")
    done = trellis("run", "beside.yaml", "--id", "r", cwd=project)
    assert (done.code, done.out) == (7, "→ both.work  slow  attempt 1\n? both.person  go (yes or no)\n✓ both.work\n")
    assert trellis("resume", "r", cwd=project, typed="y\n").out == "? both.person  go (yes or no): y\ncompleted\n"


def test_ten_thousand_typed_lines_are_all_used(project: Path) -> None:
    (project / "many.yaml").write_text(
        "trellis: 1\nname: many\nstart: add\nlimits: {visits: 0}\n"
        "fields: {n: {type: integer, default: 0}, sum: {type: integer, default: 0}, count: {type: integer, default: 0}}\n"
        "nodes:\n  add: {ask: {int: n}, set: {fields: {sum: sum + n, count: count + 1}},\n"
        "        to: [{if: count < 10000, to: add}, {to: done}]}\n"
        "  done: {end: {status: ok, result: sum}}\n"
    )
    typed = "".join(f"{number}\n" for number in range(10_000))
    done = trellis("run", "many.yaml", "--store", "memory://", "--output", "json", cwd=project, typed=typed)
    last = json.loads(done.out.splitlines()[-1])
    assert (done.code, last["result"], last["fields"]["count"]) == (0, sum(range(10_000)), 10_000)


def test_an_id_starts_a_run_once(project: Path) -> None:
    first = trellis("run", "hello.yaml", "--id", "x", cwd=project, typed="prod\n")
    assert first.code == 7
    second = trellis("run", "hello.yaml", "--id", "x", cwd=project, typed="9\n")
    assert second == Done(0, '? count  tries (a whole number; default 3): 9\nprod after 9\ncompleted: "prod"\n', "")
    third = trellis("run", "hello.yaml", "--id", "x", cwd=project)
    assert third == Done(0, 'completed: "prod"\n', "")


def test_an_id_of_another_definition_is_refused_and_its_run_is_as_it_was(project: Path) -> None:
    trellis("run", "hello.yaml", "--id", "x", cwd=project, typed="prod\n")
    graph = project / "hello.yaml"
    graph.write_text(graph.read_text().replace("Which environment?", "Where?"))
    done = trellis("run", "hello.yaml", "--id", "x", cwd=project, typed="9\n")
    assert (done.code, done.out) == (2, "")
    begun = json.loads(trellis("runs", "show", "x", "--json", cwd=project).out)["hash"]
    now = load(graph, tools=()).hash
    assert done.err == (
        f"error: run 'x' was started with another definition of 'hello' ({begun[:12]}) than this one of 'hello' "
        f"({now[:12]}); `trellis resume x` continues it as it was, another --id starts anew\n"
    )
    assert trellis("resume", "x", cwd=project, typed="9\n").out.endswith('prod after 9\ncompleted: "prod"\n')


def test_an_unknown_run_is_named(project: Path) -> None:
    searched = f"store: sqlite:///{(project / '.trellis/runs.db').resolve().as_posix()}"
    told = f"error: unknown run 'X'\n{searched}\n"
    for command in (["resume", "X"], ["graph", "--run", "X"], ["graph", "hello.yaml", "--run", "X"]):
        assert trellis(*command, cwd=project) == Done(2, "", told)
        assert not (project / ".trellis/runs.db").exists()
    assert trellis("resume", "X", "--store", "sqlite:///a/b.db", cwd=project) == Done(
        2, "", "error: unknown run 'X'\nstore: sqlite:///a/b.db\n"
    )
    assert not (project / "a").exists()
    trellis("run", "hello.yaml", cwd=project)
    assert trellis("resume", "X", cwd=project) == Done(2, "", told)


def test_the_resume_command_names_what_it_needs(project: Path) -> None:
    done = trellis(
        "run",
        "hello.yaml",
        "--id",
        "a b",
        "--store",
        "sqlite:///my runs.db",
        "--allow",
        "process",
        cwd=project,
        typed="",
    )
    command = "trellis resume 'a b' --store 'sqlite:///my runs.db' --allow process"
    assert done.err.splitlines()[-1] == f"run a b stays open; continue with: {command}"
    away = project / "elsewhere"
    away.mkdir()
    (away / "trellis.toml").touch()
    done = trellis("run", "../hello.yaml", "--id", "r", cwd=away, typed="")
    command = f"trellis resume r --store sqlite:///{(project / '.trellis/runs.db').resolve().as_posix()}"
    assert done.err.splitlines()[-1] == f"run r stays open; continue with: {command}"
    assert trellis(*command.split()[1:], cwd=away, typed="prod\n\n").code == 0


def test_a_run_in_memory_is_said_to_be_gone(project: Path) -> None:
    done = trellis("run", "hello.yaml", "--id", "r", "--store", "memory://", cwd=project)
    assert done.err.splitlines()[-1] == "run r was kept in memory only and is gone"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["hello.yaml", "--set", "nam=x"], "graph 'hello' has no field 'nam' (did you mean 'name'?)"),
        (["hello.yaml", "--set", "tries=-1"], "field 'tries': "),
        (["hello.yaml", "--answers", "no.yaml"], "cannot read the answers no.yaml: no such file or directory"),
        (["hello.yaml", "--store", "sqlit:///x"], "store sqlit:///x: "),
        (["hello.yaml", "--allow", "http"], "invalid value for '--allow': 'http' is no kind of tool; known: process"),
        (["hello.yaml", "--output", "xml"], "invalid value for '--output': 'xml' is not one of 'auto', 'text', 'json'"),
        ([], "missing argument 'FILE'"),
        (["hello.yaml", "--version"], "no such option '--version'\ntry: trellis version\n"),
        (["hello.yaml", "--ide", "x"], "no such option '--ide'"),
    ],
)
def test_a_wrong_command_line_ends_with_two_and_says_why(project: Path, arguments: list[str], message: str) -> None:
    done = trellis("run", *arguments, cwd=project, typed="prod\n\n")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"error: {message}")
    assert "Traceback" not in done.err


def test_a_tool_that_needs_permission_is_refused_before_anything_runs(project: Path) -> None:
    (project / "shell.yaml").write_text(
        "trellis: 1\nname: shell\nstart: go\ntools: {list: {process: [ls]}}\nnodes: {go: {do: list, to: $end}}\n"
    )
    done = trellis("run", "shell.yaml", "--id", "r", cwd=project)
    assert done == Done(2, "", "error: process tools need permission: 'list'; run again with --allow process\n")
    assert trellis("resume", "r", cwd=project).err.splitlines()[0] == "error: unknown run 'r'"
    assert trellis("run", "shell.yaml", "--id", "r", "--allow", "process", cwd=project).code == 0


def test_a_graph_with_problems_is_not_run(project: Path) -> None:
    (project / "bad.yaml").write_text("trellis: 1\nname: bad\nstart: a\nnodes: {a: {say: x, to: b}, c: {say: y}}\n")
    done = trellis("run", "bad.yaml", cwd=project)
    assert (done.code, done.out) == (3, "")
    assert done.err.splitlines()[0].startswith("bad.yaml:4:25: E204 no node named 'b'")
    assert done.err.splitlines()[-1].startswith("error: ")


def test_a_fault_of_the_store_says_how_to_go_on(project: Path) -> None:
    (project / "full.yaml").write_text(
        "trellis: 1\nname: full\nstart: a\nfields: {x: {type: any, optional: true}}\n"
        "tools: {fill: {python: 'full:fill'}}\nnodes: {a: {do: fill, save: x, to: $end}}\n"
    )
    (project / "full.py").write_text(
        "import resource\n"
        "def fill():\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))\n"
        "    return 'x' * 1_000_000\n"
    )
    done = trellis("run", "full.yaml", "--id", "r", cwd=project)
    assert done.code == 2
    error, resume = done.err.splitlines()
    assert error.startswith("error: store sqlite:///")
    assert resume == "run r stays open; continue with: trellis resume r"
