"""Projects of aretw0/trellis are imported and run, and what comes of it is what was recorded there, or better."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.conformance.aretw0_cases import ALL, Came, Case, came_here, came_there

NOT_RUN = {
    "23_signal_custom_engine": "it drives their engine by function calls, and is no run of a command",
    "31_resume_session": "it is about their stored sessions; ours go on with `trellis resume`",
    "38_resume_skips_tool": "it begins with a stored session of theirs",
}
"""Cases that are not run, and why."""

ASKED = ("15_tool_denied_unhandled",)
"""Cases in which a person is asked about tools."""

BETTER: dict[str, dict[str, Any]] = {
    "03_condition_priority": {"fields": {"input": "gold"}},  # an answer that nothing saves has a field all the same
    "08_confirm_invalid_aborts": {"code": 7},  # asked again, and nobody answers
    "09_int_validation_loop": {  # what is no number is asked again, without the check that their author had to write
        "said": ["Age?\n", "Age 21 verdict true 42\n"],
        "visited": ["start", "check", "fin"],
        "fields": {
            "age": 21,
            "verdict": {"ok": True, "twice": 42},
            "tool_result": {"_id": "is_int", "ok": True, "twice": 42},
        },
    },
    "15_tool_denied_unhandled": {"code": 4},
    "17_undo_failure_is_ignored": {"code": 9, "said": ["A\n", "B\n", "C\n"]},  # a failed undo is told
    "20_timeout_unhandled": {"code": 5},
    "21_signal_interrupt": {"fields": {"input": "yes"}},
    "22_signal_interrupt_unhandled": {"code": 130},
    "25_context_schema_failure": {"code": 3, "visited": [], "fields": {}},
    "27_missing_node": {"code": 3, "said": [], "visited": []},
    "28_do_and_wait_conflict": {"code": 3, "said": [], "visited": []},
    "30_reserved_sys": {"code": 3, "said": [], "visited": []},
    "35_env_and_unknown_keys_ignored": {  # `env` of a tool counts
        "said": ["A\n", "[red]\n"],
        "fields": {"tool_result": {"_id": "showenv", "result": "[red]"}},
    },
    "36_stdin_eof_hangs": {"code": 7},
    "37_no_edge_matches_spins": {"code": 1, "said": ["Stuck\n"]},
    "39_undo_of_failed_step": {"code": 8, "said": ["A\n", "B\n"], "logs": {"saga.log": ["do ship", "do ship"]}},
    "40_interrupt_during_tool_is_late": {  # the tool is stopped, and its node's handler counts
        "said": ["Working\n", "x\n"],
        "visited": ["start", "never"],
        "fields": {},
    },
}
"""What is otherwise here, on purpose."""


@pytest.mark.covers("TR09")
@pytest.mark.parametrize("case", [case for case in ALL if case.name not in NOT_RUN], ids=lambda case: case.name)
def test_a_project_does_here_what_it_did_there(case: Case, tmp_path: Path) -> None:
    more = ["--ask-tools"] if case.name in ASKED else []
    assert came_here(case, tmp_path, *more) == expected(case)


def expected(case: Case) -> Came:
    there = came_there(case)
    return there._replace(**BETTER.get(case.name, {}))


def test_every_case_is_run_or_has_a_reason_not_to_be() -> None:
    names = {case.name for case in ALL}
    assert {*NOT_RUN, *BETTER} <= names
    assert not {*NOT_RUN} & {*BETTER}
    assert len(names) == 29
