"""What an editor changes for its author is as small as it can be, and gives the text that was meant."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.searching import searched
from trellis.editor.changes import changed, formatting
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
