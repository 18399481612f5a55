"""What is said of the thing under the cursor, where it leads, and where else it is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.editor.typing_at import HEAD, LAST, Typing
from trellis.editor.hover import hover, problem_said
from trellis.editor.links import definitions
from trellis.editor.names import Project, draw
from trellis.editor.outlines import Symbol, symbols
from trellis.project.loaders import FileLoader

NODES = """  b:
    do: ops.check
    with: {kind: "{{ env }}"}
    upon: {fault: c}
    set: {add: [Up]}
    to: [{if: env == 'prod', to: c}, {to: $end}]
"""
WHOLE = HEAD + NODES + LAST


def at(before: str, word: str, text: str = WHOLE) -> Typing:
    """The cursor in `word`, which stands behind `before`."""
    place = text.index(before + word) + len(before) + 1
    return Typing(text[:place] + "|" + text[place:])


def test_a_field_is_its_type_and_who_writes_and_reads_it() -> None:
    said = "**field** `env`: string (staging, prod)\n\nWhere to.\n\nWritten by `a`\n\nRead by `b`"
    assert at("{if: ", "env").hover() == said
    assert at("{{ ", "env").hover() == said
    assert at("choice: ", "env").hover() == said
    assert at("  ", "env").hover() == said


def test_a_node_is_what_it_does_and_the_ways_in_and_out() -> None:
    assert at("to: ", "b\n").hover() == "**node** `b`: do, set\n\nFrom `a`\n\nTo `c`, `$end`"
    assert at("start: ", "a").hover() == "**node** `a`: say, ask\n\nFrom the start\n\nTo `b`".replace(
        "the start", "`the start`"
    )


def test_a_tool_is_its_command_and_who_calls_it() -> None:
    assert at("do: ", "ops.check").hover() == (
        "**tool** `ops.check`\n\n```sh\n./check.sh {{ args.kind }}\n```\n\nCalled by `b`"
    )
    assert at("  ", "ops.create").hover() == (
        "**tool** `ops.create`\n\n`actions:create`: its source does not say what it takes.\n\nNo node calls it."
    )


def test_a_signal_is_what_it_carries_and_a_state_its_relations() -> None:
    assert at("upon: {", "fault").hover() == "**signal** `fault`: {error: string}\n\nTaken at `b`"
    assert at("add: [", "Up").hover() == "**state** `Up`\n\n- remove: [Down]\n\nNamed by `b`"


def test_a_key_is_what_it_means_what_it_takes_and_an_example() -> None:
    assert at("    ", "upon").hover() == (
        "**upon** map\n\nWhere a signal leads, or what is done about it: name to node or body; and below `states` the same "
        "of states.\n\n```yaml\nupon: {interrupt: bye}\nupon: {states: {Failed: repair}}\n```"
    )
    assert at("", "start", WHOLE).hover() == (
        "**start** string\n\nThe node that a run begins with; needed where there are two or more."
    )
    assert Typing(WHOLE + "  d: {do: x, retry: {jit|ter: 0.1}}\n").hover() == (
        "**jitter** number\n\nEach wait is spread by this part of it.\n\nDefault: `0`"
    )


def test_a_function_is_how_it_is_called() -> None:
    text = WHOLE.replace("env == 'prod'", "le|n(env) > 3")
    assert Typing(text).hover() == "**function** `len(x)` gives integer"


def test_the_code_of_a_problem_is_the_head_of_its_page() -> None:
    assert problem_said("E301").startswith("**E301** ")
    assert problem_said("E000") == ""


def test_an_action_is_its_signature_and_docstring(tmp_path: Path) -> None:
    (tmp_path / "actions.py").write_text(
        '\n\ndef create(env: str, size: int = 3) -> dict:\n    """Make a server.\n\n    More."""\n', "utf-8"
    )
    (tmp_path / "g.yaml").write_text(WHOLE, "utf-8")
    project = Project(FileLoader(tmp_path))
    drawn = project.document("g.yaml")
    assert drawn is not None
    found = hover(project, drawn, WHOLE.index("ops.create"))
    assert found is not None
    assert found.text == (
        "**tool** `ops.create`\n\n```python\ncreate(env: str, size: int = 3) -> dict\n```\n\nMake a server.\n\nNo node calls it."
    )
    assert definitions(project, drawn, WHOLE.index("actions:create")) == [(str(tmp_path / "actions.py"), 0, 0, 3)]


@pytest.mark.parametrize(
    ("before", "word", "home"),
    [
        ("to: ", "b\n", "g.yaml:21 b"),
        ("do: ", "ops.check", "g.yaml:15 ops.check"),
        ("{if: ", "env", "g.yaml:4 env"),
        ("upon: {", "fault", "g.yaml:9 fault"),
        ("add: [", "Up", "g.yaml:11 Up"),
    ],
)
def test_a_name_leads_to_where_it_is_declared(before: str, word: str, home: str) -> None:
    assert at(before, word).definitions() == [home]


def test_everything_that_names_the_same_is_found_and_nothing_else() -> None:
    assert at("  ", "env").references() == ["g.yaml:4 env", "g.yaml:19 env", "g.yaml:23 env", "g.yaml:26 env"]
    assert at("to: ", "c}").references() == ["g.yaml:24 c", "g.yaml:26 c", "g.yaml:27 c"]
    assert at("remove: [", "Down").references() == ["g.yaml:11 Down", "g.yaml:12 Down"]


def test_a_node_of_a_body_is_another_than_the_node_of_that_name_outside() -> None:
    text = WHOLE + "  d:\n    all:\n      x:\n        start: c|\n        nodes:\n          c: {to: $end}\n    to: c\n"
    assert Typing(text).references() == ["g.yaml:31 c", "g.yaml:33 c"]
    assert Typing(text).definitions() == ["g.yaml:33 c"]


def test_a_state_is_found_in_every_document_that_has_its_schema() -> None:
    schema = "trellis: 1\nstates: {On: {remove: [Off]}, Off: {}}\n"
    graph = "trellis: 1\nschema: ./s.yaml\nnodes: {a: {set: {add: [On]}, to: $end}}\n"
    typing = Typing(
        graph.replace("[On", "[O|n"),
        "g.yaml",
        {"s.yaml": schema, "h.yaml": graph, "i.yaml": graph.replace("./s", "./t")},
    )
    assert typing.definitions() == ["s.yaml:2 On"]
    assert typing.references() == ["g.yaml:3 On", "h.yaml:3 On", "s.yaml:2 On"]
    assert Typing(graph.replace("./s", "./|s"), "g.yaml", {"s.yaml": schema}).definitions() == ["s.yaml:1 "]


def test_names_in_an_expression_that_is_a_text_or_a_key_are_none() -> None:
    text = WHOLE.replace("env == 'prod'", "server.env == 'env' and env == 'a'")
    assert Typing(text.replace("choice: env", "choice: e|nv")).references()[-1] == "g.yaml:26 env"
    assert len(Typing(text.replace("choice: env", "choice: e|nv")).references()) == 4


def test_a_node_in_a_file_of_its_own_is_found_from_its_graph() -> None:
    graph = "trellis: 1\nstart: z\n"
    typing = Typing("---\nto: z|\n---\nHi\n", "flow/a.md", {"flow/graph.yaml": graph, "flow/z.yaml": "to: $end\n"})
    assert typing.definitions() == ["flow/z.yaml:1 "]
    assert typing.references() == ["flow/a.md:2 z", "flow/graph.yaml:2 z"]


def test_the_outline_is_what_a_document_declares() -> None:
    drawn = draw(
        "g.yaml",
        "trellis: 1\nfields: {x: {type: string}}\nnodes:\n  a:\n    each:\n      in: x\n      nodes:\n        b: {say: y}\n",
    )

    def shown(symbol: Symbol) -> object:
        text = drawn.text[symbol.name_start : symbol.name_end]
        return (symbol.kind, text, symbol.detail, [shown(below) for below in symbol.below])

    inner: object = ("section", "each", "", [("section", "nodes", "", [("node", "b", "say", [])])])
    assert [shown(symbol) for symbol in symbols(drawn)] == [
        ("section", "fields", "", [("field", "x", "", [])]),
        ("section", "nodes", "", [("node", "a", "each", [inner])]),
    ]
