"""A name is changed wherever it means the same, and nowhere else; what cannot be changed safely is refused with words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import strategies as st

from tests.generators import CHILD, graphs
from tests.searching import searched
from trellis.authoring.formatting import formatted
from trellis.authoring.names import Kind, occurrences
from trellis.authoring.renaming import NotRenamed, Renaming, named, rename
from trellis.project.loaders import MemoryLoader
from trellis.project.workspace import Workspace

ROOT = Path(__file__).parents[2]
SAMPLES = {
    path.relative_to(ROOT).as_posix(): path.read_bytes()
    for folder in ("graphs", "schemas")
    for path in sorted((ROOT / folder).glob("*.yaml"))
}
FRESH = "zz_fresh"

GRAPH = """\
trellis: 1
name: tour
start: greet
fields:
  user:  {type: string, default: Ana}
  tries: {type: integer, default: 0, check: value >= 0}   # how often
  list:  {type: [string], default: []}
signals: {stop: {}}
tools:
  ops.make: {python: "mytools:make"}
states:
  Busy: {}
  Free: {remove: [Busy], require: [greet]}
upon: {stop: bye}
catch: {"*": bye}
nodes:
  greet:
    say: "Hi {{ user }}, try {{ tries }}: {{ [user for user in list] }}"
    set: {add: [Busy], fields: {tries: tries + 1}}
    to: [{if: tries > 2, to: bye}, {to: checks}]
  checks:
    all:
      http: {do: ops.make, with: {n: "{{ tries }}"}, undo: {do: ops.make}}
      bye:
        start: one
        nodes:
          one: {say: "bye", to: bye}
          bye: {say: one, to: $end}
    upon: {states: {Free: bye}}
    to: each
  each:
    each: {in: list, as: thing, do: ops.make, with: {n: "{{ thing }}"}}
    needs: [tries]
    to: bye
  bye: {wait: {if: "Busy and tries > 0"}, timeout: 1m, to: $end}
"""


def bytes_of(documents: dict[str, str]) -> dict[str, bytes]:
    return {name: text.encode() for name, text in documents.items()}


def mv(old: str, new: str, *within: str, **documents: str) -> Renaming:
    texts = {"tour.yaml": GRAPH} if not documents else {f"{name}.yaml": text for name, text in documents.items()}
    kind, name = named(old)
    return rename(bytes_of(texts), kind, name, new, within=within)


def changed(made: Renaming, before: str = GRAPH, name: str = "tour.yaml") -> list[tuple[str, str]]:
    pairs = zip(before.splitlines(), made.texts[name].splitlines(), strict=True)
    return [(old.strip(), new.strip()) for old, new in pairs if old != new]


def definition(documents: dict[str, bytes], name: str) -> bytes:
    made = Workspace(MemoryLoader(documents), tools=None).compile(name, "any")
    assert made.definition is not None, made.problems
    return msgspec.json.encode(made.definition)


def holds(documents: dict[str, bytes], kind: Kind, old: str, home: str, users: list[str]) -> None:
    """What a renaming promises."""
    own = old.rpartition(".")[2] if kind == "node" else old
    made = rename(documents, kind, old, FRESH, within=[home])
    after = documents | bytes_of(made.texts)
    for name in users:
        assert definition(after, name).replace(FRESH.encode(), own.encode()) == definition(documents, name)
    back = rename(after, kind, made.new, own, within=[home])
    assert after | bytes_of(back.texts) == documents


def declared(documents: dict[str, bytes], name: str) -> list[tuple[Kind, str]]:
    compiled = Workspace(MemoryLoader(documents), tools=None).alone(name)
    assert compiled is not None
    return [(each.kind, each.meaning) for each in occurrences(compiled.view) if each.defines and each.path == name]


@searched(few=4, many=1_500, data=graphs(), place=st.integers(0, 1000), style=st.booleans())
def test_a_definition_is_the_old_one_with_the_new_name_and_back_it_has_the_same_bytes(
    data: dict[str, Any], place: int, style: bool
) -> None:
    text = json.dumps({"trellis": 1, "name": "g", **data}, indent=None if style else 2)
    if style:
        made = formatted("g.yaml", text.encode()).text
        assert made is not None
        text = made
    documents = {"g.yaml": text.encode(), "child.yaml": json.dumps(CHILD).encode()}
    names = declared(documents, "g.yaml")
    kind, old = names[place % len(names)]
    holds(documents, kind, old, "g.yaml", ["g.yaml"])


EVERY = [(name, *each) for name in SAMPLES for each in declared(SAMPLES, name)]
BACK = "state '{}' replaces that of '{}' in graphs/{}.yaml, which would come back"
AGAIN = "graphs/{1}.yaml declares state '{0}' again: rename it there first"
REFUSED: dict[tuple[str, Kind, str], str] = {
    ("graphs/worker.yaml", "state", "Ailing"): BACK.format("Ailing", "a document that it names", "worker"),
    ("schemas/worker.yaml", "state", "Ailing"): AGAIN.format("Ailing", "worker"),
    ("schemas/worker.yaml", "state", "Ready"): BACK.format("Ready", "basic", "worker"),
    ("schemas/connection.yaml", "state", "Ready"): BACK.format("Ready", "basic", "connect"),
    ("schemas/connection.yaml", "state", "ErrNetwork"): BACK.format("ErrNetwork", "basic", "connect"),
    ("schemas/connection.yaml", "state", "ErrConnecting"): BACK.format("ErrConnecting", "connected", "connect"),
}
"""Of the names of the sample graphs, the states that are declared twice: one of the two would be left."""


@searched(few=4, many=400, each=st.sampled_from([each for each in EVERY if each not in REFUSED]))
def test_each_name_of_the_sample_graphs_can_be_changed_and_back(each: tuple[str, Kind, str]) -> None:
    home, kind, old = each
    holds(SAMPLES, kind, old, home, list(SAMPLES))


@pytest.mark.parametrize("each", REFUSED, ids=lambda each: f"{each[0]}:{each[2]}")
def test_but_for_states_that_are_declared_twice(each: tuple[str, Kind, str]) -> None:
    home, kind, old = each
    assert each in EVERY
    with pytest.raises(NotRenamed) as refused:
        rename(SAMPLES, kind, old, FRESH, within=[home])
    assert str(refused.value) == REFUSED[each]


def test_a_node_is_renamed_in_its_region_and_where_states_require_it() -> None:
    made = mv("greet", "hello")
    assert changed(made) == [
        ("start: greet", "start: hello"),
        ("Free: {remove: [Busy], require: [greet]}", "Free: {remove: [Busy], require: [hello]}"),
        ("greet:", "hello:"),
    ]
    assert (made.home, made.old, made.new, made.files) == ("tour.yaml", "greet", "hello", {})


def test_nodes_of_other_regions_texts_and_comments_keep_the_name() -> None:
    assert changed(mv("bye", "end_it")) == [
        ("upon: {stop: bye}", "upon: {stop: end_it}"),
        ('catch: {"*": bye}', 'catch: {"*": end_it}'),
        ("to: [{if: tries > 2, to: bye}, {to: checks}]", "to: [{if: tries > 2, to: end_it}, {to: checks}]"),
        ("upon: {states: {Free: bye}}", "upon: {states: {Free: end_it}}"),
        ("to: bye", "to: end_it"),
        (
            'bye: {wait: {if: "Busy and tries > 0"}, timeout: 1m, to: $end}',
            'end_it: {wait: {if: "Busy and tries > 0"}, timeout: 1m, to: $end}',
        ),
    ]


@pytest.mark.parametrize("new", ["last", "checks.bye.last"])
def test_a_node_in_a_body_is_named_by_its_path(new: str) -> None:
    assert changed(mv("checks.bye.bye", new)) == [
        ('one: {say: "bye", to: bye}', 'one: {say: "bye", to: last}'),
        ("bye: {say: one, to: $end}", "last: {say: one, to: $end}"),
    ]


def test_a_branch_is_renamed_too() -> None:
    assert changed(mv("checks.bye", "slow")) == [("bye:", "slow:")]


def test_a_field_is_renamed_in_expressions_and_not_where_a_name_is_local() -> None:
    assert changed(mv("field:tries", "n")) == [
        (
            "tries: {type: integer, default: 0, check: value >= 0}   # how often",
            "n: {type: integer, default: 0, check: value >= 0}   # how often",
        ),
        (
            'say: "Hi {{ user }}, try {{ tries }}: {{ [user for user in list] }}"',
            'say: "Hi {{ user }}, try {{ n }}: {{ [user for user in list] }}"',
        ),
        ("set: {add: [Busy], fields: {tries: tries + 1}}", "set: {add: [Busy], fields: {n: n + 1}}"),
        ("to: [{if: tries > 2, to: bye}, {to: checks}]", "to: [{if: n > 2, to: bye}, {to: checks}]"),
        (
            'http: {do: ops.make, with: {n: "{{ tries }}"}, undo: {do: ops.make}}',
            'http: {do: ops.make, with: {n: "{{ n }}"}, undo: {do: ops.make}}',
        ),
        ("needs: [tries]", "needs: [n]"),
        ('bye: {wait: {if: "Busy and tries > 0"}, timeout: 1m, to: $end}', 'bye: {wait: {if: "Busy and n > 0"}, timeout: 1m, to: $end}'),
    ]  # fmt: skip
    assert (
        'say: "Hi {{ guest }}, try {{ tries }}: {{ [user for user in list] }}"'
        in mv("field:user", "guest").texts["tour.yaml"]
    )


def test_states_signals_and_tools_are_renamed() -> None:
    assert changed(mv("state:Busy", "Taken")) == [
        ("Busy: {}", "Taken: {}"),
        ("Free: {remove: [Busy], require: [greet]}", "Free: {remove: [Taken], require: [greet]}"),
        ("set: {add: [Busy], fields: {tries: tries + 1}}", "set: {add: [Taken], fields: {tries: tries + 1}}"),
        ('bye: {wait: {if: "Busy and tries > 0"}, timeout: 1m, to: $end}', 'bye: {wait: {if: "Taken and tries > 0"}, timeout: 1m, to: $end}'),
    ]  # fmt: skip
    assert changed(mv("signal:stop", "halt")) == [
        ("signals: {stop: {}}", "signals: {halt: {}}"),
        ("upon: {stop: bye}", "upon: {halt: bye}"),
    ]
    assert [new for _, new in changed(mv("tool:ops.make", "ops.do_it"))] == [
        'ops.do_it: {python: "mytools:make"}',
        'http: {do: ops.do_it, with: {n: "{{ tries }}"}, undo: {do: ops.do_it}}',
        'each: {in: list, as: thing, do: ops.do_it, with: {n: "{{ thing }}"}}',
    ]


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("greet", "greet", "this node is called 'greet' already"),
        ("gret", "x", "no node 'gret' (did you mean 'greet'?)"),
        ("tries", "x", "no node 'tries', but a field: write field:tries"),
        ("tool:mail", "x", "no tool 'mail': no document declares it; the actions of a host are named in its code"),
        ("word:x", "y", "'word' is no kind of name; known: node, field, state, signal, tool"),
        ("greet", "checks", "there is a node 'checks' already"),
        ("greet", "Busy", "there is a state 'Busy' already"),
        ("state:Busy", "greet", "there is a node 'greet' already"),
        ("checks.http", "bye", "there is a node 'checks.bye' already"),
        ("checks.http", "each.http", "a node stays where it is: 'checks.http' can become 'checks.http'"),
        ("greet", "a-b", "with this name it would be wrong: tour.yaml:17:3: E208 'a-b' is no name for a node"),
        ("field:list", "tries", "there is a field 'tries' already"),
        (
            "field:list",
            "Busy",
            "with this name 'Busy' at tour.yaml: nodes.bye.wait.if would mean another thing",
        ),
        ("state:Busy", "tries", "with this name 'Busy' at tour.yaml: nodes.bye.wait.if would mean another thing"),
    ],
)
def test_what_would_collide_or_mean_another_thing_is_refused(old: str, new: str, why: str) -> None:
    with pytest.raises(Exception) as refused:  # noqa: PT011
        mv(old, new)
    assert str(refused.value)[: len(why)] == why


def test_a_name_that_would_be_caught_by_a_local_one_is_refused() -> None:
    with pytest.raises(NotRenamed, match=r"^with this name 'list' at tour\.yaml: nodes\.greet\.say would mean another"):
        mv("field:list", "user2", tour=GRAPH.replace("[user for user in list]", "[list[0] for user2 in list]"))


def test_several_documents_with_the_name_have_to_be_told_apart() -> None:
    with pytest.raises(NotRenamed, match=r"^there is a node 'greet' in a\.yaml, b\.yaml: name one of them$"):
        mv("greet", "hello", a=GRAPH, b=GRAPH)
    assert list(mv("greet", "hello", "b.yaml", a=GRAPH, b=GRAPH).texts) == ["b.yaml"]


def test_a_document_with_errors_is_to_be_mended_first() -> None:
    with pytest.raises(NotRenamed, match=r"^tour\.yaml has errors, .* mend them first: tour\.yaml:\d+:\d+: E204"):
        mv("greet", "hello", tour=GRAPH.replace("to: checks", "to: cheks"))


def test_a_name_whose_declaration_cannot_be_read_is_not_found_for_that_reason() -> None:
    with pytest.raises(
        NotRenamed, match=r"^no field 'user'; tour\.yaml has errors, mend them first: tour\.yaml:5:10: E202"
    ):
        mv("field:user", "guest", tour=GRAPH.replace("{type: string, default: Ana}", "string"))


CALLER = """\
trellis: 1
name: caller
start: go
fields: {tries: {type: integer, default: 1}}
nodes:
  go: {use: ./tour.yaml, with: {tries: "{{ tries }}"}, to: $end}
"""


def test_a_field_is_renamed_where_other_graphs_give_it_a_value() -> None:
    made = mv("field:tries", "n", "tour.yaml", tour=GRAPH, caller=CALLER)
    assert changed(made, CALLER, "caller.yaml") == [
        ('go: {use: ./tour.yaml, with: {tries: "{{ tries }}"}, to: $end}', 'go: {use: ./tour.yaml, with: {n: "{{ tries }}"}, to: $end}')
    ]  # fmt: skip
    assert list(mv("field:tries", "n", "caller.yaml", tour=GRAPH, caller=CALLER).texts) == ["caller.yaml"]


SCHEMA = "trellis: 1\nname: s\nstates: {Up: {}, Down: {remove: [Up]}}\n"
NEEDY = "trellis: 1\nname: s\nstates: {Up: {}, Down: {remove: [Up], require: [go]}}\n"
USER = "trellis: 1\nname: u\nschema: ./s.yaml\nstart: go\nnodes: {go: {set: {add: [Up]}, to: $end}}\n"


def test_a_state_of_a_schema_is_renamed_in_every_graph_that_has_it() -> None:
    made = mv("state:Up", "On", s=SCHEMA, u=USER, v=USER.replace("name: u", "name: v"))
    assert made.home == "s.yaml"
    assert made.texts["s.yaml"] == SCHEMA.replace("Up", "On")
    assert made.texts["u.yaml"] == USER.replace("Up", "On")
    assert made.texts["v.yaml"] == USER.replace("Up", "On").replace("name: u", "name: v")


def test_a_state_that_is_declared_again_elsewhere_is_left() -> None:
    again = USER.replace("schema:", "states: {Up: {}}\nschema:")
    with pytest.raises(NotRenamed, match=r"^u\.yaml declares state 'Up' again: rename it there first$"):
        mv("state:Up", "On", "s.yaml", s=SCHEMA, u=again)


def test_a_node_that_a_shared_schema_requires_is_left() -> None:
    assert set(mv("go", "begin", "u.yaml", s=NEEDY, u=USER).texts) == {"s.yaml", "u.yaml"}
    with pytest.raises(NotRenamed, match=r"^s\.yaml requires node 'go', and v\.yaml has its states too"):
        mv("go", "begin", "u.yaml", s=NEEDY, u=USER, v=USER)


def test_a_state_of_a_mixin_is_built_in() -> None:
    text = USER.replace("schema: ./s.yaml", "extends: [basic]").replace("add: [Up]", "add: [Start]")
    with pytest.raises(NotRenamed, match=r"^no state 'Start' to rename: it is one of 'basic', which is built in$"):
        mv("state:Start", "Begin", u=text)


def test_a_state_that_replaces_one_of_a_mixin_keeps_its_name() -> None:
    text = USER.replace("schema: ./s.yaml", "extends: [basic]\nstates: {Start: {multi: true}, Up: {}}")
    with pytest.raises(NotRenamed, match=r"^state 'Start' replaces that of 'basic' in u\.yaml, which would come back$"):
        mv("state:Start", "Begin", u=text)


def test_a_new_name_may_not_replace_a_state_from_elsewhere() -> None:
    text = USER.replace("schema: ./s.yaml", "extends: [basic]\nschema: ./s.yaml")
    with pytest.raises(NotRenamed, match=r"^there is a state 'Start' in u\.yaml already$"):
        mv("state:Up", "Start", s=SCHEMA, u=text)


def test_handlers_in_the_place_of_a_target_follow_their_node() -> None:
    caught = "catch: {failed: {start: p, nodes: {p: {say: x, to: q}, q: {say: y, to: $end}}}}"
    text = GRAPH.replace("    upon: {states: {Free: bye}}", f"    upon: {{states: {{Free: bye}}}}\n    {caught}")
    assert changed(mv("checks", "tests", tour=text), text)[-1] == ("checks:", "tests:")
    assert changed(mv("checks~failed.p", "first", tour=text), text) == [
        (caught, caught.replace("start: p", "start: first").replace("p: {", "first: {"))
    ]


def test_who_includes_the_schema_of_a_schema_is_seen_too() -> None:
    far = USER.replace("./s.yaml", "./t.yaml").replace("schema:", "extends: [basic]\nschema:")
    middle = "trellis: 1\nname: t\nextends: [./s.yaml]\n"
    assert set(mv("state:Up", "On", s=SCHEMA, t=middle, u=far).texts) == {"s.yaml", "u.yaml"}
    with pytest.raises(NotRenamed, match=r"^there is a state 'Start' in u\.yaml already$"):
        mv(
            "state:Up",
            "Start",
            s=SCHEMA,
            t=middle,
            u=far.replace("{set: {add: [Up]}, to: $end}", "{say: hi, to: $end}"),
        )


FOLDER = {
    "tour/graph.yaml": b"trellis: 1\nname: tour\nfields: {user: {type: string, default: Ana}}\n",
    "tour/start.md": b"---\nto: last\n---\n\nHello {{ user }},\nagain {{ user }}\n",
    "tour/last.yaml": b"say: Bye\nto: $end\n",
}


def test_the_file_of_a_node_is_renamed_with_it() -> None:
    made = rename(FOLDER, "node", "last", "bye")
    assert made.files == {"tour/last.yaml": "tour/bye.yaml"}
    assert made.texts == {"tour/start.md": "---\nto: bye\n---\n\nHello {{ user }},\nagain {{ user }}\n"}
    assert made.home == "tour/"


@pytest.mark.parametrize(("old", "new"), [("last", "zoo"), ("mid", "a"), ("start", "zoo"), ("b", "z"), ("y", "a")])
def test_a_node_of_a_folder_may_come_elsewhere_among_the_others_by_its_new_name(old: str, new: str) -> None:
    head = b"trellis: 1\nstart: start\nfields: {user: {type: string}}\n"
    middle = b"---\nto: [{if: user == 'Bo', to: last}, {to: b}]\n---\nHow are you, {{ user }}?\n"
    start = b"say: Hi\nask: {text: user}\nto: mid\n"
    folder = {**FOLDER, "tour/graph.yaml": head, "tour/start.yaml": start, "tour/mid.md": middle}
    folder |= {"tour/y.yaml": b"say: y\nto: last\n", "tour/b.yaml": b"say: b\nto: y\n"}
    del folder["tour/start.md"]
    made = rename(folder, "node", old, new)
    after = {made.files.get(path, path): made.texts.get(path, data.decode()) for path, data in folder.items()}
    back = rename({path: text.encode() for path, text in after.items()}, "node", new, old)
    assert {back.files.get(path, path): back.texts.get(path, text).encode() for path, text in after.items()} == folder


def test_a_field_is_renamed_in_what_a_markdown_file_says() -> None:
    made = rename(FOLDER, "field", "user", "guest", within=["tour/start.md"])
    assert made.texts["tour/start.md"] == "---\nto: last\n---\n\nHello {{ guest }},\nagain {{ guest }}\n"
    assert "{guest: {type" in made.texts["tour/graph.yaml"]


def test_the_node_where_a_folder_starts_keeps_its_name_where_nothing_else_says_so() -> None:
    with pytest.raises(NotRenamed, match="^with this name it would be wrong: tour/graph.yaml:1:1: E203"):
        rename(FOLDER, "node", "start", "begin")


@pytest.mark.parametrize(
    "say",
    [
        "'it''s {{ user }}'",
        '"\\u0041 \\"{{ user }}\\" \\x41"',
        '"Hi \\\n      {{ user }}"',
        "Hi\n      you {{\n      user }}",
        "|2\n       Hi\n      {{ user }}",
        ">-\n      Hi\n\n      {{ user }}\n       and {{ user }}",
    ],
)
def test_names_are_found_however_a_text_is_written(say: str) -> None:
    text = GRAPH.replace('"Hi {{ user }}, try {{ tries }}: {{ [user for user in list] }}"', say)
    made = mv("field:user", "somebody", tour=text)
    assert made.texts["tour.yaml"] == text.replace("user", "somebody")


def test_line_ends_and_a_byte_order_mark_stay() -> None:
    text = "\ufeff" + GRAPH.replace("\n", "\r\n")
    made = mv("greet", "hello", tour=text)
    assert made.texts["tour.yaml"] == text.replace("greet", "hello")


def test_what_an_alias_repeats_is_to_be_written_out() -> None:
    text = GRAPH.replace("upon: {stop: bye}", "x-way: &way bye\nupon: {stop: *way}")
    with pytest.raises(NotRenamed, match=r"^tour\.yaml: upon\.stop is repeated by an alias; write it out first$"):
        mv("bye", "last", tour=text)


def test_what_migrate_says_follows() -> None:
    text = GRAPH.replace(
        "nodes:\n  greet", 'migrate: {nodes: {was: checks, "c.h": checks.http}, fields: {n: tries}}\nnodes:\n  greet'
    )
    assert 'migrate: {nodes: {was: tests, "c.h": tests.http}' in mv("checks", "tests", tour=text).texts["tour.yaml"]
    assert "checks.web}" in mv("checks.http", "web", tour=text).texts["tour.yaml"]
    assert "fields: {n: m}}" in mv("field:tries", "m", tour=text).texts["tour.yaml"]
