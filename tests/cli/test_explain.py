"""`trellis explain`: the pages of problem codes, for people and for programs."""

from __future__ import annotations

import json

import pytest

from trellis.cli import main
from trellis.pages import codes, page, plain, source


def test_a_code_is_explained_by_its_page(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "E204"]) == 0
    out = capsys.readouterr().out
    assert out == plain(source("E204"))
    assert "\n    graph.yaml:4:30: E204 no node named 'cheks' (did you mean 'checks'?)\n" in out


def test_several_codes_come_in_the_order_asked_each_once_and_in_either_case(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "w304", "e204", "W304"]) == 0
    assert capsys.readouterr().out == plain(source("W304")) + "\n" + plain(source("E204"))


def test_without_a_code_all_are_listed_with_what_they_say(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain"]) == 0
    assert capsys.readouterr().out.splitlines() == [f"{code}  {page(code).says}" for code in codes()]


def test_as_json_a_page_is_an_object_of_its_parts(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "E111", "--json"]) == 0
    [found] = json.loads(capsys.readouterr().out)
    right = r'"trellis: 1\nstart: a\nnodes: {a: {say: café, to: $end}}\n".encode()'
    assert found == {
        "code": "E111",
        "says": "a file that is not UTF-8",
        "why": "Its text would mean something else on each machine.",
        "wrong": [{"name": "graph.yaml", "text": "", "made_by": r'b"trellis: 1\nname: caf\xe9\n"'}],
        "problems": ["graph.yaml:2:10: E111 byte 0xe9 is no UTF-8 (save the file as UTF-8)"],
        "right": [{"name": "graph.yaml", "text": "", "made_by": right}],
        "do": "Save it as UTF-8.",
    }
    assert main(["explain", "--json"]) == 0
    assert [found["code"] for found in json.loads(capsys.readouterr().out)] == list(codes())


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("E2004", "no problem has the code 'E2004' (did you mean 'E204'?)"),
        ("timeout", "no problem has the code 'TIMEOUT'"),
        ("../E204", "no problem has the code '../E204' (did you mean 'E204'?)"),
    ],
)
def test_an_unknown_code_explains_nothing(code: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "E204", code]) == 2
    assert capsys.readouterr() == ("", f"error: {told}\ntry: trellis explain --help\n")
