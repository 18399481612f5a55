"""`--headless`: nobody is there, so nothing is asked, stdin is not read, and the run waits to be resumed."""

from __future__ import annotations

import sys

import pytest

from tests.cli.conftest import Here
from tests.cli.console import Console


def test_a_question_without_an_answer_leaves_the_run_open_and_stdin_unread(here: Here) -> None:
    done = here("run", "hello.yaml", "--id", "r", "--headless", typed="prod\n1\n")
    assert done == (
        7,
        "Hello friend!\nWhich environment?\n? choose  env (staging, prod)\n",
        (
            "input needed: choose asks for env (staging, prod); nobody answers (--headless)\n"
            "run r stays open; continue with: trellis resume r\n"
        ),
    )
    assert sys.stdin.read() == "prod\n1\n"
    assert here("resume", "r", typed="prod\n1\n").code == 0


def test_answers_that_were_written_are_used_up_first(here: Here) -> None:
    (here.folder / "one.yaml").write_text("[prod]")
    done = here("run", "hello.yaml", "--headless", "--answers", "one.yaml")
    assert done.code == 7
    assert "one.yaml has no more answers" in done.err


def test_a_time_limit_is_waited_for(here: Here) -> None:
    (here.folder / "brief.yaml").write_text(
        "trellis: 1\nname: brief\nstart: ask\nfields: {go: {type: boolean, optional: true}}\nnodes:\n"
        "  ask: {ask: {confirm: go}, timeout: 50ms, catch: {timeout: $end}, to: $fail}\n"
    )
    assert here("run", "brief.yaml", "--headless") == (
        0,
        "? ask  go (yes or no)\n✗ ask timed out\ncompleted\n",
        "",
    )


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals here")
def test_no_prompt_comes_on_a_terminal_either(here: Here) -> None:
    person = Console("run", "hello.yaml", "--id", "r", "--headless", cwd=here.folder, NO_COLOR="1")
    code, shown = person.end()
    assert (code, shown.splitlines()[2:]) == (
        7,
        [
            "? choose  env (staging, prod)",
            "input needed: choose asks for env (staging, prod); nobody answers (--headless)",
            "run r stays open; continue with: trellis resume r",
        ],
    )


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals here")
def test_a_reminder_is_told_beside_the_tree(here: Here) -> None:
    (here.folder / "brief.yaml").write_text(
        "trellis: 1\nname: brief\nstart: ask\nfields: {go: {type: boolean, optional: true}}\n"
        "tools: {make: {python: 'tools:make'}}\nnodes:\n  ask:\n    ask: {confirm: go}\n"
        "    remind: {every: 50ms, do: make, max: 1}\n    timeout: 500ms\n    catch: {timeout: $end}\n    to: $fail\n"
    )
    person = Console("run", "brief.yaml", "--headless", cwd=here.folder, NO_COLOR="1")
    assert "→ ask  make  reminder\n" in person.end()[1]
