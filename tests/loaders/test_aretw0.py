"""Projects of aretw0/trellis as graphs: templates, conditions, answers, tools, and what is said of what is lost."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from trellis.expr.expression import compile_expression
from trellis.expr.template import compile_template
from trellis.loaders import read
from trellis.loaders.aretw0 import Imported, convert
from trellis.loaders.aretw0.answers import settled, wrapped
from trellis.loaders.aretw0.gotext import Broken, Unsayable
from trellis.loaders.aretw0.saying import Place, argument, say
from trellis.loaders.aretw0.writing import write_document

NEWLINE = "\n"


def imported(**files: str) -> Imported:
    """A project of Markdown files, by their names without `.md`; each ends with a line feed."""
    return convert({f"{name}.md": f"{text.removesuffix(NEWLINE)}\n".encode() for name, text in files.items()}, "shop")


def graph(made: Imported) -> dict[str, Any]:
    """The graph, which must be well formed."""
    reading = read("shop.yaml", made.text.encode())
    assert reading.problems == () and reading.document is not None
    data = reading.document.data
    assert isinstance(data, dict)
    return data


def nodes(**files: str) -> dict[str, Any]:
    found: dict[str, Any] = graph(imported(**files))["nodes"]
    return found


def notes(made: Imported) -> list[str]:
    return [f"{'error: ' if note.fault else ''}{note}" for note in made.notes]


CONTEXT = {
    "name": "Ana", "empty": "", "qty": 2, "items": [{"n": 1}, {"n": 2}], "words": ["a", "b"],
    "user": {"id": 7, "tags": []}, "none": None,
}  # fmt: skip


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("plain }} text", "plain }} text"),
        ("{{ .name }}!", "Ana!"),
        ("{{.nick}}", "<no value>"),
        ("{{ .user.id }} {{ .user.nick }} {{ .nick.id }}", "7 <no value> <no value>"),
        ('{{ default "none" .nick }} {{ .name | default "none" }} {{ default "x" .empty }}', "none Ana x"),
        ("{{ coalesce .empty .nick .name }} {{ coalesce .empty .nick }}", "Ana <no value>"),
        ("{{ toJson .name }} {{ toJson .user }} {{ toJson .nick }}", '"Ana" {"id":7,"tags":[]} null'),
        ('{{ index .user "id" }} {{ index .user "x" }} {{ index .words 1 }}', "7 <no value> b"),
        ("{{ if .nick }}yes{{ else }}no{{ end }}", "no"),
        (
            "{{ if eq .qty 1 }}one{{ else if and (gt .qty 1) .name }}many of {{ .name }}{{ else }}0{{ end }}",
            "many of Ana",
        ),
        ("{{ if .name }}{{ if .nick }}a{{ end }}{{ else }}c{{ end }}.", "."),
        ("{{ range .items }}<{{ .n }}{{ $.name }}>{{ end }}", "<1Ana><2Ana>"),
        ("{{ range $i, $w := .words }}{{ $i }}={{ $w }} {{ end }}", "0=a 1=b "),
        ("{{ range .nick }}x{{ else }}none{{ end }}", "none"),
        ("{{ with .user }}{{ .id }}{{ end }}{{ with .nick }}x{{ else }}-{{ end }}", "7-"),
        ("{{ $n := .name }}{{ $n }} {{/* a note */}}{{ len .words }}", "Ana 2"),
        ("a {{- .name -}} b", "aAnab"),
        ('{{ printf "%s has %d%%" .name .qty }} {{ not .nick }} {{ ne .name "x" }}', "Ana has 2% true true"),
        ('{{ "}}" }} {{ `{{` }}', "}} {{"),
        ("{{ .none }}", "<no value>"),
        ('{{ if index .user "id" }}y{{ end }}', "y"),
        ("{{ or .nick .name }} {{ eq .name `x` `Ana` }}", "Ana true"),
        ("{{ .sys.ans }} {{ (index .items 0).n }}", "last 1"),
    ],
)
def test_a_template_writes_what_go_writes(template: str, text: str) -> None:
    ours = say(template, Place(lambda key: "sys_ans" if key == "sys.ans" else key))
    scope = dict.fromkeys(("nick",)) | CONTEXT | {"sys_ans": "last"}
    assert compile_template(ours).evaluate(scope) == text


def test_a_key_that_is_always_set_needs_no_default() -> None:
    assert (
        say("Hi {{ .name }}, {{ .nick }}", Place(str, {"name"})) == 'Hi {{ name }}, {{ default(nick, "<no value>") }}'
    )


def test_an_argument_is_a_text_whatever_it_holds() -> None:
    place = Place(str, {"qty"})
    assert argument("{{ .qty }}", place) == "{{ str(qty) }}"
    assert compile_template(argument("{{ .qty }}", place)).evaluate(CONTEXT) == "2"
    assert argument("n={{ .qty }}", place) == "n={{ qty }}"


@pytest.mark.parametrize(
    ("template", "why"),
    [
        ("{{ .name", "an action is never closed"),
        ("{{ nope .name }}", 'function "nope" not defined'),
        ("{{ if .name }}x", "{{if}} has no {{end}}"),
        ("{{ end }}", "unexpected {{end}}"),
        ("{{ $x }}", "undefined variable '$x'"),
        ("{{ }}", "missing value for command"),
    ],
)
def test_what_go_refuses_is_refused(template: str, why: str) -> None:
    with pytest.raises(Broken) as caught:
        say(template, Place(str))
    assert str(caught.value) == why


@pytest.mark.parametrize(
    ("template", "what"),
    [
        ('{{ define "t" }}x{{ end }}', "{{ define }}"),
        ('{{ printf "%05d" .qty }}', "printf '%05d'"),
        ("{{ . }}", "the whole context as one value"),
        ("{{ html .name }}", "html"),
    ],
)
def test_what_has_no_words_here_is_told(template: str, what: str) -> None:
    with pytest.raises(Unsayable) as caught:
        say(template, Place(str))
    assert str(caught.value) == what


@given(some.text(alphabet='{}.$|()"`-: \nabif endrangeelse', max_size=40))
def test_no_template_breaks_the_import(text: str) -> None:
    graph(imported(start=f"> {text}"))


texts = some.text(some.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
values = some.recursive(
    some.none() | some.booleans() | some.integers(-(2**63), 2**63 - 1) | texts,
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


@given(values)
def test_what_is_written_reads_as_it_was(value: Any) -> None:
    text = write_document({"trellis": 1, "nodes": {"a": {"do": "x", "with": {"it": value}, "to": "$end"}}}, ["a", ""])
    document = read("x.yaml", text.encode()).document
    assert document is not None
    assert document.data == {"trellis": 1, "nodes": {"a": {"do": "x", "with": {"it": value}, "to": "$end"}}}


def test_only_answers_that_lead_on_are_taken_where_no_way_is_always_open() -> None:
    made = nodes(
        start="---\nwait: true\nsave_to: level\ntransitions: [{text: Gold, to: a}, {condition: \"input == 'Don\\\\'t'\", to: b}]\n---\n?",
        a="A", b="B",
    )  # fmt: skip
    assert made["start"] == {
        "say": "?\n",
        "ask": {"choice": "level", "options": ["Gold", "Don't"]},
        "to": [{"if": 'level == "Gold"', "to": "a"}, {"to": "b"}],
    }


def test_an_option_is_kept_as_it_is_written_even_where_other_answers_count() -> None:
    made = nodes(start="---\noptions: [{text: Red, to: a}]\nto: b\nsave_to: c\n---\n?", a="A", b="B")
    assert made["start"] == {
        "say": "?\n",
        "ask": {"text": "c"},
        "set": {"fields": {"c": 'default({"red": "Red"}[lower(strip(c))], c)'}},
        "to": [{"if": 'lower(strip(c)) == "red"', "to": "a"}, {"to": "b"}],
    }


def test_a_yes_and_a_no_that_both_lead_on_need_no_third_way() -> None:
    both = nodes(
        start="---\ninput_type: confirm\non_denied: b\ntransitions: [{text: 'Yes', to: a}]\n---\n", a="A", b="B"
    )
    assert both["start"]["to"] == [{"if": 'input == "yes"', "to": "a"}, {"to": "b"}]
    one = nodes(start="---\ninput_type: confirm\ntransitions: [{text: 'Yes', to: a}]\n---\n", a="A")
    assert one["start"]["to"] == [{"if": 'input == "yes"', "to": "a"}, {"to": "start"}]


def test_defaults_of_a_later_node_are_filled_on_the_way_to_it() -> None:
    made = nodes(
        start="---\nwait: true\nsave_to: v\ntimeout: 1s\non_timeout: b\ntransitions: [{condition: input == 'x', to: b}, {to: c}]\n---\n?",
        b="---\ndefault_context: {z: 1}\n---\n{{ .z }}", c="C",
    )  # fmt: skip
    assert made["start"]["set"] == {"fields": {"z": 'default(z, 1) if (lower(strip(v)) == "x") else (z)'}}
    assert made["start"]["catch"] == {"timeout": "b_filled"}
    assert made["b_filled"] == {"set": {"fields": {"z": "default(z, 1)"}}, "to": "b"}
    assert made["b"]["say"] == "{{ z }}\n"


def test_undo_sees_what_its_own_step_gave() -> None:
    made = nodes(
        start="---\ndo: {name: book}\nundo: {name: free, args: {ref: '{{ .tool_result.ref }}', id: '{{ .tool_result._id }}'}}\nto: b\n---\n",
        b="{{ .tool_result.ref }}",
    )
    assert made["start"]["undo"] == {
        "do": "free",
        "with": {"ref": '{{ str(default(tool_result.ref, "<no value>")) }}', "id": '{{ "book" }}'},
    }


def test_a_rollback_is_one_in_every_place() -> None:
    made = nodes(
        start="---\ndo: {name: a}\non_error: rollback\non_denied: Rollback\nto: b\n---\n", b="---\nto: rollback\n---\n"
    )
    assert made["start"]["catch"] == {"denied": "$rollback", "*": "$rollback"}
    assert made["b"] == {"to": "$rollback"}


def test_a_default_for_every_node_is_kept_though_their_files_lost_it() -> None:
    made = graph(imported(start="---\nwait: true\non_signal_default: {quit: b, interrupt: b}\nto: b\n---\n", b="bye"))
    assert (made["upon"], made["signals"]) == ({"quit": "b", "interrupt": "b"}, {"quit": {}})


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"start": "---\nwiat: true\n---\n"}, ["start.md: key 'wiat' means nothing there and is left out (did you mean 'wait'?)"]),
        ({"start": "---\ndo: name\n---\n"}, ["error: start.md: `do` is a map, found a text"]),
        ({"start": "---\na: [\n---\n", "b": "x"}, ["error: the project: there is no node to begin with: no start, main or index"]),
        ({"start": "---\nto: x\n---\n"}, ["error: start.md: no node 'x'"]),
        ({"start": "---\nto: ../secret\n---\n"}, ["error: start.md: no node '../secret'"]),
        ({"start": "---\nto: a\n"}, ["start.md: left out: the front matter is never closed: end it with a line `---`",
                                     "error: the project: there is no node to begin with: no start, main or index"]),
        ({"start": "---\nwait: true\nsave_to: sys\n---\n"}, ["error: start.md: `save_to: sys`: sys is theirs and cannot be written: choose another name"]),
        ({"start": "---\ntype: tool\n---\n"}, ["error: start.md: it is of type tool and has no `do`"]),
        ({"start": "---\nwait: true\ntimeout: soon\n---\n"}, ["error: start.md: `timeout: soon` is no duration: write 300ms, 2s or 1h30m"]),
        ({"start": "---\ncontext_schema: {x: date}\n---\n"}, ["error: start.md: `context_schema`: no type 'date'"]),
        ({"start": "hi", "README": "x"}, ["README.md: left out: no way leads there"]),
        ({"start": "---\ndo: {name: pay}\n---\n"}, ["start.md: tool 'pay' is in no tools.yaml: it fails, unless missing_tools.py has `pay`"]),
        ({"start": "---\ninput_type: date\nto: b\n---\n", "b": "B"}, ["start.md: `input_type: date` was asked as a text, and is"]),
        ({"start": "{{ html .x }}"}, ["start.md: html has no words here: the text is shown as it is written"]),
    ],
)  # fmt: skip
def test_what_is_lost_or_wrong_is_told(files: dict[str, str], told: list[str]) -> None:
    found = notes(imported(**files))
    assert [note for note in found if note in told] == told, found


def test_a_broken_file_that_nothing_leads_to_stops_nothing() -> None:
    made = imported(start="hi", notes="---\na: [\n---\n")
    assert not any(note.fault for note in made.notes) and len(made.notes) == 1


def test_one_id_in_two_files_is_told() -> None:
    made = convert({"start.md": b"a", "start.yaml": b"content: b"}, "shop")
    assert graph(made)["nodes"] == {"start": {"say": "a", "to": "$end"}}
    assert notes(made) == ["start.yaml: left out: 'start' is start.md, which is taken first"]


@pytest.mark.parametrize(
    ("output", "kept", "whole"),
    [
        ({"ref": 1}, {"ref": 1}, {"_id": "t", "ref": 1}),
        ([1], [1], {"_id": "t", "result": [1]}),
        ("{torn", "{torn", {"_id": "t", "result": "{torn"}),
        (7, "7", {"_id": "t", "result": "7"}),
        (None, "", {"_id": "t", "result": ""}),
    ],
)
def test_the_output_of_a_tool_is_kept_as_it_was_there(output: Any, kept: Any, whole: Any) -> None:
    assert compile_expression(settled("r")).evaluate({"r": output}) == kept
    assert compile_expression(wrapped("r", "t")).evaluate({"r": output}) == whole


def test_what_is_written_on_the_way_reads_the_answer_as_it_came() -> None:
    made = nodes(
        start="---\ninput_type: confirm\nsave_to: sure\non_signal: {interrupt: Rollback}\non_denied: b\nto: c\n---\n",
        b="---\ndefault_context: {z: 1, sure: maybe}\n---\n{{ .sys.ans }}", c="C",
    )  # fmt: skip
    assert made["start"]["set"]["fields"] == {
        "sure": '"yes" if sure else "no"',
        "sys_ans": '("yes" if sure else "no")',
        "z": "default(z, 1) if (not sure) else (z)",
    }
    assert made["start"]["upon"] == {"interrupt": "$rollback"}


def test_a_no_of_a_tool_is_a_refusal_and_errors_have_the_nearer_way() -> None:
    made = nodes(
        start="---\ndo: {name: a}\nsave_to: r\non_denied: b\non_error: c\nto: d\n---\n", b="B", c="C", d="D", error="E"
    )
    refused = 'lower(strip(str(default(r, "")))) in ["n", "no", "false", "deny"]'
    assert made["start"]["to"] == [{"if": refused, "to": "b"}, {"to": "d"}]
    assert made["start"]["catch"] == {"denied": "b", "*": "c"}


def test_a_target_may_have_an_extension_or_be_the_id_that_a_node_gives_itself() -> None:
    made = nodes(start="---\nto: b.md\n---\n", b="---\nto: alpha\n---\n", c="---\nid: alpha\n---\nC")
    assert (made["start"]["to"], made["b"]["to"]) == ("b", "c")


def test_a_condition_with_not_counts() -> None:
    made = imported(
        start="---\nwait: true\ntransitions: [{condition: not input == 'x', to: a}, {to: b}]\n---\n", a="A", b="B"
    )
    assert graph(made)["nodes"]["start"]["to"][0] == {"if": 'not (lower(strip(input)) == "x")', "to": "a"}
    assert notes(made) == ["start.md: `not` in a condition was read over there; it counts here"]


def test_what_some_way_does_not_set_is_guarded_where_it_is_needed() -> None:
    made = nodes(
        start="---\nwait: true\nto: k\non_interrupt: n\n---\n",
        k="---\nwait: true\nsave_to: k\nto: n\n---\n",
        n="---\nrequired_context: [k]\n---\nkey {{ .k }}",
    )
    assert made["n"]["say"] == '{{ "" if k != null else k }}key {{ default(k, "<no value>") }}\n'


def test_a_text_that_a_schema_counts_on_is_asked_for_as_a_number() -> None:
    made = graph(
        imported(
            start="---\nwait: true\nsave_to: age\nto: b\n---\n", b="---\ncontext_schema: {age: int}\n---\n{{ .age }}"
        )
    )
    assert made["nodes"]["start"]["ask"] == {"int": "age"}
    assert made["fields"] == {"age": {"type": "integer", "optional": True}}


def test_the_words_in_which_a_tool_was_asked_about_are_those_of_the_tool() -> None:
    tools = b"tools: [{name: pay, command: pay}]"
    files = {
        "tools.yaml": tools,
        "start.md": b"---\ndo: {name: pay, metadata: {confirm_msg: 'Pay {{ 1 }}?'}}\nto: b\n---\n",
        "b.md": b"---\ndo: {name: pay}\nmetadata: {confirm_msg: 'Pay {{ 1 }}?'}\nto: c\n---\n",
        "c.md": b"---\ndo: {name: pay, metadata: {confirm_msg: No more?}}\nmetadata: {confirm_msg: Once more?}\n---\n",
    }
    made = convert(files, "shop")
    assert notes(made) == []
    assert graph(made)["tools"] == {
        "pay": {"process": ["pay"], "confirm": "Pay {{{{ 1 }}?"},
        "pay_": {"process": ["pay"], "confirm": "Once more?"},
    }
    assert [node["do"] for node in graph(made)["nodes"].values()] == ["pay", "pay", "pay_"]


def test_a_text_ends_as_its_file_does() -> None:
    said = {"start.md": b"---\nto: b\n---\nHi", "b.md": b"Bye\n"}
    assert [node["say"] for node in graph(convert(said, "shop"))["nodes"].values()] == ["Hi", "Bye\n"]


@pytest.mark.parametrize(
    "template",
    [
        "{{ if .a }}" * 400 + "x" + "{{ end }}" * 400,
        "{{ if .a }}" + "x{{ else if .a }}" * 400 + "{{ end }}",
        "{{ " + "(" * 3000 + ".a" + ")" * 3000 + " }}",
        "{{ index .a " + '"k" ' * 40 + "}}",
        "{{ $x := .a }}" + '{{ $x := index $x "k" }}' * 40 + "{{ $x }}",
    ],
)
def test_a_template_that_nobody_writes_by_hand_is_shown_as_it_is_written(template: str) -> None:
    made = imported(start=template)
    assert made.notes[0].text.endswith("has no words here: the text is shown as it is written")


def test_json_that_is_nested_without_end_is_left_out() -> None:
    deep = b'{"metadata": {"a": ' + b"[" * 5000 + b"]" * 5000 + b'}, "content": "x"}'
    made = convert({"start.md": b"Hi\n", "deep.json": deep}, "shop")
    assert [note.path.partition(":")[0] for note in made.notes] == ["deep.json"]
