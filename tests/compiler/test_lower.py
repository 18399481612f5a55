"""What a document means: ids and regions, names resolved, durations in seconds, defaults filled in."""

from __future__ import annotations

import pytest

from tests.compiler.checking import compiled, definition, node
from trellis.compiler import compile_document
from trellis.model.documents import Document
from trellis.model.graph import (
    Ask,
    Body,
    Call,
    Definition,
    Each,
    Edge,
    End,
    Field,
    Graph,
    Join,
    Limits,
    Node,
    Retry,
    Signal,
    Tool,
    Undo,
)
from trellis.model.problems import Place


def test_a_graph_lowers_to_its_whole_definition() -> None:
    text = """
version: 3
start: a
fields: {n: {type: integer, default: 2.0, check: value >= 0, index: true}, env: {type: string, enum: [x, y]}}
signals: {fault: {error: string, buffer: 2}}
tools: {t: {process: [./t, "{{ args.a }}"], timeout: 1m, env: {A: b}, effect: pure}}
limits: {visits: 7}
upon: {interrupt: b}
catch: {"*": $rollback}
nodes:
  a: {say: "Hi", ask: {choice: env}, to: b}
  b: {end: {status: failed, result: env}}
"""
    assert definition(text) == Definition(
        name="g",
        start="a",
        label="3",
        fields={
            "n": Field("integer", default=2, check="value >= 0", index=True),
            "env": Field("string", enum=("x", "y")),
        },
        signals={"fault": Signal({"error": "string"}, buffer=2)},
        tools={"t": Tool("process", process=("./t", "{{ args.a }}"), env={"A": "b"}, timeout=60.0, effect="pure")},
        limits=Limits(steps=1000, visits=7),
        upon={"interrupt": "b"},
        catch={"*": "$rollback"},
        nodes={
            "a": Node("a", "ask", say="Hi", ask=Ask("choice", "env", ("x", "y")), to=(Edge("b"),)),
            "b": Node("b", "end", end=End("failed", "env")),
        },
        needs=("env",),
    )


def test_a_call_lowers_with_all_its_policies_in_seconds() -> None:
    text = """
fields: {out: {type: any, optional: true}, n: {type: integer, default: 0}}
nodes:
  a:
    do: {tool: "{{ out.tool }}", allow: [x, y]}
    with: {id: 1}
    save: out
    undo: {do: z, with: {id: "{{ out.id }}"}, retry: {max_attempts: 2}, timeout: 500ms}
    retry: {max_attempts: 3, initial_interval: 2s, backoff_coefficient: 3, max_interval: 1m, jitter: 0.5, non_retryable: [denied]}
    timeout: PT20S
    deadline: 1h30m
    commit: true
    set: {fields: {n: 4}}
    to: [{if: n == 4, to: a, undo: true}, {if: true, to: $fail}, {to: $end}]
    catch: {timeout: $rollback}
    upon: {interrupt: $end}
"""
    assert node(text, "a") == Node(
        "a",
        "do",
        do=Call("{{ out.tool }}", {"id": 1}, ("x", "y")),
        save="out",
        undo=Undo(Call("z", {"id": "{{ out.id }}"}), Retry(max_attempts=2), 0.5),
        retry=Retry(3, 2.0, 3.0, 60.0, 0.5, ("denied",)),
        timeout=20.0,
        deadline=5400.0,
        commit=True,
        set={"n": "4"},
        to=(Edge("a", "n == 4", undo=True), Edge("$fail", "true"), Edge("$end")),
        catch={"timeout": "$rollback"},
        upon={"interrupt": "$end"},
    )


def test_a_default_is_kept_as_its_field_stores_it() -> None:
    default = definition("fields: {n: {type: integer, default: 2.0}}\nnodes: {a: {to: $end}}").fields["n"].default
    assert (default, type(default)) == (2, int)


def test_a_retry_that_says_little_has_the_defaults_of_the_policy() -> None:
    text = "nodes: {a: {do: t, retry: {max_attempts: 2}, to: $end}}"
    assert node(text, "a").retry == Retry(
        max_attempts=2, initial_interval=1.0, backoff_coefficient=2.0, max_interval=None, jitter=0.0, non_retryable=()
    )


def test_bodies_are_regions_and_a_body_of_one_node_is_that_node() -> None:
    text = """
start: checks
fields: {items: {type: [any], default: []}}
nodes:
  checks:
    all:
      http: {do: t}
      db: {start: fetch, nodes: {fetch: {do: t, to: look}, look: {do: t, to: $end}}}
    join: any
    to: fan
  fan:
    each: {in: items, as: it, max: 3, do: t}
    join: collect
    to: deep
  deep:
    each: {in: items, start: one, nodes: {one: {all: {x: {do: t}, y: {each: {in: item.parts, as: part, do: t}}}, to: $end}}}
    join: {n: 2}
    to: $end
"""
    nodes = definition(text).nodes
    assert list(nodes) == [
        "checks", "checks.http", "checks.db.fetch", "checks.db.look",
        "fan", "fan[]",
        "deep", "deep[].one", "deep[].one.x", "deep[].one.y", "deep[].one.y[]",
    ]  # fmt: skip
    assert {name: made.region for name, made in nodes.items()} == {
        "checks": "", "checks.http": "checks.http", "checks.db.fetch": "checks.db", "checks.db.look": "checks.db",
        "fan": "", "fan[]": "fan[]",
        "deep": "", "deep[].one": "deep[]", "deep[].one.x": "deep[].one.x", "deep[].one.y": "deep[].one.y",
        "deep[].one.y[]": "deep[].one.y[]",
    }  # fmt: skip
    assert nodes["checks"].bodies == (
        Body("http", "checks.http", "checks.http"),
        Body("db", "checks.db", "checks.db.fetch"),
    )
    assert nodes["checks.db.fetch"].to == (Edge("checks.db.look"),)
    assert nodes["checks.http"].to == ()
    assert nodes["fan"].bodies == (Body("", "fan[]", "fan[]"),)
    assert nodes["fan"].each == Each("items", "it", 3)
    assert nodes["deep"].bodies == (Body("", "deep[]", "deep[].one"),)
    assert nodes["deep"].each == Each("items", "item", 0)
    assert [nodes[name].join for name in ("checks", "fan", "deep", "deep[].one")] == [
        Join("count", 1), Join("collect"), Join("count", 2), Join("all"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("written", "verb"),
    [
        ("say: hi", "say"),
        ("set: {fields: {n: 1}}", "pass"),
        ("commit: true", "pass"),
        ("say: hi, ask: {int: n}", "ask"),
        ("say: hi, do: t", "do"),
        ("say: hi, all: {x: {do: t}}", "all"),
        ("say: hi, each: {in: '[1]', do: t}", "each"),
    ],
)
def test_the_verb_is_what_acts(written: str, verb: str) -> None:
    text = f"fields: {{n: {{type: integer, optional: true}}}}\nnodes: {{a: {{{written}, to: $end}}}}"
    assert node(text, "a").verb == verb


def test_a_node_that_ends_has_the_verb_end_and_its_status() -> None:
    assert node("nodes: {a: {say: bye, end: cancelled}}", "a") == Node("a", "end", say="bye", end=End("cancelled"))


def test_options_that_are_written_win_over_the_enum_of_the_field() -> None:
    text = """
fields: {env: {type: string, enum: [x, y, z]}}
nodes: {a: {ask: {choice: env, options: [z, x], default: x}, to: $end}}
"""
    assert node(text, "a").ask == Ask("choice", "env", ("z", "x"), default="x")


def test_the_only_node_is_the_start() -> None:
    assert definition("nodes: {only: {to: $end}}").start == "only"


def test_a_graph_without_a_name_has_the_name_of_its_file() -> None:
    for path, name in (("flows/ship it.yaml", "ship it"), ("C:\\flows\\a.b.yaml", "a"), (".yaml", "graph")):
        done = compile_document(Document(path, {"trellis": 1, "nodes": {"a": {"to": "$end"}}}, lambda *_: Place()))
        assert done.definition is not None
        assert done.definition.name == name


def test_keys_that_are_free_for_anyone_mean_nothing() -> None:
    text = """
x-team: ops
start: a
fields: {x-f: 1, n: {type: integer, default: 0, x-unit: s}}
signals: {x-s: 1}
tools: {x-t: 1}
catch: {x-c: 1}
upon: {x-u: 1}
nodes:
  x-template: {do: nothing}
  a:
    x-owner: me
    all: {x-branch: 1, b: {do: t, set: {fields: {x-f: 1, n: n + 1}}}}
    catch: {x-c: 1}
    upon: {x-u: 1}
    to: $end
"""
    plain = """
start: a
fields: {n: {type: integer, default: 0}}
nodes:
  a: {all: {b: {do: t, set: {fields: {n: n + 1}}}}, to: $end}
"""
    assert definition(text) == definition(plain)


def test_arguments_keep_every_key() -> None:
    assert node("nodes: {a: {do: t, with: {x-trace: 1}, to: $end}}", "a").do == Call("t", {"x-trace": 1})


def test_the_order_of_what_is_written_keeps_the_hash() -> None:
    one = definition(
        "start: a\nfields: {p: {type: any, default: 1}, q: {type: any, default: 2}}\nnodes: {a: {do: t, to: b}, b: {to: $end}}"
    )
    two = definition(
        "nodes: {b: {to: $end}, a: {to: b, do: t}}\nfields: {q: {default: 2, type: any}, p: {type: any, default: 1}}\nstart: a"
    )
    assert list(one.nodes) != list(two.nodes)
    assert Graph(one).hash == Graph(two).hash


def test_another_way_to_write_the_same_has_the_same_hash() -> None:
    one = definition("nodes: {a: {do: t, timeout: 90s, retry: {max_attempts: 2, backoff_coefficient: 2}, to: $end}}")
    two = definition("nodes: {a: {do: t, timeout: 1m30s, retry: {max_attempts: 2}, to: [{to: $end}]}}")
    assert Graph(one).hash == Graph(two).hash


def test_a_definition_survives_its_own_bytes() -> None:
    graph = Graph(
        definition(
            "nodes: {a: {each: {in: '[1]', do: t}, save: out, to: $end}}\nfields: {out: {type: any, optional: true}}"
        )
    )
    again = Graph.decode(graph.data, graph.hash)
    assert again.definition == graph.definition
    assert Graph(again.definition).hash == graph.hash


def test_a_document_with_warnings_alone_has_a_definition() -> None:
    done = compiled("fields: {user: {type: string}}\nnodes: {a: {say: '{{ user }}', to: $end}}")
    assert [problem.code for problem in done.problems] == ["W303"]
    assert done.definition is not None
    assert done.definition.needs == ("user",)
