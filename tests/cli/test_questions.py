"""Several choices and dates on the command line: what a prompt shows, what a line says, what is asked again."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Here
from tests.cli.console import Console

PARTY = """\
trellis: 1
name: party
start: what
fields:
  food: {type: [{type: string, enum: [soup, cake, fruit]}], default: []}
  day: {type: string, optional: true}
  ends: {type: time, optional: true}
nodes:
  what: {ask: {multi: food, default: [soup, fruit]}, to: when}
  when: {ask: {date: day}, to: until}
  until: {ask: {date: ends}, to: done}
  done: {end: {status: ok, result: "[food, day, ends]"}}
"""
MULTI = "food (any of soup, cake, fruit; default soup, fruit)"


@pytest.fixture
def party(here: Here) -> Here:
    (here.folder / "party.yaml").write_text(PARTY)
    return here


def test_what_is_typed_for_several_choices_and_dates_is_taken_or_asked_again(party: Here) -> None:
    done = party(
        "run", "party.yaml", typed="soup; cake\nCAKE, soup\n2030-2-1\n2030-02-01\n2030-02-01T22:00\n2030-02-02\n"
    )
    assert done == (
        0,
        (
            f"? what  {MULTI}: soup; cake\n"
            f"? what  choose any of: soup, cake, fruit; found string 'soup; cake'; {MULTI}: CAKE, soup\n"
            "? when  day (a date, as 2030-01-31): 2030-2-1\n"
            "? when  not a date such as 2030-01-31: '2030-2-1'; day (a date, as 2030-01-31): 2030-02-01\n"
            "? until  ends (a date, as 2030-01-31): 2030-02-01T22:00\n"
            "? until  expected a time with a zone, found string '2030-02-01T22:00': end it with Z or +02:00; "
            "ends (a date, as 2030-01-31): 2030-02-02\n"
            'completed: [["soup","cake"],"2030-02-01","2030-02-02T00:00:00Z"]\n'
        ),
        "",
    )


@pytest.mark.parametrize(
    "answers",
    [
        {"what": "cake, fruit", "when": "2030-02-01", "until": "2030-02-02"},
        {"what": [["fruit", "cake"]], "when": "2030-02-01", "until": "2030-02-02"},
        [["fruit", "cake"], "2030-02-01", "2030-02-02"],
    ],
)
def test_a_file_answers_as_a_person_would(party: Here, answers: object) -> None:
    (party.folder / "answers.json").write_text(json.dumps(answers))
    done = party("run", "party.yaml", "--answers", "answers.json", "--output", "json")
    lines = [json.loads(line) for line in done.out.splitlines()]
    assert lines[-1]["result"] == [["cake", "fruit"], "2030-02-01", "2030-02-02T00:00:00Z"]
    asked = [(line["kind"], line.get("options"), line.get("default")) for line in lines if line["type"] == "ask"]
    assert asked == [
        ("multi", ["soup", "cake", "fruit"], ["soup", "fruit"]), ("date", None, None), ("date", None, None),
    ]  # fmt: skip


def test_an_answer_from_elsewhere_is_read_the_same(party: Here) -> None:
    party("run", "party.yaml", "--id", "r")
    assert party("answer", "r", "what", "bread").out == (
        f"✗ asked again: choose any of: soup, cake, fruit; found string 'bread'; {MULTI}\n"
    )
    assert party("answer", "r", "what", "[]").out == "✓ taken; now at: when asks for day (a date, as 2030-01-31)\n"


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals here")
def test_several_are_chosen_by_their_numbers(party: Here) -> None:
    from tests.cli.console import Console

    person = Console("run", "party.yaml", cwd=Path(party.folder), NO_COLOR="1")
    prompt = "  1) soup\n  2) cake\n  3) fruit\nfood (several, as 1, 2) [soup, fruit]: "
    assert person.expect("]: ") == prompt
    person.type("3, 4\n")
    assert person.expect("]: ") == f"3, 4\n✗ choose any of: soup, cake, fruit; found string '3'\n{prompt}"
    person.type("3 2\n")
    assert person.expect("): ") == "3 2\nday (YYYY-MM-DD): "
    person.type("2030-02-01\n")
    person.expect("): ")
    person.type("2030-02-02\n")
    assert person.end() == (0, '2030-02-02\ncompleted: [["cake","fruit"],"2030-02-01","2030-02-02T00:00:00Z"]\n')


ORDER = """\
trellis: 1
name: order
start: who
fields:
  name: {type: string}
  size: {type: string, enum: [small, large], default: small}
  count: {type: integer, default: 1, check: value > 0}
  extras: {type: [{type: string, enum: [cup, lid]}], default: []}
nodes:
  who: {ask: {form: [name, size, count, extras]}, to: done}
  done: {end: {status: ok, result: "[name, size, count, extras]"}}
"""
FORM = "name; size (small, large; default small); count (a whole number; default 1); extras (any of cup, lid; default none)"


@pytest.fixture
def order(here: Here) -> Here:
    (here.folder / "order.yaml").write_text(ORDER)
    return here


def test_a_form_is_one_line_of_json(order: Here) -> None:
    done = order("run", "order.yaml", typed='Ana\n{"name": "Ana", "count": 0}\n{"name": "Ana", "extras": "lid"}\n')
    assert done == (
        0,
        (
            f"? who  {FORM}: Ana\n"
            f"? who  not the JSON of a map: 'Ana'; {FORM}: "
            '{"name": "Ana", "count": 0}\n'
            f"? who  count: 0 does not pass its check `value > 0`; {FORM}: "
            '{"name": "Ana", "extras": "lid"}\n'
            'completed: ["Ana","small",1,["lid"]]\n'
        ),
        "",
    )


def test_a_file_answers_a_form_by_a_map_of_what_a_person_would_type(order: Here) -> None:
    (order.folder / "answers.yaml").write_text("who: {name: 7, size: LARGE, count: '2', extras: [lid, cup]}\n")
    done = order("run", "order.yaml", "--answers", "answers.yaml", "--output", "json")
    lines = [json.loads(line) for line in done.out.splitlines()]
    assert lines[-1]["result"] == ["7", "large", 2, ["cup", "lid"]]
    assert [{key: line[key] for key in line if key not in ("v", "seq", "at", "run")} for line in lines if line["type"] == "ask"] == [
        {
            "type": "ask",
            "node": "who",
            "kind": "form",
            "form": [
                {"field": "name", "kind": "text"},
                {"field": "size", "kind": "choice", "options": ["small", "large"], "default": "small"},
                {"field": "count", "kind": "int", "default": 1},
                {"field": "extras", "kind": "multi", "options": ["cup", "lid"], "default": []},
            ],
        }
    ]  # fmt: skip


def test_a_form_is_answered_from_elsewhere_and_seen_without_what_is_hidden(
    order: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    order("run", "order.yaml", "--id", "r")
    monkeypatch.setenv("TRELLIS_REDACT", "count")
    wait = json.loads(order("runs", "show", "r", "--json").out)["waits"][0]
    assert wait["form"][2] == {"field": "count", "kind": "int", "default": "***"}
    assert order("answer", "r", "who", '{"nme": "Ana"}').out == (
        f"✗ asked again: 'nme': the form has no such field; did you mean 'name'?; name: missing; {FORM}\n"
    )
    assert order("answer", "r", "who", '{"name": "Ana", "count": 4711}').code == 0
    assert json.loads(order("runs", "show", "r", "--json").out)["last"][-1]["value"] == "***"


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals here")
def test_a_terminal_asks_for_one_field_of_a_form_after_the_other(order: Here) -> None:
    from tests.cli.console import Console

    person = Console("run", "order.yaml", cwd=Path(order.folder), NO_COLOR="1")
    assert person.expect("name: ") == "name: "
    person.type("Ana\n")
    assert person.expect("]: ") == "Ana\n  1) small\n  2) large\nsize [small]: "
    person.type("2\n")
    assert person.expect("]: ") == "2\ncount [1]: "
    person.type("many\n")
    person.expect("]: ")
    person.type("\n")
    assert person.expect("name: ") == "\n✗ count: not a whole number: 'many'\nname: "
    for typed, next_prompt in (("Ana", "size [small]: "), ("", "count [1]: "), ("2", "[none]: "), ("1 2", "completed")):
        person.type(f"{typed}\n")
        person.expect(next_prompt)
    assert person.end()[0] == 0


NOTES = """\
trellis: 1
name: notes
start: what
fields: {what: {type: string}, who: {type: string}}
nodes:
  what: {ask: {text: what, lines: true, default: nothing}, to: who}
  who: {ask: {text: who}, to: done}
  done: {end: {status: ok, result: "[what, who]"}}
"""


def test_a_text_of_several_lines_is_typed_up_to_a_dot(here: Here) -> None:
    (here.folder / "notes.yaml").write_text(NOTES)
    done = here("run", "notes.yaml", typed="one\n\n two\n.\nana\n")
    assert done == (
        0,
        (
            "? what  what (lines, up to one that is only .; default nothing): one two\n"
            "? who  who: ana\n"
            'completed: ["one\\n\\n two","ana"]\n'
        ),
        "",
    )
    (here.folder / "written.yaml").write_text('what: "a\\n.\\nb"\nwho: ben\n')
    assert here("run", "notes.yaml", "--answers", "written.yaml").out.endswith('["a\\n.\\nb","ben"]\n')
    assert here("run", "notes.yaml", typed=".\nana\n").out.endswith('["nothing","ana"]\n')


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals here")
def test_a_person_ends_several_lines_with_a_dot_or_ctrl_d(here: Here) -> None:
    (here.folder / "notes.yaml").write_text(NOTES)
    label = "what (lines; a line with only . ends) [nothing]:\n> "
    person = Console("run", "notes.yaml", cwd=here.folder, NO_COLOR="1")
    assert person.expect(label) == label
    person.type("one\n")
    person.expect("> ")
    person.type("two\n")
    person.expect("> ")
    person.type("\x04")
    person.expect("who: ")
    person.type("ana\n")
    assert person.end() == (0, 'ana\ncompleted: ["one\\ntwo","ana"]\n')
    person = Console("run", "notes.yaml", cwd=here.folder)
    person.expect(label)
    person.type("\x04")
    assert person.end()[0] == 7
