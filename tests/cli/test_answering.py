"""`trellis answer`, `trellis signal` and `trellis runs resolve` reach a run wherever it is, and say what came of it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from typing import Any

import pytest

from tests.cli.conftest import Here
from tests.cli.console import Console, environment, trellis

PARKED = (
    "nobody drives it: a worker goes on with it when its timer is due, or: trellis resume p-1\n"  # its question has one
)


@pytest.fixture
def asking(here: Here) -> Here:
    """A run that waits for two answers, one after the other."""
    assert here("run", "hello.yaml", "--id", "h-1").code == 7
    return here


def last(here: Here, run: str) -> dict[str, Any]:
    event: dict[str, Any] = json.loads(here("runs", "show", run, "--json").out)["last"][-1]
    return event


def test_an_answer_is_taken_and_the_next_question_is_told(asking: Here) -> None:
    told = "✓ taken; now at: count asks for tries (a whole number; default 3)\n"
    assert asking("answer", "h-1", "choose", "PROD", "--as", "ana", "--id", "m-1") == (0, told, "")
    assert {key: value for key, value in last(asking, "h-1").items() if key != "at"} == {
        "seq": 2, "type": "answer_given", "node": "choose", "value": "PROD", "by": "ana", "id": "m-1",
    }  # fmt: skip
    assert asking("answer", "h-1", "choose", "PROD", "--id", "m-1") == (0, told, "")  # the same one again
    assert last(asking, "h-1")["seq"] == 2
    assert asking("answer", "h-1", "count", "7") == (0, '✓ taken; the run has ended: completed: "prod"\n', "")


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["choose", "prdo"], 7, "✗ asked again: choose one of: staging, prod; env (staging, prod)\n"),
        (["chose", "prod"], 2, "error: node 'chose' does not ask; asking now: choose (did you mean 'choose'?)\n"),
        (["greet", "prod"], 2, "error: node 'greet' does not ask; asking now: choose\n"),
    ],
)
def test_an_answer_that_is_not_taken_is_told_why(asking: Here, words: list[str], code: int, told: str) -> None:
    done = asking("answer", "h-1", *words)
    assert (done.code, done.out + done.err) == (code, told)
    assert last(asking, "h-1")["seq"] == 1


def test_a_number_below_zero_is_an_answer_and_no_option(asking: Here) -> None:
    asking("answer", "h-1", "choose", "prod")
    done = asking("answer", "h-1", "count", "-1")
    assert done == (
        7,
        "✗ asked again: -1 does not pass its check `value >= 0`; tries (a whole number; default 3)\n",
        "",
    )


@pytest.mark.parametrize("typed", ["9" * 23, "-" + "9" * 23, "1e30"])
def test_a_whole_number_that_is_too_large_is_told_so(asking: Here, typed: str) -> None:
    asking("answer", "h-1", "choose", "prod")
    told = "✗ asked again: integer beyond 64 bits; tries (a whole number; default 3)\n"
    assert asking("answer", "h-1", "count", typed) == (7, told, "")


def test_a_run_that_has_ended_takes_no_answer(asking: Here) -> None:
    asking("runs", "cancel", "h-1")
    assert asking("answer", "h-1", "choose", "prod") == (2, "", "error: run 'h-1' has ended: cancelled\n")


def test_a_secret_is_taken_from_stdin_and_never_from_the_command_line(here: Here) -> None:
    here.crashed("p-1")
    here("runs", "resolve", "p-1", "pay", "--value", "null")
    here("answer", "p-1", "sure", "yes")
    refused = (
        "error: node 'token' asks for a secret, and a command line is seen by others and kept by shells; "
        "give it on stdin: trellis answer p-1 token -\n"
    )
    assert here("answer", "p-1", "token", "sesame") == (2, "", refused)
    assert here("answer", "p-1", "token", "-", typed="sesame\n") == (0, "✓ taken; the run has ended: completed\n", "")
    assert last(here, "p-1")["value"] == "***"


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminal here")
def test_a_secret_that_is_typed_on_a_terminal_is_not_shown(here: Here) -> None:
    here.crashed("p-1")
    here("runs", "resolve", "p-1", "pay", "--value", "null")
    here("answer", "p-1", "sure", "yes")
    console = Console("answer", "p-1", "token", "-", cwd=here.folder)
    console.expect("token (not shown): ")
    assert not console.echoes()
    console.type("sesame\n")
    code, rest = console.end()
    assert (code, "the run has ended: completed" in rest, "sesame" in console.screen) == (0, True, False)


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminal here")
def test_an_answer_that_is_typed_ends_with_ctrl_d_and_ctrl_c_delivers_nothing(asking: Here) -> None:
    asking("answer", "h-1", "choose", "prod")
    asked = "tries (a whole number; default 3): type it, then Ctrl-D on a line of its own; Ctrl-C gives up\n"
    stopped = Console("answer", "h-1", "count", "-", cwd=asking.folder, NO_COLOR="1")
    assert stopped.expect("gives up\n") == asked
    stopped.type("7\n")
    stopped.expect("7\n")
    code, told = stopped.interrupt()
    assert (code, told.lstrip("^C")) == (130, "\ninterrupted\n")
    assert last(asking, "h-1")["seq"] == 2
    person = Console("answer", "h-1", "count", "-", cwd=asking.folder, NO_COLOR="1")
    person.expect("gives up\n")
    person.type("7\n\x04")
    assert person.end() == (0, '7\n✓ taken; the run has ended: completed: "prod"\n')


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminal here")
def test_a_value_that_is_typed_to_resolve_a_call_is_asked_for(here: Here) -> None:
    here.crashed("p-1")
    stopped = Console("runs", "resolve", "p-1", "pay", "--value", "-", cwd=here.folder)
    assert stopped.expect("gives up\n") == "JSON: type it, then Ctrl-D on a line of its own; Ctrl-C gives up\n"
    stopped.type("\x03")
    assert stopped.end() == (130, "^C\ninterrupted\n")


def test_stdin_that_is_no_text_is_refused(asking: Here) -> None:
    asking.typed = b"\xff\n"
    assert asking("answer", "h-1", "choose", "-") == (2, "", "error: stdin is not UTF-8: byte 0xff\n")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["hury"], "no signal named 'hury'; did you mean 'hurry'?"),
        (["hurry", "bye=ana"], "signal 'hurry' lacks by=VALUE (string)"),
        (["zzz"], "no signal named 'zzz'; known: hurry, interrupt"),
        (["interrupt"], "nothing takes signal 'interrupt' now; taken now: hurry"),
        (["hurry"], "signal 'hurry' lacks by=VALUE (string)"),
        (["hurry", "by"], "signal 'hurry' takes KEY=VALUE, found 'by'"),
        (["hurry", "by=ana", "tone=x"], "signal 'hurry' carries no 'tone'"),
    ],
)
def test_a_signal_that_is_not_taken_is_told_why(here: Here, words: list[str], told: str) -> None:
    here.crashed("p-1")
    here("runs", "resolve", "p-1", "pay", "--value", "null")
    done = here("signal", "p-1", *words)
    assert (done.code, done.out) == (2, "")
    assert done.err == f"error: {told}\n"


def test_a_signal_where_none_is_taken_is_told_so(asking: Here) -> None:
    told = "error: nothing takes signal 'interrupt' now, nor any other\n"
    assert asking("signal", "h-1", "interrupt") == (2, "", told)


def test_a_signal_is_taken_with_what_it_carries(here: Here) -> None:
    here.crashed("p-1")
    here("runs", "resolve", "p-1", "pay", "--value", '{"no": 7}')
    done = here("signal", "p-1", "hurry", "by=7", "--as", "ana", "--id", "m-1")
    assert done == (0, '✓ taken; the run has ended: completed: {"no":7}\n', "")
    event = last(here, "p-1")
    assert (event["name"], event["data"], event["by"]) == ("hurry", {"by": "7"}, "ana")


def test_a_call_that_is_parked_is_told_once(here: Here) -> None:
    here.died("p-1")
    told = (
        "input needed: nobody knows whether 'pay' was done: pay, attempt 1, key p-1/pay/2\n"
        "find out, then say how it ended: trellis runs resolve p-1 pay --value JSON | --failed CODE | --again\n"
        "run p-1 stays open; continue with: trellis resume p-1\n"
    )
    out = "✗ pay uncertain: its host stopped while it was under way\n"
    assert trellis("resume", "p-1", cwd=here.folder) == (7, out, told)


def test_a_run_with_an_uncertain_call_says_what_is_known_and_how_to_resolve_it(here: Here) -> None:
    here.crashed("p-1")
    assert here("resume", "p-1") == (
        7,
        "",
        (
            "input needed: nobody knows whether 'pay' was done: pay, attempt 1, key p-1/pay/2\n"
            "find out, then say how it ended: trellis runs resolve p-1 pay --value JSON | --failed CODE | --again\n"
            "run p-1 stays open; continue with: trellis resume p-1\n"
        ),
    )


@pytest.mark.parametrize(
    ("words", "out", "err"),
    [
        (["--value", '{"no": 8}'], "✓ resolved; now at: sure asks for sure (yes or no); times out in 1h 59m\n", PARKED),
        (["--failed", "lost", "--message", "no trace"], "✓ resolved; the run has ended: failed at pay\n", ""),
    ],
)
def test_a_person_says_how_an_uncertain_call_ended(here: Here, words: list[str], out: str, err: str) -> None:
    here.crashed("p-1")
    assert here("runs", "resolve", "p-1", "pay", *words, "--by", "ana") == (0, out, err)
    assert last(here, "p-1")["by"] == "ana"


def test_a_call_that_is_to_be_made_again_is_made_by_whoever_drives_the_run_next(here: Here) -> None:
    here.crashed("p-1")
    tools = here.folder / "tools.py"
    tools.write_text(tools.read_text("utf-8").replace("os._exit(9)", 'return "again"'), "utf-8")
    assert here("runs", "resolve", "p-1", "pay", "--again", "--by", "ana") == (
        0,
        "✓ to be made again; now at: pay calls pay, attempt 2\n",
        "nobody drives it: a worker goes on with it, or: trellis resume p-1\n",
    )
    done = trellis("resume", "p-1", cwd=here.folder, typed="no\nsesame\n")
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines() == [
        "✓ pay", "Really?", "? sure  sure (yes or no): no", "? token  token (not shown): ***",
        'completed: "again"',
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["pay"], "say how it ended with one of: --value JSON, --failed CODE, --again"),
        (["pay", "--again", "--value", "1"], "say how it ended with one of: --value JSON, --failed CODE, --again"),
        (["pay", "--again", "--message", "x"], "--message goes with --failed"),
        (["pay", "--failed", ""], "--failed takes the word that `catch` takes, found an empty one"),
        (["pya", "--again"], "node 'pya' has no call that is uncertain; uncertain now: pay (did you mean 'pay'?)"),
        (
            ["pay", "--value", "done"],
            (
                "--value takes JSON, a text in quotes ('\"done\"'), null for nothing: "
                "JSON is malformed: invalid character (byte 0)"
            ),
        ),
    ],
)
def test_a_resolution_that_does_not_do_is_told_why(here: Here, words: list[str], told: str) -> None:
    here.crashed("p-1")
    assert here("runs", "resolve", "p-1", *words) == (2, "", f"error: {told}\n")


@pytest.mark.skipif(sys.platform == "win32", reason="no control socket here")
@pytest.mark.parametrize("store", ["sqlite:///runs.db", "file:runs"])
def test_an_answer_reaches_the_process_that_drives_the_run(here: Here, store: str) -> None:
    """Its input stays open and silent, so only what comes from elsewhere can move the run."""
    arguments = [
        sys.executable,
        "-m",
        "trellis",
        "run",
        "hello.yaml",
        "--id",
        "h-1",
        "--store",
        store,
        "--output",
        "json",
    ]
    driving = subprocess.Popen(
        arguments, cwd=here.folder, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert driving.stdout is not None
        while json.loads(driving.stdout.readline())["type"] != "ask":
            pass
        taken = here("answer", "h-1", "choose", "prod", "--store", store)
        assert taken == (0, "✓ taken; now at: count asks for tries (a whole number; default 3)\n", "")
        elsewhere = here("resume", "h-1", "--store", store)
        assert (elsewhere.code, elsewhere.out) == (2, "")
        owned, look = elsewhere.err.splitlines()
        assert owned.startswith("error: run 'h-1' is running elsewhere (owner ")
        assert look == (
            "`trellis answer`, `signal` and `runs` reach it there; "
            f"look at it with: trellis runs show h-1 --store {store}"
        )
        assert here("answer", "h-1", "count", "x", "--store", store).code == 7
        assert here("answer", "h-1", "count", "4", "--store", store).code == 0
        assert json.loads(driving.communicate(timeout=30)[0].splitlines()[-1])["result"] == "prod"
        assert driving.returncode == 0
    finally:
        driving.send_signal(signal.SIGKILL)
        driving.wait()
