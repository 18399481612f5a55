"""Whatever becomes of the streams, nothing is lost, no traceback is shown, and the process ends."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.console import LIMIT_S, Done, environment, trellis
from tests.cli.test_run import lines_of, without

LONG = """\
trellis: 1
name: long
start: add
limits: {steps: 100000}
fields: {count: {type: integer, default: 0}}
nodes:
  add: {say: "{{ 'x' * 1000 }}", set: {fields: {count: count + 1}}, to: [{if: count < 300, to: add}, {to: done}]}
  done: {ask: {int: count}, to: $end}
"""


def shell(command: str, cwd: Path) -> Done:
    done = subprocess.run(
        ["/bin/sh", "-c", command.replace("trellis", f"{sys.executable} -m trellis", 1)],
        cwd=cwd, env=environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT_S,
    )  # fmt: skip
    return Done(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize("output", ["json", "text"])
def test_a_run_whose_reader_goes_away_stays_open(project: Path, output: str) -> None:
    (project / "long.yaml").write_text(LONG)
    done = shell(f"(trellis run long.yaml --id r --output {output}; echo $? >code) | head -n 1", project)
    assert len(done.out.splitlines()) == 1
    assert done.err == "run r stays open; continue with: trellis resume r\n"
    assert (project / "code").read_text() == "130\n"
    assert trellis("resume", "r", cwd=project, typed="1").out.splitlines()[-1] == "completed"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("output", ["json", "text"])
def test_a_run_whose_output_finds_no_room_says_so_and_stays_open(project: Path, output: str) -> None:
    done = shell(f"trellis run hello.yaml --id r --output {output} >/dev/full", project)
    assert (done.code, done.err) == (
        1,
        "error: cannot write the output: No space left on device\nrun r stays open; continue with: trellis resume r\n",
    )
    assert trellis("resume", "r", cwd=project, typed="prod\n\n").code == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("command", ["graph hello.yaml", "version", "--help"])
def test_what_only_reads_says_when_its_output_finds_no_room(project: Path, command: str) -> None:
    done = shell(f"trellis {command} >/dev/full", project)
    assert (done.code, done.err) == (1, "error: cannot write the output: No space left on device\n")


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&- <&-"])
def test_a_closed_stream_is_no_fault_of_a_run(project: Path, closed: str) -> None:
    done = shell(f"trellis run saga.yaml --id r {closed}", project)
    assert done.code == 0
    assert done.err == ""
    assert trellis("resume", "r", cwd=project).out == "completed\n"


def test_a_pipe_that_stays_open_does_not_keep_the_command_alive(project: Path) -> None:
    """The reader of stdin waits for a line that never comes; the run ends by its own time limit."""
    (project / "brief.yaml").write_text(
        "trellis: 1\nname: brief\nstart: ask\nfields: {go: {type: boolean, optional: true}}\nnodes:\n"
        "  ask: {ask: {confirm: go}, timeout: 50ms, catch: {timeout: $end}, to: $fail}\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "trellis", "run", "brief.yaml"],
        cwd=project, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    with process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.wait(LIMIT_S) == 0
        assert process.stdout.read() == b"\xe2\x9c\x97 ask timed out\ncompleted\n"
        assert process.stderr.read() == b""


def test_a_line_that_comes_in_pieces_is_one_answer(project: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "trellis", "run", "hello.yaml"],
        cwd=project, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert [process.stdout.readline() for _ in range(2)] == [b"Hello friend!\n", b"Which environment?\n"]
        for piece in (b"pr", b"od\r", b"\n7", b"7"):
            process.stdin.write(piece)
            process.stdin.flush()
        process.stdin.close()
        assert process.stdout.read().decode().splitlines()[:2] == [
            "? choose  env (staging, prod): prod",
            "? count  tries (a whole number; default 3): 77",
        ]
        assert process.wait(LIMIT_S) == 0


def test_bytes_that_are_no_text_are_refused_like_any_wrong_answer(project: Path) -> None:
    done = trellis("run", "hello.yaml", cwd=project, typed=b"\xff\xfe\nprod\n1\n")
    assert done.out.splitlines()[2:3] == ["? choose  not UTF-8: byte 0xff; env (staging, prod): prod"]
    assert done.code == 0


@pytest.mark.parametrize("variables", [{}, {"PYTHONIOENCODING": "latin-1"}, {"LC_ALL": "C"}])
def test_bytes_that_are_no_utf_8_are_kept_nowhere(project: Path, variables: dict[str, str]) -> None:
    (project / "name.yaml").write_text(
        "trellis: 1\nname: name\nstart: who\nfields: {who: {type: string}}\nnodes: {who: {ask: {text: who}, to: $end}}\n"
    )
    done = trellis("run", "name.yaml", "--output", "json", cwd=project, typed=b"caf\xe9\n5\xc3\xa9\n", **variables)
    lines = lines_of(done)
    assert [line.get("reason") for line in lines if line["type"] == "ask"] == [None, "not UTF-8: byte 0xe9"]
    assert lines[-1]["fields"] == {"who": "5é"}


def test_a_line_that_is_too_long_is_refused_whole(project: Path) -> None:
    done = trellis("run", "hello.yaml", cwd=project, typed=b"x" * 20_000_000 + b"\nprod\n1\n")
    assert done.out.splitlines()[2:] == [
        "? choose  longer than 1 MiB; env (staging, prod): prod",
        "? count  tries (a whole number; default 3): 1",
        "prod after 1",
        'completed: "prod"',
    ]


WAITING = """\
trellis: 1
name: waiting
start: wait
tools:
  python: {python: "waiting:wait"}
  process: {process: ["./stubborn.sh"]}
nodes:
  wait: {do: KIND, to: $end}
"""


@pytest.mark.parametrize("kind", ["python", "process"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_ends_the_command_while_a_tool_works(project: Path, kind: str, number: int) -> None:
    (project / "waiting.yaml").write_text(WAITING.replace("KIND", kind))
    (project / "waiting.py").write_text("import threading\ndef wait():\n    threading.Event().wait(600)\n")
    (project / "stubborn.sh").write_text("#!/bin/sh\nexec sleep 600\n")
    (project / "stubborn.sh").chmod(0o755)
    process = subprocess.Popen(
        [sys.executable, "-m", "trellis", "run", "waiting.yaml", "--id", "r", "--allow", "process"],
        cwd=project, env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    with process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == f"→ wait  {kind}  attempt 1\n"
        process.send_signal(number)
        assert process.wait(LIMIT_S) == 130
        assert process.stderr.read() == (
            "interrupted\nrun r stays open; continue with: trellis resume r --allow process\n"
        )


def _secret(project: Path) -> None:
    (project / "secret.yaml").write_text(
        "trellis: 1\nname: secret\nstart: token\n"
        "fields: {tok: {type: string, secret: true}, go: {type: boolean, optional: true}, n: {type: integer, default: 0}}\n"
        "tools: {measure: {python: 'secret:measure'}}\nnodes:\n"
        "  token: {ask: {secret: tok}, to: sure}\n  sure: {ask: {confirm: go}, to: use}\n"
        "  use: {do: measure, with: {token: '{{ tok }}'}, save: n, to: $end}\n"
    )
    (project / "secret.py").write_text("def measure(token):\n    return len(token)\n")


def test_a_secret_is_asked_for_again_and_never_kept(project: Path) -> None:
    _secret(project)
    assert trellis("run", "secret.yaml", "--id", "r", cwd=project, typed="sesame\n").code == 7
    assert trellis("resume", "r", cwd=project, typed="") == Done(
        7,
        "? secret 'tok' again (no store keeps it)\n",
        "input needed: secret 'tok' again (no store keeps it); the input has ended\n"
        "give what is secret with --answers FILE, where FILE has `tok: …`\n"
        "run r stays open; continue with: trellis resume r\n",
    )
    done = trellis("resume", "r", "--output", "json", cwd=project, typed=b"\xe9\nsesame\ny\n")
    lines = lines_of(done)
    asked = {"type": "ask", "node": "token", "field": "tok", "kind": "secret"}
    assert [without(line) for line in lines[:3]] == [
        {**asked, "reason": "no store keeps secrets"},
        {**asked, "reason": "not UTF-8: byte 0xe9"},
        {"type": "ask", "node": "sure", "field": "go", "kind": "confirm"},
    ]
    assert (done.code, lines[-1]["fields"]) == (0, {"tok": "***", "go": True, "n": 6})
    kept = b"".join(path.read_bytes() for path in (project / ".trellis").rglob("*") if path.is_file())
    assert b"sesame" not in kept
    assert "sesame" not in done.out


@pytest.mark.parametrize("answers", ["{tok: sesame, sure: true}", "{token: sesame, sure: true}", "[sesame, true]"])
def test_a_file_of_answers_gives_a_secret_again(project: Path, answers: str) -> None:
    _secret(project)
    trellis("run", "secret.yaml", "--id", "r", cwd=project, typed="sesame\n")
    (project / "answers.yaml").write_text(answers)
    done = trellis("resume", "r", "--answers", "answers.yaml", cwd=project)
    assert (done.code, done.out.splitlines()[:2]) == (
        0,
        ["? secret 'tok' again (no store keeps it)", "? sure  go (yes or no): true"],
    )


def test_a_file_without_the_secret_says_how_to_give_it(project: Path) -> None:
    _secret(project)
    trellis("run", "secret.yaml", "--id", "r", cwd=project, typed="sesame\n")
    (project / "answers.yaml").write_text("{tokn: x}")
    assert trellis("resume", "r", "--answers", "answers.yaml", cwd=project).err.splitlines() == [
        "input needed: secret 'tok' again (no store keeps it); answers.yaml has no answer for it (did you mean 'tokn'?)",
        "give what is secret with --answers FILE, where FILE has `tok: …`",
        "run r stays open; continue with: trellis resume r",
    ]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_stopping_twice_kills_the_tools_and_ends_at_once(project: Path, number: int) -> None:
    """A tool that does not go when told to is waited for, but not by somebody who asks again."""
    (project / "waiting.yaml").write_text(WAITING.replace("KIND", "process"))
    (project / "stubborn.sh").write_text("#!/bin/sh\ntrap '' TERM INT HUP\necho x > pulse\nsleep 600 3>pulse\n")
    (project / "stubborn.sh").chmod(0o755)
    os.mkfifo(project / "pulse")
    process = subprocess.Popen(
        [sys.executable, "-m", "trellis", "run", "waiting.yaml", "--id", "r", "--allow", "process"],
        cwd=project, env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    with process, (project / "pulse").open() as pulse:
        assert process.stderr is not None
        assert pulse.readline() == "x\n"
        process.send_signal(number)
        assert process.stderr.readline() == "interrupted\n"
        assert "stays open" in process.stderr.readline()
        process.send_signal(number)
        assert (process.wait(LIMIT_S), process.stderr.read()) == (130, "")
        assert select.select([pulse], [], [], LIMIT_S)[0]
        assert pulse.read() == ""  # no process holds the other end any more
    assert not list((project / ".trellis").glob("*owner*"))


def test_a_closed_terminal_is_no_matter_to_a_run_that_was_started_so(project: Path) -> None:
    (project / "waiting.yaml").write_text(
        WAITING.replace("KIND", "python").replace("to: $end}", "to: ask}\n  ask: {ask: {text: x}, to: $end}")
        + "fields: {x: {type: string}}\n"
    )
    (project / "waiting.py").write_text("import os, signal\ndef wait():\n    os.kill(os.getpid(), signal.SIGHUP)\n")
    assert shell("trap '' HUP; trellis run waiting.yaml", project).code == 7


@pytest.mark.parametrize("kind", ["", "async "])
def test_an_interrupt_raised_by_a_tool_says_how_to_go_on(project: Path, kind: str) -> None:
    (project / "waiting.yaml").write_text(WAITING.replace("KIND", "python"))
    (project / "waiting.py").write_text(f"{kind}def wait():\n    raise KeyboardInterrupt\n")
    done = trellis("run", "waiting.yaml", "--id", "a b", cwd=project)
    assert (done.code, done.err) == (130, "interrupted\nrun a b stays open; continue with: trellis resume 'a b'\n")


def test_what_a_tool_prints_is_no_line_of_json(project: Path) -> None:
    (project / "loud.yaml").write_text(WAITING.replace("KIND", "python"))
    (project / "waiting.py").write_text("def wait():\n    print('loud')\n    return 1\n")
    (project / "loud.yaml").write_text((project / "loud.yaml").read_text().replace("name: waiting", "name: loud"))
    done = trellis("run", "loud.yaml", "--output", "json", cwd=project)
    assert (done.code, done.err, lines_of(done)[-1]["status"]) == (0, "loud\n", "completed")
    assert "loud" in trellis("run", "loud.yaml", "--output", "text", cwd=project).out.splitlines()
