"""What stands at a character of a file: what it means, where that is declared, and everywhere that it is used."""

from __future__ import annotations

import pytest

from tests.authoring.test_renaming import CALLER, FOLDER, GRAPH, SCHEMA, USER, bytes_of
from trellis.authoring.finding import Found, name_at
from trellis.authoring.names import free_names
from trellis.model.edits import Edit

TOUR = {"tour.yaml": GRAPH, "caller.yaml": CALLER, "s.yaml": SCHEMA, "u.yaml": USER}


def found(path: str, around: str, documents: dict[str, bytes] | None = None) -> Found | None:
    """What is found where `|` stands in `around`, a piece of the text."""
    documents = documents or bytes_of(TOUR)
    before, _, after = around.partition("|")
    return name_at(documents, path, documents[path].decode().index(before + after) + len(before))


@pytest.mark.parametrize(
    ("path", "around", "kind", "meaning", "home", "uses"),
    [
        ("tour.yaml", "start: |greet", "node", "greet", "tour.yaml", 3),
        ("tour.yaml", "bye|: {say", "node", "checks.bye.bye", "tour.yaml", 2),
        ("tour.yaml", "value >|= 0", None, "", "", 0),
        ("tour.yaml", "{{ |tries }}:", "field", "tries", "tour.yaml", 9),
        ("tour.yaml", "[us|er for", None, "", "", 0),
        ("tour.yaml", "if: \"Bu|sy", "state", "Busy", "tour.yaml", 4),
        ("tour.yaml", "ops.|make, with", "tool", "ops.make", "tour.yaml", 4),
        ("tour.yaml", "upon: {st|op", "signal", "stop", "tour.yaml", 2),
        ("u.yaml", "add: [U|p]", "state", "Up", "s.yaml", 3),
    ],
)  # fmt: skip
def test_a_name_is_known_by_what_the_compiler_takes_it_for(
    path: str, around: str, kind: str | None, meaning: str, home: str, uses: int
) -> None:
    name = found(path, around)
    if kind is None:
        assert name is None
        return
    assert name is not None
    assert (name.kind, name.meaning, name.home, len(name.uses)) == (kind, meaning, home, uses)
    assert name.declared in name.uses
    texts = {edit.text for edit in name.uses}
    assert texts == {meaning.rpartition(".")[2] if kind == "node" else meaning}
    assert all(TOUR[edit.path][edit.start : edit.end] == edit.text for edit in name.uses)


def test_a_node_in_a_file_of_its_own_is_declared_by_the_file() -> None:
    name = found("tour/start.md", "to: la|st", FOLDER)
    assert name == Found("node", "last", "tour/", None, (Edit("tour/start.md", 8, 12, "last"),))


def test_names_that_are_local_to_an_expression_are_not_free() -> None:
    assert free_names("[x + y for x in xs if x > z] == {k: v for k, v in default(m, x)}") == [
        (5, "y"),
        (16, "xs"),
        (26, "z"),
        (58, "m"),
        (61, "x"),
    ]
