"""`trellis.run`: one graph to its end, from code that is not async, with answers known beforehand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import trellis
from tests.hosts.authored import graph
from tests.hosts.scenes import Doing, play
from trellis.errors import AnswerNeeded, InvalidField, InvalidGraph
from trellis.hosts.local import Outcome

LOOP = graph("""
trellis: 1
name: loop
start: env
fields:
  env: {type: string, enum: [staging, prod], optional: true}
  n: {type: integer, optional: true}
nodes:
  env: {ask: {choice: env}, to: count}
  count: {ask: {int: n}, to: [{if: n < 3, to: count}, {to: $end}]}
""")
END = Outcome("completed", None, {"env": "prod", "n": 3}, None, ("env", "count", "count"))


@pytest.mark.covers("GT01")
@pytest.mark.parametrize(
    "answers",
    [["prod", "1", 3], ("prod", 1, 3), {"count": [1, "3"], "env": "prod"}, {"count": [1, 3], "env": ["prod"]}],
)
def test_answers_are_a_list_in_order_or_a_map_by_node(answers: Any) -> None:
    assert trellis.run(LOOP, answers=answers) == END


def test_every_item_of_an_each_takes_the_answers_of_its_body() -> None:
    fan = graph("""
        {trellis: 1, name: fan, start: fan, fields: {got: {type: [any], merge: append, default: []}, one: {type: any, optional: true}},
         nodes: {fan: {each: {in: "[1, 2, 3]", max: 1, start: ok, nodes: {
             ok: {ask: {text: one}, to: keep}, keep: {set: {fields: {got: "[one]"}}, to: $end}}}, to: $end}}}
    """)
    outcome = trellis.run(fan, answers={"fan[].ok": ["y", "n"], "fan[1].ok": "z"})
    assert outcome.fields["got"] == ["y", "z", "y"]


def test_an_answer_that_is_refused_is_followed_by_the_next_one() -> None:
    assert trellis.run(LOOP, answers=["dev", "prod", "x", 1, 3]) == END
    assert trellis.run(LOOP, answers={"env": ["dev", "prod"], "count": [1, 3]}) == END


@pytest.mark.parametrize(
    ("answers", "text"),
    [
        ((), "run 'r' waits for an answer at 'env' and there is none"),
        (["prod"], "run 'r' waits for an answer at 'count' and there is none"),
        ({"env": "prod"}, "run 'r' waits for an answer at 'count' and there is none"),
        ({"env": "prod", "count": 1}, "run 'r' waits for an answer at 'count' and there is none"),
        (
            ["dev"],
            (
                "run 'r' waits for an answer at 'env' and there is none; the last one was refused: choose one of: "
                "staging, prod"
            ),
        ),
    ],
)
def test_a_question_without_an_answer_says_which_and_why_the_last_one_was_refused(answers: Any, text: str) -> None:
    with pytest.raises(AnswerNeeded) as needed:
        trellis.run(LOOP, answers=answers, id="r")
    assert str(needed.value) == text


@pytest.mark.parametrize("around", [False, True])
def test_a_question_that_times_out_is_waited_for(around: bool) -> None:
    ask = "{ask: {text: x}, timeout: 10ms, to: $end}"
    if around:
        ask = "{all: {b: {ask: {text: x}}}, timeout: 10ms, to: $end}"
    known = graph(
        f"{{trellis: 1, name: k, fields: {{x: {{type: string, optional: true}}}}, nodes: {{a: {ask}}}, start: a}}"
    )
    assert trellis.run(known).status == "timed_out"


def test_a_text_is_no_list_of_answers() -> None:
    with pytest.raises(TypeError) as refused:
        trellis.run(LOOP, answers="prod")
    assert str(refused.value) == "answers are a list or a map by node, found the text 'prod': write ['prod']"


def test_it_is_not_called_where_a_loop_runs() -> None:
    async def scene() -> None:
        with pytest.raises(RuntimeError) as refused:
            trellis.run(LOOP)
        assert str(refused.value) == (
            "trellis.run is for code that is not async; where a loop runs, use `async with Host(…)`"
        )

    play(scene())


def test_a_file_is_loaded_and_its_tools_are_those_of_the_dispatcher(tmp_path: Path) -> None:
    file = tmp_path / "k.yaml"
    file.write_text(
        "{trellis: 1, name: k, fields: {e: {type: string}}, nodes: {a: {do: use, with: {env: '{{ e }}'}, to: $end}}}"
    )
    doing = Doing()
    outcome = trellis.run(str(file), fields={"e": "x"}, dispatcher=doing.tools)
    assert (outcome.status, outcome.fields, doing.nodes) == ("completed", {"e": "x"}, ["a"])
    with pytest.raises(InvalidGraph, match="no tool named 'use'"):
        trellis.run(str(file), fields={"e": "x"}, dispatcher=trellis.Dispatcher())


def test_a_run_that_waits_for_an_answer_is_continued_by_its_id(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path}/runs.db"
    with pytest.raises(AnswerNeeded):
        trellis.run(LOOP, answers=["prod"], store=store, id="r")
    assert trellis.run(LOOP, answers=[1, 3], store=store, id="r") == END
    assert trellis.run(LOOP, store=store, id="r") == END


def test_a_start_value_that_no_store_can_keep_is_refused_by_its_place() -> None:
    known = graph("{trellis: 1, name: k, fields: {x: {type: any}}, nodes: {a: {say: '{{ x }}', to: $end}}}")
    with pytest.raises(InvalidField) as invalid:
        trellis.run(known, fields={"x": {"deep": [1, float("nan")]}})
    assert str(invalid.value) == "field 'x': at deep[1]: nan is no JSON number"


@pytest.mark.parametrize("order", [("slow", "fast"), ("fast", "slow")])
def test_a_question_without_an_answer_is_let_be_where_one_beside_it_ends_the_run(order: tuple[str, str]) -> None:
    asks = ", ".join(f"{name}: {{ask: {{text: {name}}}}}" for name in order)
    known = graph(f"""
        {{trellis: 1, name: k, fields: {{slow: {{type: string, optional: true}}, fast: {{type: string, optional: true}}}},
         start: both, nodes: {{both: {{all: {{{asks}}}, join: any, to: $end}}}}}}
    """)
    visited = ("both", *(f"both.{name}" for name in order))
    assert trellis.run(known, answers={"both.fast": "v"}) == Outcome("completed", None, {"fast": "v"}, None, visited)
