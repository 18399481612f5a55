"""Answers that were written down are used once each, in order or by node."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from trellis.cli.answers import WrittenAnswers, read_answers
from trellis.errors import UsageError


def taken(answers: WrittenAnswers, *nodes: str) -> list[Any]:
    async def take() -> list[Any]:
        return [await answers.answer({"node": node, "field": "f", "kind": "text"}) for node in nodes]

    return asyncio.run(take())


def written(folder: Path, text: str, name: str = "answers.yaml") -> WrittenAnswers:
    path = folder / name
    path.write_text(text, "utf-8")
    return read_answers(str(path))


def test_a_list_is_used_in_order_whatever_asks(tmp_path: Path) -> None:
    answers = written(tmp_path, "- Ana\n- prod\n")
    assert taken(answers, "b", "a", "c", "c") == ["Ana", "prod", None, None]
    assert answers.lacking("c") == f"{tmp_path}/answers.yaml has no more answers"


def test_a_map_answers_by_node_and_a_list_in_it_by_turn(tmp_path: Path) -> None:
    answers = written(tmp_path, "choose: prod\ntries: [x, 7]\n")
    assert taken(answers, "tries", "choose", "tries", "tries", "choose") == ["x", "prod", "7", None, None]
    assert answers.lacking("tries") == f"{tmp_path}/answers.yaml has no more answers for it"


def test_a_map_says_which_of_its_keys_was_perhaps_meant(tmp_path: Path) -> None:
    answers = written(tmp_path, "chose: prod\n")
    assert taken(answers, "choose") == [None]
    assert answers.lacking("choose") == f"{tmp_path}/answers.yaml has no answer for it (did you mean 'chose'?)"


def test_every_item_of_an_each_takes_the_answers_of_its_body(tmp_path: Path) -> None:
    answers = written(tmp_path, "'fan[].ok': [y, n]\n'fan[1].ok': z\n")
    assert taken(answers, "fan[0].ok", "fan[1].ok", "fan[2].ok", "fan[0].ok") == ["y", "z", "y", "n"]


@pytest.mark.parametrize(
    ("text", "answers"),
    [
        ("[7, 1.5, true, false, 'yes', x]", ["7", "1.5", "true", "false", "yes", "x"]),
        ("[~]", [None]),
        ("[[a, b], {k: 1}]", [["a", "b"], {"k": 1}]),
    ],
)
def test_answers_are_what_a_person_would_type(tmp_path: Path, text: str, answers: list[Any]) -> None:
    assert taken(written(tmp_path, text), *("a" for _ in answers)) == answers


def test_answers_may_be_json(tmp_path: Path) -> None:
    assert taken(written(tmp_path, '{"a": ["x",\t7]}', "answers.json"), "a", "a") == ["x", "7"]


def test_ten_thousand_answers_are_all_used(tmp_path: Path) -> None:
    answers = written(tmp_path, "".join(f"- a{number}\n" for number in range(10_000)))
    assert taken(answers, *("n" for _ in range(10_001))) == [*(f"a{number}" for number in range(10_000)), None]


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        ("prod", "a.yaml", "a.yaml: answers are a list, or a map from node to answer, found string 'prod'"),
        ("", "a.yaml", "a.yaml: answers are a list, or a map from node to answer, found nothing"),
        ("{", "a.json", "a.json: Input data was truncated"),
    ],
)
def test_what_is_neither_list_nor_map_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, name: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).write_text(text)
    with pytest.raises(UsageError) as raised:
        read_answers(name)
    assert str(raised.value) == message


def test_broken_yaml_is_refused_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as raised:
        written(tmp_path, "a: 1\nb: [\n")
    assert str(raised.value).startswith(f"{tmp_path}/answers.yaml:3:1: E101 ")


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as raised:
        read_answers(str(tmp_path / "none.yaml"))
    assert str(raised.value) == f"cannot read the answers {tmp_path}/none.yaml: no such file or directory"
