"""`trellis runs ls`, `show` and `replay`: an operator sees where runs stand, and nothing is owned or written for it."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, get_args

import jsonschema
import pytest

from tests.cli.conftest import Here
from tests.cli.console import ROOT
from tests.cli.golden import matches
from trellis.cli.finding import STATUSES
from trellis.engine.state import Status
from trellis.hosts.vault import Vault

STORE = "sqlite:///{folder}/.trellis/runs.db"


@cache
def validator(name: str) -> jsonschema.Draft202012Validator:
    schema = json.loads((ROOT / "trellis/cli/schemas/runs.schema.json").read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator({**schema, "$ref": f"#/$defs/{name}"})


def read(name: str, text: str) -> Any:
    """What a command printed as JSON; it must be as the published schema says."""
    value = json.loads(text)
    validator(name).validate(value)
    return value


@pytest.fixture
def some(here: Here) -> Here:
    """Three runs: one asks, one failed, one has a call that is uncertain."""
    assert here("run", "hello.yaml", "--id", "h-1", "--set", "name=Ana", typed="prod\n").code == 7
    assert here("run", "saga.yaml", "--id", "s-1", "--set", "fault=other").code == 1
    here.crashed("p-1")
    return here


def test_a_status_is_one_that_the_engine_knows() -> None:
    assert get_args(Status) == STATUSES


def test_where_nothing_was_run_yet_it_says_so_and_makes_no_store(here: Here) -> None:
    place = STORE.format(folder=here.folder)
    assert here("runs", "ls") == (0, f"no runs yet in {place}; `trellis run FILE` starts one\n", "")
    assert here("runs", "ls", "--json") == (0, "[]\n", "")
    assert here("runs", "show", "h-1") == (2, "", f"error: no runs are kept here yet\nstore: {place}\n")
    assert not (here.folder / ".trellis").exists()


def test_ls_has_a_line_for_each_run_the_newest_first(some: Here) -> None:
    done = some("runs", "ls")
    assert (done.code, done.err) == (0, "")
    matches("ls.txt", done.out, some.folder)


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ([], ["p-1", "s-1", "h-1"]),
        (["--limit", "2"], ["p-1", "s-1"]),
        (["--status", "running"], ["p-1", "h-1"]),
        (["--graph", "hello"], ["h-1"]),
        (["--where", "user == 'crash'"], ["p-1"]),
        (["--where", "user != 'crash'"], []),
        (["--where", "user == 'crash' or name == 'Ana'"], ["p-1"]),  # a run of another graph has no `user`
        (["--older", "1d"], []),
        (["--older", "0s", "--status", "failed"], ["s-1"]),
    ],
)
def test_ls_lists_only_the_runs_that_are_asked_for(some: Here, query: list[str], ids: list[str]) -> None:
    assert [row["id"] for row in read("ls", some("runs", "ls", "--json", *query).out)] == ids


def test_a_query_that_finds_nothing_says_so(some: Here) -> None:
    assert some("runs", "ls", "--graph", "none") == (0, "no such run\n", "")
    assert some("runs", "ls", "--where", "user == 'nobody'") == (0, "no such run\n", "")
    told = "--where: none of the runs has an indexed field 'usr' (did you mean 'user'?)\n"
    assert some("runs", "ls", "--where", "usr == 'crash'") == (0, "no such run\n", told)
    assert some("runs", "ls", "--where", "usr == 'crash'", "--json") == (0, "[]\n", told)


@pytest.mark.parametrize(
    ("query", "told"),
    [
        (["--status", "runing"], "no run has the status 'runing' (did you mean 'running'?)"),
        (["--status", "x"], f"no run has the status 'x'; known: {', '.join(STATUSES)}"),
        (["--older", "3"], "--older: '3' lacks a unit: write 3s or 3ms"),
    ],
)
def test_a_wrong_query_is_told_what_to_write(some: Here, query: list[str], told: str) -> None:
    assert some("runs", "ls", *query) == (2, "", f"error: {told}\n")


@pytest.mark.parametrize("run", ["h-1", "s-1", "p-1"])
def test_show_has_all_that_an_operator_asks_on_one_page(some: Here, run: str) -> None:
    done = some("runs", "show", run)
    assert (done.code, done.err) == (0, "")
    matches(f"show-{run}.txt", done.out, some.folder)


def test_show_as_json_has_the_same_for_programs(some: Here) -> None:
    asking = read("show", some("runs", "show", "h-1", "--json").out)
    assert (asking["status"], asking["events"], asking["position"]) == ("running", 2, ["count"])
    (wait,) = asking["waits"]
    assert {key: wait[key] for key in wait if key != "since"} == {
        "node": "count", "for": "answer", "field": "tries", "kind": "int", "default": 3,
    }  # fmt: skip
    assert asking["next"] == ["trellis answer h-1 count VALUE", "trellis runs cancel h-1"]
    failed = read("show", some("runs", "show", "s-1", "--json").out)
    assert failed["error"] == {"code": "other", "message": "other", "node": "check", "attempt": 1}
    assert failed["waits"] == []
    uncertain = read("show", some("runs", "show", "p-1", "--json").out)["waits"][0]
    assert (uncertain["for"], uncertain["tool"], uncertain["key"], uncertain["args"]) == (
        "uncertain", "pay", "p-1/pay/2", {"user": "crash"},
    )  # fmt: skip


def test_show_names_the_store_in_the_commands_that_it_offers(here: Here) -> None:
    here("run", "hello.yaml", "--id", "h-1", "--store", "file:kept runs")
    shown = read("show", here("runs", "show", "h-1", "--store", "file:kept runs", "--json").out)
    assert shown["next"][0] == "trellis answer h-1 choose VALUE --store 'file:kept runs'"


BEATEN = """\
trellis: 1
name: beaten
start: a
signals: {beat: {}}
fields: {t: {type: string, optional: true}}
nodes:
  a: {ask: {text: t}, upon: {beat: b}, to: $end}
  b: {to: a}
"""


def test_show_as_json_says_when_the_last_event_was_though_the_index_is_behind(here: Here) -> None:
    Path("beaten.yaml").write_text(BEATEN, "utf-8")
    assert here("run", "beaten.yaml", "--id", "b-1").code == 7
    assert here("signal", "b-1", "beat").code == 0
    shown = read("show", here("runs", "show", "b-1", "--json").out)
    (listed,) = read("ls", here("runs", "ls", "--json").out)
    begun, beaten = [event["at"] for event in shown["last"]]
    assert (listed["updated"], shown["updated"]) == (begun, beaten)
    assert [row["id"] for row in read("ls", here("runs", "ls", "--older", "0s", "--json").out)] == ["b-1"]


def test_how_many_events_are_shown_is_said(some: Here) -> None:
    assert read("show", some("runs", "show", "p-1", "--json", "--events", "0").out)["last"] == []
    last = read("show", some("runs", "show", "p-1", "--json", "--events", "1").out)["last"]
    assert [(event["seq"], event["type"], event["node"]) for event in last] == [(4, "action_failed", "pay")]


def test_an_id_that_is_nearly_one_is_told_which(some: Here) -> None:
    place = STORE.format(folder=some.folder)
    told = f"error: unknown run 'h-2' (did you mean 'h-1'?)\nstore: {place}\n"
    for command in ("show", "replay", "fork", "cancel", "rm", "export"):
        assert some("runs", command, "h-2") == (2, "", told)
    assert some("answer", "h-2", "count", "3") == (2, "", told)
    assert some("signal", "h-2", "hurry") == (2, "", told)


@pytest.mark.parametrize("until", [1, 2, None])
def test_replay_tells_a_run_until_an_event(some: Here, until: int | None) -> None:
    some("answer", "h-1", "count", "5")
    done = some("runs", "replay", "h-1", *(["--until", str(until)] if until else []))
    assert (done.code, done.err) == (0, "")
    matches(f"replay-{until or 'all'}.txt", done.out, some.folder)


def test_replay_as_json_has_the_run_as_it_was(some: Here) -> None:
    some("answer", "h-1", "count", "5")
    then = read("replay", some("runs", "replay", "h-1", "--until", "2", "--json").out)
    assert (then["status"], then["until"], then["events"], then["position"]) == ("running", 2, 3, ["count"])
    assert then["fields"] == {"name": "Ana", "tries": 0, "env": "prod"}
    assert then["lines"][-1]["type"] == "ask"
    now = read("replay", some("runs", "replay", "h-1", "--json").out)
    assert (now["status"], now["until"], now["result"]) == ("completed", 3, "prod")


def test_replay_shortens_what_is_very_long(here: Here) -> None:
    Path("hello.yaml").write_text(
        Path("hello.yaml").read_text("utf-8").replace("{{ name }}", "{{ name * 1000 }}"), "utf-8"
    )
    here("run", "hello.yaml", "--id", "h-1", "--set", "name=abc")
    said = here("runs", "replay", "h-1").out.splitlines()[0]
    assert said == f"Hello {'abc' * 664}ab… (3007 characters; --json has them all)"
    assert f"Hello {'abc' * 1000}!" in here("runs", "replay", "h-1", "--json").out


def test_replay_stops_at_no_event_that_is_not_there(some: Here) -> None:
    assert some("runs", "replay", "h-1", "--until", "9") == (
        2, "", "error: run 'h-1' has 2 events; there is no event 9\n",
    )  # fmt: skip


def test_looking_at_a_run_leaves_its_store_as_it_was(some: Here) -> None:
    before = read("ls", some("runs", "ls", "--json").out)
    for words in (["show", "p-1"], ["replay", "p-1"], ["export", "p-1"]):
        some("runs", *words)
    assert read("ls", some("runs", "ls", "--json").out) == before


def test_a_secret_is_in_nothing_that_is_shown(here: Here) -> None:
    here("run", "pay.yaml", "--id", "p-1", "--store", "file:runs", typed="yes\n")
    assert here("answer", "p-1", "token", "-", "--store", "file:runs", typed="sesame-1\n").code == 0
    kept = ("--store", "file:runs")
    said: list[Any] = [
        *here("runs", "show", "p-1", *kept), *here("runs", "show", "p-1", "--json", *kept),
        *here("runs", "replay", "p-1", *kept), *here("runs", "replay", "p-1", "--json", *kept),
        *here("runs", "ls", *kept), *here("runs", "export", "p-1", *kept),
        *(path.read_text("utf-8") for path in Path("runs").rglob("*.jsonl")),
    ]  # fmt: skip
    assert not any("sesame" in str(text) for text in said)
    assert '\n  token   "***"\n' in said[1]


def test_what_the_environment_hides_is_in_nothing_that_is_shown(some: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    """By name where it stands under it, by pattern wherever it is."""
    some("answer", "h-1", "count", "4711")
    monkeypatch.setenv("TRELLIS_REDACT", "name\nuser\ntries\n/4711/\n/Hello \\w+/")
    said = [
        text
        for run in ("h-1", "p-1")
        for words in (["show", run], ["show", run, "--json"], ["replay", run], ["replay", run, "--json"])
        for text in some("runs", *words)[1:]
    ]
    said += some("runs", "ls", "--json")[1:]
    assert [hidden for hidden in ("Ana", "4711", "crash") for text in said if hidden in str(text)] == []
    assert read("show", some("runs", "show", "h-1", "--json").out)["fields"]["name"] == "***"


def test_an_envelope_of_a_secret_is_shown_to_nobody(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("cryptography")
    monkeypatch.setenv("TRELLIS_SECRET_KEYS", Vault.generate())
    here("run", "pay.yaml", "--id", "p-1", typed="yes\nsesame-1\n")
    assert '"secrets":{"token":"v1.' in here("runs", "export", "p-1").out
    last = read("show", here("runs", "show", "p-1", "--json").out)["last"][-1]
    assert {key: last[key] for key in last if key != "at"} == {
        "seq": 6, "type": "answer_given", "node": "token", "value": "***",
    }  # fmt: skip
    assert "v1." not in here("runs", "show", "p-1").out
