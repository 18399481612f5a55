"""What an editor changes for its author is as small as it can be, and gives the text that was meant."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import strategies as st

from tests.searching import searched
from trellis.editor.changes import changed, formatting, nameable, renaming, renaming_resolved, resolved_at
from trellis.editor.links import meaning, occurrence_at
from trellis.editor.session import Session
from trellis.errors import UsageError
from trellis.model.edits import Edit, applied

LINES = st.lists(st.sampled_from(["a\n", "b\n", "c\r\n", "🎉\n", "d"]), max_size=6).map("".join)


@searched(few=60, many=5_000, before=LINES, after=LINES)
def test_the_edit_of_a_change_gives_the_text_it_leads_to(before: str, after: str) -> None:
    assert applied(before, [changed("g.yaml", before, after)]) == after


def test_only_the_lines_that_differ_are_changed() -> None:
    assert changed("g.yaml", "a\nb\nc\n", "a\nx\nc\n") == Edit("g.yaml", 2, 4, "x\n")


def test_a_document_is_laid_out_in_the_house_style_and_one_that_is_broken_is_left_alone() -> None:
    text = "trellis: 1\nnodes:\n    a:   {to:   $end}\n"
    edit = formatting("g.yaml", text)
    assert edit is not None
    assert applied(text, [edit]) == "trellis: 1\nnodes:\n  a: {to: $end}\n"
    assert formatting("g.yaml", applied(text, [edit])) is None
    assert formatting("g.yaml", "a: [\n") is None


GRAPH = """trellis: 1
start: a
fields: {n: {type: integer, default: 0}}
nodes:
  a: {say: "🎉 {{ n }}", to: b}
  b:
    all:
      x: {start: a, nodes: {a: {set: {fields: {n: n + 1}}, to: $end}}}
    to: $end
"""


def renamed(tmp_path: Path, before: str, word: str, new: str, text: str = GRAPH) -> str:
    """The document once the name in `word`, which stands behind `before`, is another one."""
    (tmp_path / "trellis.toml").write_text("", "utf-8")
    session = Session(str(tmp_path))
    session.put("g.yaml", text)
    drawn = session.project.document("g.yaml")
    assert drawn is not None
    occurrence = occurrence_at(drawn, text.index(before + word) + len(before))
    assert occurrence is not None
    meant = meaning(session.project, drawn, occurrence)
    assert meant is not None
    assert nameable(meant)
    made = renaming(session, drawn, occurrence, meant, new)
    return applied(text, made.edits)


def test_a_name_changes_everywhere_in_texts_that_are_not_saved(tmp_path: Path) -> None:
    assert renamed(tmp_path, "{{ ", "n }}", "count") == (
        GRAPH.replace("{n: {type", "{count: {type")
        .replace("{{ n }}", "{{ count }}")
        .replace("{n: n + 1}", "{count: count + 1}")
    )


def test_a_node_of_a_body_is_renamed_and_that_of_the_same_name_outside_is_not(tmp_path: Path) -> None:
    inner = GRAPH.replace("{start: a, nodes: {a:", "{start: one, nodes: {one:")
    assert renamed(tmp_path, "x: {start: ", "a,", "one") == inner
    outer = GRAPH.replace("start: a\n", "start: one\n").replace("  a: {say", "  one: {say")
    assert renamed(tmp_path, "start: ", "a\n", "one") == outer


def test_a_name_that_is_taken_and_a_document_with_errors_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="b"):
        renamed(tmp_path, "start: ", "a\n", "b")
    with pytest.raises(UsageError, match="has errors, so names in it may be missed"):
        renamed(tmp_path, "{{ ", "n }}", "count", GRAPH.replace("to: b}", "to: bb}"))


def test_a_branch_is_renamed_as_the_compiler_knows_it(tmp_path: Path) -> None:
    text = GRAPH.replace("start: a\n", "start: a\nmigrate: {nodes: {old: b.x}}\n", 1)
    (tmp_path / "trellis.toml").write_text("", "utf-8")
    session = Session(str(tmp_path))
    session.put("g.yaml", text)
    drawn = session.project.document("g.yaml")
    assert drawn is not None
    found = resolved_at(session, drawn, text.index("x: {start"))
    assert found is not None
    place, known = found
    assert text[place.start : place.end] == "x"
    made = renaming_resolved(session, known, "fetch")
    assert made.texts == {"g.yaml": text.replace("b.x", "b.fetch").replace("x: {start", "fetch: {start")}
    assert resolved_at(session, drawn, text.index("trellis")) is None
