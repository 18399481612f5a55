"""Every document that a change concerns is told of, as it is in the editor; and nothing that was overtaken is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import strategies as st

from tests.searching import searched
from trellis.editor.names import Drawn
from trellis.editor.positions import At, Lines, Units
from trellis.editor.session import Session, extent
from trellis.model.problems import Problem

SCHEMA = "trellis: 1\nstates: {On: {}, Off: {}}\n"
GRAPH = "trellis: 1\nschema: ./s.yaml\nnodes: {a: {set: {add: [On]}, to: $end}}\n"
GOOD, BAD = "trellis: 1\nnodes: {a: {to: $end}}\n", "trellis: 1\nnodes: {a: {to: bb}}\n"


@pytest.fixture
def session(tmp_path: Path) -> Session:
    for name, text in {"trellis.toml": "", "s.yaml": SCHEMA, "g.yaml": GRAPH, "h.yaml": GRAPH, "i.yaml": GOOD}.items():
        (tmp_path / name).write_text(text, "utf-8")
    return Session(str(tmp_path))


def codes(news: dict[str, tuple[Problem, ...]]) -> dict[str, list[str]]:
    return {name: [problem.code for problem in found] for name, found in news.items()}


def drawn(session: Session, name: str) -> Drawn:
    found = session.project.document(name)
    assert found is not None
    return found


def test_a_change_of_a_schema_is_told_of_every_graph_that_names_it(session: Session) -> None:
    session.look_at_everything()
    assert session.check() == {}
    session.put("s.yaml", SCHEMA.replace("On", "Up"))
    assert codes(session.check()) == {"g.yaml": ["E501"], "h.yaml": ["E501"]}
    assert session.check() == {}
    session.drop("s.yaml")
    assert session.check() == {"g.yaml": (), "h.yaml": ()}
    assert not session.busy


def test_what_is_not_saved_goes_before_what_is_on_the_disk(session: Session) -> None:
    session.put("i.yaml", BAD)
    assert codes(session.check()) == {"i.yaml": ["E204"]}
    session.put("new.yaml", BAD)
    assert codes(session.check()) == {"new.yaml": ["E204"]}
    (Path(session.buffers.root) / "i.yaml").write_text(GOOD, "utf-8")
    session.files_changed(["i.yaml"])
    assert session.check() == {}
    session.drop("i.yaml")
    assert session.check() == {"i.yaml": ()}


def test_what_is_overtaken_by_a_change_is_found_again_and_not_told(session: Session) -> None:
    session.put("i.yaml", BAD)
    compile_now = session.workspace.compile

    def overtaken(name: str, wanted: str) -> object:
        made = compile_now(name, wanted)  # type: ignore[arg-type]
        session.put("i.yaml", GOOD)
        return made

    session.workspace.compile = overtaken  # type: ignore[method-assign,assignment]
    assert session.check() == {}
    assert session.busy
    session.workspace.compile = compile_now  # type: ignore[method-assign]
    assert session.check() == {}
    assert not session.busy


def test_problems_of_a_text_that_has_changed_are_kept_back_and_given_with_the_next(session: Session) -> None:
    session.put("i.yaml", BAD)
    assert codes(session.check()) == {"i.yaml": ["E204"]}
    session.put("i.yaml", BAD + "# one more line\n")
    assert session.problems("i.yaml") == ()
    assert session.overtaken("i.yaml")
    assert codes(session.check()) == {"i.yaml": ["E204"]}
    assert not session.overtaken("i.yaml")
    assert session.check() == {}


def test_a_check_that_is_told_to_stop_leaves_the_rest_for_the_next(session: Session) -> None:
    session.put("i.yaml", BAD)
    session.put("j.yaml", BAD)
    answers = iter((False, True))
    assert codes(session.check(lambda: next(answers))) == {"i.yaml": ["E204"]}
    assert session.busy
    assert codes(session.check()) == {"j.yaml": ["E204"]}


def test_a_node_in_a_file_of_its_own_is_told_of_where_it_is(session: Session) -> None:
    folder = Path(session.buffers.root) / "flow"
    folder.mkdir()
    (folder / "graph.yaml").write_text("trellis: 1\nfields: {who: {type: string, default: you}}\n", "utf-8")
    (folder / "start.md").write_text("---\nto: nxt\n---\nHello {{ who }}\n", "utf-8")
    (folder / "next.yaml").write_text("say: Bye\nto: $end\n", "utf-8")
    (folder / "README.md").write_text("# About\n", "utf-8")
    session.files_changed([])
    session.look_at_everything()
    news = session.check()
    assert codes(news) == {"flow/start.md": ["E204"]}
    (problem,) = news["flow/start.md"]
    found = drawn(session, "flow/start.md")
    start, end = extent(found, Lines(found.text).of_problem(problem.line, problem.column), problem.message)
    assert found.text[start:end] == "nxt"
    session.put("flow/start.md", "---\nto: next\n---\nHello {{ who }} {{ whom }}\n")
    news = session.check()
    assert codes(news) == {"flow/start.md": ["E211"]}
    found, (problem,) = drawn(session, "flow/start.md"), news["flow/start.md"]
    start, end = extent(found, Lines(found.text).of_problem(problem.line, problem.column), problem.message)
    assert found.text[start:end] == "whom"


def test_what_is_no_document_of_ours_is_never_told_of(session: Session) -> None:
    for name, text in {
        "compose.yaml": "services: {a: {image: b}}\n",
        "broken.yaml": "a: [\n",
        "README.md": "---\n",
        "g.test.yaml": "trellis: 1\n",
    }.items():
        session.put(name, text)
    assert session.check() == {}


def test_a_file_without_a_project_is_alone_with_those_beside_it(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "i.yaml").write_text(BAD, "utf-8")
    (tmp_path / "i.yaml").write_text(GOOD.replace("{to: $end}", "{use: ./deep/i.yaml, to: $end}"), "utf-8")
    session = Session(str(tmp_path))
    session.look_at_everything()
    assert codes(session.check()) == {"deep/i.yaml": ["E204"]}
    assert session.buffers.list() == ["i.yaml"]


def test_a_document_that_goes_takes_its_problems_with_it(session: Session) -> None:
    path = Path(session.buffers.root) / "i.yaml"
    path.write_text(BAD, "utf-8")
    session.look_at_everything()
    assert codes(session.check()) == {"i.yaml": ["E204"]}
    path.unlink()
    session.files_changed(["i.yaml"])
    assert session.check() == {"i.yaml": ()}


PLACES: list[tuple[str, Units, At, int]] = [
    ("ab\ncd", "utf-16", At(1, 1), 4),
    ("ab\r\ncd", "utf-16", At(1, 1), 5),
    ("ab\rcd", "utf-16", At(1, 1), 4),
    ("🎉b", "utf-16", At(0, 2), 1),
    ("🎉b", "utf-32", At(0, 1), 1),
    ("🎉b", "utf-8", At(0, 4), 1),
    ("é\u2028b", "utf-16", At(0, 2), 2),
    ("a\x0cb\x85c", "utf-16", At(0, 4), 4),
    ("", "utf-16", At(0, 0), 0),
]


@pytest.mark.parametrize(("text", "units", "at", "offset"), PLACES)
def test_a_character_is_where_the_editor_counts_it(text: str, units: Units, at: At, offset: int) -> None:
    lines = Lines(text, units)
    assert (lines.at(offset), lines.offset(*at)) == (at, offset)


def test_a_position_outside_of_the_text_is_the_nearest_inside() -> None:
    lines = Lines("ab\r\n🎉\n")
    assert [lines.offset(*place) for place in ((0, 99), (1, 99), (2, 5), (99, 0), (-1, 3))] == [2, 5, 6, 6, 0]
    assert lines.at(99) == At(2, 0)


def test_a_problem_behind_a_byte_order_mark_is_where_the_editor_sees_it() -> None:
    assert Lines("\ufeffab\ncd").of_problem(1, 2) == 2
    assert Lines("\ufeffab\ncd").of_problem(2, 2) == 5


@searched(
    few=60,
    many=5_000,
    text=st.text("ab🎉é\r\n\u2028", max_size=20),
    units=st.sampled_from(["utf-8", "utf-16", "utf-32"]),
)
def test_every_character_comes_back_from_its_position(text: str, units: Units) -> None:
    lines = Lines(text, units)
    for offset in range(len(text) + 1):
        if text[max(offset - 1, 0) : offset + 1] != "\r\n":  # between the two there is no position
            assert lines.offset(*lines.at(offset)) == offset
