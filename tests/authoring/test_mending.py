"""What is mended is certain: the checker has less to say of it, and nothing else in the file is another."""

from __future__ import annotations

import stat
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from tests.checking.mutating import edited, samples
from trellis.authoring.fixes import proposed
from trellis.authoring.mending import mend
from trellis.cli import main
from trellis.model.graph import Graph
from trellis.model.problems import Problem
from trellis.project import Loader, MemoryLoader, Workspace

TEXT = """trellis: 1  # the head
name: g
start: first
fields: {user: {type: string, optional: true}, n: {type: integer, default: 0}}
states: {Ready: {}, Live: {auto: true, require: [Ready]}}
nodes:
  first: {say: "Who is {{ user }}?", catch: {expression: done}, to: work}
  work: {say: "Hi {{ user }}", to: [{if: n > 1, to: done}, {to: $end}]}  # goes on
  done:
    say: bye
    set: {add: [Ready], fields: {n: n + 1}}
    end: ok
"""


def problems(loader: Loader) -> list[Problem]:
    return list(Workspace(loader, tools=None).compile("g.yaml", "any").problems)


def mended(text: str) -> str:
    """The text with what is certain, which asking once more leaves as it is."""
    texts, fixes = mend(MemoryLoader({"g.yaml": text}), problems)
    assert bool(texts) is bool(fixes)
    now = texts.get("g.yaml", text)
    assert mend(MemoryLoader({"g.yaml": now}), problems) == ({}, [])
    return now


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        pytest.param("{if: n > 1, to: done}", "{if: n > 1, to: doen}", id="target"),
        pytest.param("{to: $end}", "{to: $edn}", id="what is no node"),
        pytest.param("    say: bye", "    sayy: bye", id="key"),
        pytest.param("add: [Ready]", "add: [Raedy]", id="state"),
        pytest.param("Hi {{ user }}", "Hi {{ usr }}", id="field in a text"),
        pytest.param("add: [Ready]", "add: Ready", id="list"),
        pytest.param("say: bye", "say:\tbye", id="tab"),
        pytest.param("trellis: 1  # the head\n", "", id="head"),
    ],
)  # fmt: skip
def test_a_slip_is_mended_to_what_was_meant(right: str, wrong: str) -> None:
    assert TEXT.count(right) == 1
    expected = TEXT if right.strip() != "trellis: 1  # the head" else TEXT.replace(right, "trellis: 1\n")
    assert mended(TEXT.replace(right, wrong)) == expected


@pytest.mark.parametrize(
    ("wrong", "title"),
    [
        ("fields: {n: {type: intger, default: 0}}", "write 'integer' instead of 'intger'"),
        ("fields: {n: {type: approval, optional: true, check: value.okk}}", "write 'ok' instead of 'okk'"),
    ],
)
def test_what_a_message_itself_takes_a_name_for_is_proposed(wrong: str, title: str) -> None:
    text = f"trellis: 1\nstart: a\n{wrong}\nnodes: {{a: {{say: x, to: $end}}}}\n"
    (problem,) = problems(MemoryLoader({"g.yaml": text}))
    fix = proposed(problem, text)
    assert fix is not None
    _, right, _, name, _ = title.split("'")
    assert (fix.title, fix.applied(text)) == (title, text.replace(name, right))


@pytest.mark.parametrize(
    ("right", "wrong", "now"),
    [
        ("say: bye", "say: 5", 'say: "5"'),
        ("say: bye", "say: {{ n }} times", 'say: "{{ n }} times"'),
        ('say: "Hi {{ user }}"', "say: Hi {{ user }}", 'say: "Hi {{ user }}"'),
        ("if: n > 1,", "if: max(n, 1) > 1,", 'if: "max(n, 1) > 1",'),
        ("if: n > 1,", 'if: "a" == user,', "if: '\"a\" == user',"),
        ("nodes:", "groups: {G: [Ready, Ready]}\nnodes:", "groups: {G: [Ready]}\nnodes:"),
        ("nodes:", "groups:\n  G:\n    - Ready  \n    - Ready\nnodes:", "groups:\n  G:\n    - Ready  \nnodes:"),
    ],
)
def test_what_yaml_took_apart_is_quoted_and_what_is_twice_is_there_once(right: str, wrong: str, now: str) -> None:
    assert mended(TEXT.replace(right, wrong)) == TEXT.replace(right, now)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        pytest.param("to: done}", "to: dne_}", id="two letters"),
        pytest.param("to: done}, {to: $end}]}", "to: don}, {to: $end}]}\n  dog: {to: dong}\n  dong: {end: ok}", id="two names as near"),
        pytest.param("    say: bye", "    wit: {time: 1s}", id="two keys as near"),
        pytest.param("to: work}", "to: wrok}", id="who is named is misspelled, or else who names it is"),
        pytest.param("n: n + 1", "n: n + 'a'", id="no name at all"),
        pytest.param("say: bye", "timeout: 20", id="a number without its unit"),
        pytest.param('{say: "Hi {{ user }}", to', '{say: "Hi {{ user }}",, to', id="a comma too much"),
        pytest.param('{say: "Hi {{ user }}", to', '{say: "Hi {{ user }}" to', id="a comma too few"),
        pytest.param("{if: n > 1, to: done}", "{if: n > 1 to: done}", id="a comma too few behind an expression"),
    ],
)  # fmt: skip
def test_what_is_no_more_than_likely_is_left(right: str, wrong: str) -> None:
    text = TEXT.replace(right, wrong)
    assert text != TEXT
    assert mended(text) == text


def test_tabs_in_front_of_lines_become_blanks_where_their_width_does_not_matter() -> None:
    text = "trellis: 1\nstart: a\nnodes:\n\ta:\n\t\tsay:\thi\n\t\tto: $end\n"
    assert mended(text) == "trellis: 1\nstart: a\nnodes:\n  a:\n    say: hi\n    to: $end\n"
    mixed = "trellis: 1\nstart: a\nnodes:\n  a:\n\tsay: hi\n        to: $end\n"
    assert mended(mixed) == mixed
    node_or_key = "trellis: 1\nstart: a\nnodes:\n  a:\n\tsay: hi\n"
    assert mended(node_or_key) == node_or_key


def test_what_more_yaml_faults_hide_behind_is_left_where_its_line_says_nothing_by_itself() -> None:
    wrong = "  a: {say: Hi {{ n }},\n    to: b}\n"
    text = f"trellis: 1\nstart: a\nfields: {{n: {{type: integer, default: 1}}}}\nnodes:\n{wrong}"
    assert (
        mended(text + "  b: {say: hi, to: $end}\n")
        == text.replace("Hi {{ n }}", '"Hi {{ n }}"') + "  b: {say: hi, to: $end}\n"
    )
    assert mended(text + "  b: {say: hi}}\n") == text + "  b: {say: hi}}\n"


def test_a_fix_is_dropped_after_which_the_problem_is_still_there_or_another_one_is() -> None:
    wrong = Problem("g.yaml", 10, 10, "E202", "error", "'say': expected string, found integer 5", "quote it")
    far, new = (Problem("g.yaml", 1, 1, code, "error", "x") for code in ("E299", "E298"))
    text = TEXT.replace("say: bye", "say: 5")
    for after in ([wrong, far], [new], [far, new]):

        def check(loader: Loader, after: list[Problem] = after) -> list[Problem]:
            return [wrong, far] if loader.get("g.yaml") == text.encode() else after

        assert mend(MemoryLoader({"g.yaml": text}), check) == ({}, [])
    texts, fixes = mend(
        MemoryLoader({"g.yaml": text}), lambda loader: [wrong] if loader.get("g.yaml") == text.encode() else []
    )
    assert [fix.problem for fix in fixes] == [wrong] and texts["g.yaml"] != text


def test_many_problems_are_mended_in_one_go() -> None:
    nodes = "".join(
        f"  n{place}: {{sya: hi, to: [{{if: x, to: $edn}}, {{to: n{place + 1}}}]}}\n" for place in range(60)
    )
    text = f"trellis: 1\nstart: n0\nfields: {{x: {{type: boolean, default: true}}}}\nnodes:\n{nodes}  n60: {{to: done}}\n  done: {{end: ok}}\n"
    assert mended(text) == text.replace("sya", "say").replace("$edn", "$end")


def test_slips_of_the_hand_are_mended_to_the_graph_that_was_there_or_left() -> None:
    """A letter of the samples is another: where all is well again, it is as it was but for what nobody can know."""
    sound, random = samples(), Random(7)
    found: Counter[str] = Counter()
    for _ in range(120):
        sample = random.choice(sound)
        edit = edited(sample.text, random)
        if edit.how not in ("misspelled", "turned"):
            continue

        def check(loader: Loader, name: str = sample.name) -> list[Problem]:
            return list(Workspace(loader, tools=None).compile(name, "any").problems)

        loader = MemoryLoader({**sample.beside, sample.name: edit.text})
        before = check(loader)
        texts, fixes = mend(loader, check)
        if not fixes:
            found["left"] += 1
            continue
        after = MemoryLoader({**sample.beside, **texts})
        assert len(check(after)) < len(before)
        made = Workspace(after, tools=None).compile(sample.name, "any").definition
        same = made is not None and Graph(made) == Graph(sample.definition)
        found["as it was" if same else "otherwise"] += 1
    assert found["as it was"] > 5 and found["otherwise"] <= 1, found


def test_fix_writes_the_file_whole_with_its_marks_line_ends_and_mode_and_says_what_it_did(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    file = Path("g.yaml")
    written = "\ufeff" + TEXT.replace("to: done}", "to: doen}").replace("say: bye", "say: 5").replace("\n", "\r\n")
    file.write_bytes(written.encode())
    file.chmod(0o640)
    Path("link.yaml").symlink_to("g.yaml")
    assert main(["validate", "--fix", "link.yaml"]) == 0
    now = "\ufeff" + TEXT.replace("say: bye", 'say: "5"').replace("\n", "\r\n")
    assert file.read_bytes() == now.encode()
    assert stat.S_IMODE(file.stat().st_mode) == 0o640 and Path("link.yaml").is_symlink()
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != ".trellis") == ["g.yaml", "link.yaml"]
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == [
        "link.yaml:8:53: E204 fixed: write 'done' instead of 'doen'",
        "link.yaml:10:10: E202 fixed: quote it",
        "2 problems fixed",
        "no problems in 1 file",
    ]


def test_fix_tells_what_it_leaves_and_touches_no_file_without_a_certain_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("g.yaml").write_text(TEXT.replace("to: done}", "to: nowhere}"))
    before = Path("g.yaml").stat()
    assert main(["validate", "--fix", "g.yaml", "none.yaml"]) == 3
    assert Path("g.yaml").stat() == before
    captured = capsys.readouterr()
    assert [line.split(" ")[1] for line in captured.out.splitlines()] == ["E204", "E100"]
    assert captured.err.startswith("0 problems fixed\n")


def test_an_editor_gets_a_fix_for_what_is_likely_too() -> None:
    text = TEXT.replace("to: done}", "to: dne}")
    (problem, *_) = problems(MemoryLoader({"g.yaml": text}))
    fix = proposed(problem, text)
    assert fix is not None and fix.title == "write 'done' instead of 'dne'"
    assert fix.applied(text) == TEXT
