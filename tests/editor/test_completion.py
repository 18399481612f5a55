"""What is offered where the cursor is, in documents that are being written and so are broken just there."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import strategies as st

from tests.editor.typing_at import HEAD, LAST, Typing
from tests.searching import searched
from trellis.editor.completion import complete
from trellis.editor.names import Project
from trellis.editor.sketch import Part, sketch
from trellis.editor.spots import LONG, spot_at
from trellis.expr.functions import FUNCTIONS
from trellis.project.loaders import FileLoader, MemoryLoader

VERBS = ["all", "ask", "do", "each", "emit", "end", "race", "say", "use", "wait"]
FIELDS = ["env", "hosts", "server", "verdict"]
TARGETS = ["$end", "$fail", "$rollback"]

EXACTLY: list[tuple[str, list[str]]] = [
    ("  b:\n    do: |\n    to: $end\n", ["ops.check", "ops.create"]),
    ("  b:\n    do: ops.ch|eck\n    to: $end\n", ["ops.check", "ops.create"]),
    ('  b:\n    do: "|\n    to: $end\n', ["ops.check", "ops.create"]),
    ("  b: {do: {tool: x, allow: [ops.check, |\n", ["ops.check", "ops.create"]),
    ("  b:\n    do: ops.check\n    with: {|\n    to: $end\n", ["kind"]),
    ("  b:\n    do: ops.check\n    with:\n      |\n    to: $end\n", ["kind"]),
    ("  b:\n    do: ops.check\n    with:\n      k|\n", ["kind"]),
    ("  b:\n    undo: {do: ops.check, with: {|\n    to: $end\n", ["kind"]),
    ("  b:\n    to: |\n", [*TARGETS, "a", "b", "c"]),
    ("  b: {to: [{if: verdict.ok, to: |\n", [*TARGETS, "a", "b", "c"]),
    ("  b:\n    to:\n      - if: env == 'x'\n        |\n", ["to", "undo"]),
    ("  b:\n    to:\n      - |\n", ["to", "if", "undo"]),
    ("  b:\n    catch:\n      timeout: |\n", [*TARGETS, "a", "b", "c"]),
    ("  b:\n    upon: {|}\n", ["fault", "interrupt", "states"]),
    ("  b:\n    upon:\n      states: {|}\n", ["Down", "Exception", "Up"]),
    ("  b:\n    save: |\n", FIELDS),
    ("  b:\n    ask: {text: |}\n", FIELDS),
    ("  b:\n    needs: [env, |\n", FIELDS),
    ("  b:\n    set: {add: [|]}\n", ["Down", "Exception", "Up"]),
    ("  b:\n    set: {fields: {|}}\n", FIELDS),
    ("  b:\n    wait: {signal: |}\n", ["fault"]),
    ("  b:\n    wait: {states: [|]}\n", ["Down", "Exception", "Up"]),
    ("  b:\n    join: |\n", ["all", "any", "collect"]),
    ("  b:\n    end: |\n", ["cancelled", "failed", "ok"]),
    ("  b:\n    commit: |\n", ["false", "true"]),
    ('  b:\n    to: [{if: env == "|", to: c}]\n', ["prod", "staging"]),
    ("  b:\n    to: [{if: verdict.|, to: c}]\n", ["at", "by", "choice", "ok", "reason"]),
    ("  b:\n    to: [{if: \"verdict.choice in ['back', '|\", to: c}]\n", ["approve", "back", "reject"]),
    ('  b: {say: "Hi 🎉 {{ server.|', ["id", "port"]),
    ("  b:\n    say: |-\n".replace("|", "\ue001") + "      Hi\n      {{ server.p|\n", ["id", "port"]),
    ('  b:\n    each:\n      in: hosts\n      as: host\n      say: "{{ host.| }}"\n', ["name"]),
    (
        "  b:\n    all:\n      x:\n        start: |\n        nodes:\n          p: {say: x}\n          q: {say: x, to: $end}\n",
        ["p", "q"],
    ),
    (
        "  b:\n    all:\n      x:\n        start: p\n        nodes:\n          p: {say: x, to: |\n          q: {say: x, to: $end}\n",
        [*TARGETS, "p", "q"],
    ),
    ("  b: {say: x, # a comm|ent\n", []),
    ("  b|\n", []),
]


@pytest.mark.parametrize(("text", "labels"), EXACTLY)
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_exactly_what_may_stand_there_is_offered(text: str, labels: list[str], ends: str) -> None:
    document = (HEAD + text + LAST).replace("\ue001", "\ue002")
    typing = Typing(document.replace("\n", ends))
    typing.text = typing.text.replace("\ue002", "|")
    typing.project = Project(MemoryLoader({"g.yaml": typing.text}))
    assert typing.labels() == labels


def test_a_line_that_begins_in_a_node_is_offered_the_keys_that_go_with_the_others() -> None:
    fresh = Typing(HEAD + "  b:\n    |\n" + LAST).labels()
    assert fresh[: len(VERBS)] == VERBS
    assert {"to", "retry", "say …", "approve …"} <= set(fresh)
    beside_do = Typing(HEAD + "  b:\n    do: ops.check\n    |\n    to: c\n" + LAST).labels()
    assert "save" in beside_do
    assert {"do", "to", "ask", "end", "do …"} & set(beside_do) == set()
    half = Typing(HEAD + "  b:\n    re|\n    to: c\n" + LAST)
    assert half.taking("retry") == HEAD + "  b:\n    retry:\n      \n    to: c\n" + LAST


def test_a_snippet_is_a_whole_node_indented_as_it_has_to_be() -> None:
    item = next(item for item in Typing(HEAD + "  b:\n    |\n" + LAST).items() if item.label == "do …")
    assert item.snippet
    assert (
        item.insert == "do: ${1:tool}\n    with: {${2:argument}: ${3:value}}\n    save: ${4:field}\n    to: ${0:\\$end}"
    )


def test_an_expression_is_offered_fields_with_their_types_and_functions_as_they_are_called() -> None:
    items = {item.label: item for item in Typing(HEAD + "  b: {to: [{if: |, to: c}]}\n" + LAST).items()}
    assert {name: items[name].detail for name in FIELDS} == {
        "env": "string (staging, prod)",
        "hosts": "[{name: string}]",
        "server": "{id: string, port: integer} or null",
        "verdict": "approval or null",
    }
    assert FUNCTIONS.keys() <= items.keys()
    assert (items["round"].insert, items["round"].detail) == ("round(", "round(number, digits?)")
    waits = Typing(HEAD + "  b: {wait: {if: |}}\n" + LAST).labels()
    assert {"Up", "Down"} <= set(waits)


def test_what_is_chosen_takes_the_place_of_the_word_and_of_nothing_else() -> None:
    assert Typing(HEAD + "  b: {to: [{if: en|x == 1, to: c}]}\n").taking("env").endswith("{if: env == 1, to: c}]}\n")
    assert Typing(HEAD + '  b: {say: "🎉 {{ serv|er.id }}"}\n').taking("server").endswith('"🎉 {{ server.id }}"}\n')
    assert Typing(HEAD + "  b:\n    do: ops.c|rea # why\n").taking("ops.check").endswith("do: ops.check # why\n")


def test_the_first_keys_of_a_document_are_offered_in_an_empty_one() -> None:
    assert Typing("|").labels()[:1] == ["trellis"]
    assert "nodes" in Typing("trellis: 1\nno|").labels()
    assert Typing("trellis: 1\nfields:\n  a: {type: |}\n").labels() == [
        "any", "approval", "boolean", "duration", "integer", "number", "string", "time",
    ]  # fmt: skip


def test_documents_are_offered_by_their_path_and_their_fields_to_whoever_uses_them() -> None:
    other = {
        "flows/review.yaml": "trellis: 1\nfields: {who: {type: string}}\nnodes: {a: {end: ok}}\n",
        "s.yaml": "trellis: 1\nstates: {On: {}}\n",
    }
    assert Typing(HEAD + "  b:\n    use: |\n", "main/g.yaml", other).labels() == ["../flows/review.yaml"]
    assert Typing(HEAD + "  b:\n    use: ./flows/review.yaml\n    with: {|\n", "g.yaml", other).labels() == ["who"]
    assert Typing("trellis: 1\nschema: |\nnodes: {a: {end: ok}}\n", "g.yaml", other).labels() == ["./s.yaml"]
    states = Typing("trellis: 1\nschema: ./s.yaml\nnodes: {a: {set: {add: [|]}, to: $end}}\n", "g.yaml", other)
    assert states.labels() == ["Exception", "On"]


FOLDER = {"flow/graph.yaml": HEAD.partition("nodes:")[0], "flow/first.yaml": "to: a\n"}


def test_a_node_in_a_file_of_its_own_knows_the_names_of_its_graph() -> None:
    others = FOLDER | {"flow/b.md": "---\nto: $end\n---\nBye\n"}
    assert Typing("---\nto: |\n---\nHi\n", "flow/a.md", others).labels() == [*TARGETS, "a", "b", "first"]
    assert Typing("do: |\n", "flow/a.yaml", others).labels() == ["ops.check", "ops.create"]
    assert Typing("---\nto: b\n---\nHi {{ server.|\n", "flow/a.md", others).labels() == ["id", "port"]
    assert Typing("---\n|\n---\nHi\n", "flow/a.md", others).labels()[:3] == ["all", "ask", "do"]


def test_the_arguments_of_an_action_are_those_of_its_source(tmp_path: Path) -> None:
    (tmp_path / "actions.py").write_text(
        "from typing import Literal\ndef create(env: Literal['staging', 'prod'], size: int = 3, *, request): ...\n",
        "utf-8",
    )

    def offered(line: str) -> list[tuple[str, str]]:
        text = HEAD + line
        offset = text.index("|")
        text = text.replace("|", "")
        (tmp_path / "g.yaml").write_text(text, "utf-8")
        items = complete(Project(FileLoader(tmp_path)), "g.yaml", text, offset)
        return [(item.label, item.detail) for item in items if item.rank < 2]

    assert offered("  b: {do: ops.create, with: {|") == [
        ("env", "env: Literal['staging', 'prod']"),
        ("size", "size: int = 3"),
    ]
    assert offered("  b: {do: ops.create, with: {env: |") == [("prod", ""), ("staging", "")]
    actions = complete(
        Project(FileLoader(tmp_path)), "g.yaml", HEAD.replace('"actions:create"', '"'), HEAD.index("actions:")
    )
    assert [item.label for item in actions] == ["actions:create"]


def test_in_a_long_document_the_same_is_offered() -> None:
    many = "".join(f"  n{place}:\n    say: x\n    to: c\n" for place in range(700))
    for text, labels in EXACTLY[:20:3]:
        document = HEAD.replace("nodes:\n", "nodes:\n" + many, 1) + text + LAST
        assert len(document) > LONG
        found = [label for label in Typing(document).labels() if not label.startswith("n")]
        assert found == [label for label in labels if not label.startswith("n")], text


def test_of_a_long_document_only_the_part_around_the_cursor_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    def counted(text: str) -> Part:
        seen.append(len(text))
        return sketch(text)

    monkeypatch.setattr("trellis.editor.spots.sketch", counted)
    many = "".join(f"  n{place}:\n    say: x\n    to: c\n" for place in range(2_000))
    text = HEAD + many + "  b:\n    to: \n" + LAST
    assert spot_at(text, text.index("to: \n") + 4) is not None
    assert max(seen) < 100


@searched(
    few=60,
    many=5_000,
    place=st.integers(0, len(HEAD)),
    gone=st.integers(0, 30),
    typed=st.sampled_from(["", "{", "[", "{{ ", '"', "'", ": ", "- ", "x", "\n  "]),
)
def test_whatever_is_torn_out_and_typed_in_nothing_fails(place: int, gone: int, typed: str) -> None:
    text = HEAD[:place] + typed + HEAD[place + gone :]
    project = Project(MemoryLoader({"g.yaml": text}))
    for item in complete(project, "g.yaml", text, place + len(typed)):
        assert 0 <= item.start <= place + len(typed) <= item.end <= len(text)
