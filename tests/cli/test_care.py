"""`trellis runs` that change something: new runs out of others, runs that end, and runs that are removed or carried away."""

from __future__ import annotations

import json
import os
import textwrap
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Here
from tests.cli.console import trellis
from trellis.hosts.vault import Vault

KEEP = """\
trellis: 1
name: keep
start: a
fields: {token: {type: string, secret: true, optional: true}, x: {type: boolean, optional: true}}
tools: {unmake: {python: "tools:unmake"}}
nodes:
  a: {ask: {secret: token}, to: b}
  b: {ask: {confirm: x}, to: c}
  c: {do: unmake, with: {fault: "{{ token }}"}, to: $end}
"""


@pytest.fixture
def some(here: Here) -> Here:
    """Two open runs and one that completed."""
    for run in ("h-1", "h-2", "h-3"):
        assert here("run", "hello.yaml", "--id", run, "--set", f"name=name-{run}", typed="prod\n").code == 7
    assert here("answer", "h-3", "count", "3").code == 0
    return here


def shown(here: Here, run: str) -> Any:
    return json.loads(here("runs", "show", run, "--json").out)


def listed(here: Here) -> dict[str, str]:
    return {row["id"]: row["status"] for row in json.loads(here("runs", "ls", "--json").out)}


def test_a_fork_begins_with_the_first_events_and_the_other_run_stays_as_it_is(some: Here) -> None:
    before = shown(some, "h-3")
    done = some(
        "runs", "fork", "h-3", "--at", "2", "--set", "name=Bo", "--set", "tries=4", "--id", "f-1", "--by", "ana"
    )
    assert done == (
        0,
        "f-1\n",
        "now at: count asks for tries (a whole number; default 3)\nit waits for somebody: trellis runs show f-1\n",
    )
    fork = shown(some, "f-1")
    assert fork["fields"] == {"name": "Bo", "tries": 4, "env": "prod"}
    assert (fork["events"], fork["last"][-1]["by"]) == (3, "ana")
    assert shown(some, "h-3") == before
    assert some("answer", "f-1", "count", "9").out == '✓ taken; the run has ended: completed: "prod"\n'


def test_a_fork_without_an_id_prints_the_one_it_got(some: Here) -> None:
    new = some("runs", "fork", "h-1").out.strip()
    assert new.startswith("h-1-")
    assert listed(some)[new] == "running"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["h-3"], "run 'h-3' had ended by event 3: completed; fork it at an earlier one"),
        (["h-3", "--at", "7"], "run 'h-3' has 3 events; there is no event 7"),
        (["h-1", "--set", "nam=x"], "graph 'hello' has no field 'nam' (did you mean 'name'?)"),
        (["h-1", "--set", "tries=-1"], "field 'tries': -1 does not pass its check `value >= 0`"),
        (["h-1", "--id", "h-2"], "there is a run 'h-2' already; give another id"),
        (
            ["h-1", "--id", "h\n4"],
            "'h\\n4' is no id of a run: 1 to 200 characters that can be printed, the first of them no '-'",
        ),
        (["h-1", "--set", "name"], "--set takes FIELD=VALUE, found 'name'"),
    ],
)
def test_a_fork_that_cannot_be_is_refused_and_nothing_is_made(some: Here, words: list[str], told: str) -> None:
    before = listed(some)
    assert some("runs", "fork", *words) == (2, "", f"error: {told}\n")
    assert listed(some) == before


def test_a_secret_is_not_set_by_a_fork(here: Here) -> None:
    here.crashed("p-1")
    told = "error: field 'token': it is secret, and no fork writes it; the run asks for it\n"
    assert here("runs", "fork", "p-1", "--set", "token=sesame") == (2, "", told)


def test_a_retry_begins_where_the_node_was_entered(here: Here) -> None:
    assert here("run", "saga.yaml", "--id", "s-1", "--set", "fault=other").code == 1
    done = here("runs", "retry", "s-1", "--from", "push", "--id", "s-2")
    assert done == (
        0,
        "s-2\n",
        "now at: push calls make, attempt 1\nnobody drives it: a worker goes on with it, or: trellis resume s-2\n",
    )
    assert here("resume", "s-2").out.splitlines()[-1] == "failed at check: other: other"
    done = here("runs", "retry", "s-1", "--from", "pusch")
    assert done == (2, "", "error: run 's-1' never entered a node 'pusch'; it entered: build, push, check\n")


def test_a_retry_makes_a_call_that_the_other_run_had_begun(here: Here) -> None:
    here.crashed("p-1")
    tools = here.folder / "tools.py"
    tools.write_text(tools.read_text("utf-8").replace("os._exit(9)", 'open("paid", "a").write("once ")'), "utf-8")
    done = here("runs", "retry", "p-1", "--from", "pay", "--id", "p-2")
    assert done == (
        0,
        "p-2\n",
        "now at: pay calls pay, attempt 1\nnobody drives it: a worker goes on with it, or: trellis resume p-2\n",
    )
    resumed = trellis("resume", "p-2", cwd=here.folder, typed="no\nsesame\n")
    assert (resumed.code, resumed.out.splitlines()[0]) == (0, "✓ pay")
    assert (here.folder / "paid").read_text() == "once "
    kinds = [event["type"] for event in shown(here, "p-2")["last"]]
    assert kinds.index("attempt_begun") < kinds.index("action_completed", kinds.index("attempt_begun"))


def test_a_fork_makes_a_call_anew_and_names_the_key_under_which_the_other_run_made_it(here: Here) -> None:
    here.crashed("p-1")
    before = shown(here, "p-1")
    for new, at in (("f-1", []), ("f-2", ["--at", "3"])):
        done = here("runs", "fork", "p-1", *at, "--id", new)
        told = (
            f"pay is called anew, under the key {new}/pay/2; run p-1 had begun it (key p-1/pay/2), and may have done it: "
            f"where it has, trellis runs cancel {new}\n"
            f"now at: pay calls pay, attempt 2\nnobody drives it: a worker goes on with it, or: trellis resume {new}\n"
        )
        assert done == (0, f"{new}\n", told)
        (wait,) = shown(here, new)["waits"]
        assert (wait["for"], wait["key"]) == ("call", f"{new}/pay/2")
    not_begun = here("runs", "fork", "p-1", "--at", "2", "--id", "f-3")
    assert not_begun.err.splitlines()[0] == "now at: pay calls pay, attempt 1"
    assert shown(here, "p-1") == before
    assert here("runs", "resolve", "p-1", "pay", "--value", "7").code == 0
    assert "anew" not in here("runs", "fork", "p-1", "--id", "f-4").err


@pytest.mark.parametrize(("command", "code"), [("cancel", "cancelled"), ("terminate", "terminated")])
def test_an_open_run_is_ended_by_its_id_and_the_journal_says_who_and_why(some: Here, command: str, code: str) -> None:
    assert some("runs", command, "h-1", "--by", "ana", "--reason", "not needed") == (0, f"h-1 {code}\n", "")
    run = shown(some, "h-1")
    assert (run["status"], run["error"]["code"], run["last"][-1]["by"], run["last"][-1]["reason"]) == (
        "cancelled", code, "ana", "not needed",
    )  # fmt: skip
    assert listed(some)["h-2"] == "running"


def test_to_cancel_twice_is_refused_and_to_terminate_twice_is_not(some: Here) -> None:
    some("runs", "cancel", "h-1")
    assert some("runs", "cancel", "h-1") == (2, "", "error: run 'h-1' has ended: cancelled\n")
    some("runs", "terminate", "h-2")
    assert some("runs", "terminate", "h-2") == (0, "h-2 terminated\n", "")


@pytest.mark.parametrize("command", ["cancel", "terminate", "rm"])
def test_which_runs_are_meant_is_said_once(some: Here, command: str) -> None:
    none = "error: name a run, or say which: --status, --graph, --where, --older\n"
    both = "error: name a run, or say which with --status, --graph, --where, --older; not both\n"
    assert some("runs", command) == (2, "", none)
    assert some("runs", command, "h-1", "--graph", "hello") == (2, "", both)


def test_a_batch_is_looked_at_first_and_needs_a_yes(some: Here) -> None:
    before = listed(some)
    assert some("runs", "cancel", "--graph", "hello", "--dry-run") == (0, "h-2\nh-1\n", "2 runs; nothing was done\n")
    refused = "error: 2 runs would be changed: look at them with --dry-run, then say --yes\n"
    assert some("runs", "cancel", "--graph", "hello") == (2, "", refused)
    assert listed(some) == before
    done = some("runs", "cancel", "--graph", "hello", "--yes")
    assert done == (0, "h-2 cancelled\nh-1 cancelled\n", "2 runs done\n")
    assert listed(some) == {"h-1": "cancelled", "h-2": "cancelled", "h-3": "completed"}
    assert some("runs", "cancel", "--graph", "hello", "--yes") == (0, "", "0 runs done\n")


def test_open_runs_are_not_removed(some: Here) -> None:
    told = "error: run 'h-1' is open, and open runs are not removed; end it first: trellis runs terminate h-1\n"
    assert some("runs", "rm", "h-1") == (2, "", told)
    told = "error: open runs are not removed; end them first with `trellis runs cancel` or `terminate`\n"
    assert some("runs", "rm", "--status", "running") == (2, "", told)
    assert some("runs", "rm", "--graph", "hello", "--yes") == (0, "h-3 removed\n", "1 run done\n")
    assert listed(some) == {"h-1": "running", "h-2": "running"}


def test_a_run_that_another_uses_is_found_answered_by_its_path_and_kept_until_its_end_is_heard(here: Here) -> None:
    (here.folder / "above.yaml").write_text(
        textwrap.dedent("""\
        trellis: 1
        fields: {ok: {type: boolean, optional: true}}
        nodes: {review: {use: ./below.yaml, save: ok, retry: {max_attempts: 1}, to: $end}}
        """)
    )
    (here.folder / "below.yaml").write_text(
        textwrap.dedent("""\
        trellis: 1
        start: ask
        fields: {ok: {type: boolean, optional: true}}
        nodes:
          ask: {ask: {confirm: ok}, to: [{if: ok, to: done}, {to: $rollback}]}
          done: {end: {status: ok, result: ok}}
        """)
    )
    child = "u-1/review/1"
    for run in ("u-1", "u-2"):
        assert here("run", "above.yaml", "--id", run, typed="").code == 7
    page = here("runs", "show", "u-1").out
    assert "driving  it waits for a run that it uses: some host drives it, or a worker is needed\n" in page
    assert f"trellis runs show {child}  # the run that review uses\n" in page
    assert "used by  u-1\n" in here("runs", "show", child).out
    apart = f"it uses run '{child}', which is not in this export: export that one too, and import it before this one\n"
    assert here("runs", "export", "u-1", "-o", "u-1.jsonl") == (0, "", apart)
    anew = f"it uses run '{child}', which is not in this store: whoever goes on with it begins that run anew\n"
    assert here("runs", "import", "u-1.jsonl", "--store", "file:elsewhere") == (0, "u-1\n", anew)
    assert here("runs", "fork", child, "--id", "f-1").code == 0
    assert "used by" not in here("runs", "show", "f-1").out
    wrong = here("answer", "u-1", "review.aks", "yes")
    assert wrong == (2, "", "error: node 'aks' does not ask; asking now: ask (did you mean 'ask'?)\n")
    driven = "nobody drives run 'u-1', which uses it: a worker goes on with it, or: trellis resume u-1\n"
    assert here("answer", "u-1", "review.ask", "yes") == (0, "✓ taken; the run has ended: completed: true\n", driven)
    told = (
        f"error: run 'u-1' uses run '{child}' and has not heard how it ended: without it, all would be done again; "
        "let it hear first, by a worker or: trellis resume u-1\n"
    )
    assert here("runs", "rm", child) == (2, "", told)
    assert here("resume", "u-1").code == 0
    assert here("runs", "rm", child).out == f"{child} removed\n"
    assert here("answer", "u-2", "review.ask", "no").code == 0
    assert here("resume", "u-2").out.splitlines()[-1] == "failed at review: run 'u-2/review/1' has ended: rolled back"


def test_to_resume_a_run_ends_where_the_one_that_it_uses_waited_before_for_somebody(here: Here) -> None:
    (here.folder / "above.yaml").write_text("trellis: 1\nnodes: {a: {use: ./below.yaml, to: $end}}\n")
    (here.folder / "below.yaml").write_text(
        "trellis: 1\nsignals: {go: {}}\nnodes: {b: {wait: {signal: go}, to: $end}}\n"
    )
    told = "input needed: run 'u-1/a/1' waits at 'b' for signal go: only a signal can move it on\n"
    told += "run u-1 stays open; continue with: trellis resume u-1\n"
    assert here("run", "above.yaml", "--id", "u-1", typed="").err == told
    assert trellis("resume", "u-1", cwd=here.folder) == (7, "", told)


def test_what_ended_long_ago_is_removed_and_nothing_else(some: Here) -> None:
    assert some("runs", "rm", "--status", "completed", "--older", "30d", "--yes") == (0, "", "0 runs done\n")
    assert some("runs", "rm", "--status", "completed", "--older", "0s", "--dry-run").out == "h-3\n"
    assert some("runs", "rm", "--status", "completed", "--older", "0s", "--yes").out == "h-3 removed\n"
    assert some("runs", "rm", "h-3").code == 2


def test_only_open_runs_can_be_ended(some: Here) -> None:
    told = "error: only open runs can be ended; leave --status out, or say --status running\n"
    assert some("runs", "cancel", "--status", "completed") == (2, "", told)


def test_a_run_is_carried_to_another_store_whole(some: Here) -> None:
    assert some("runs", "export", "h-1", "-o", "h-1.jsonl") == (0, "", "")
    assert Path("h-1.jsonl").read_text("utf-8") == some("runs", "export", "h-1").out
    assert [path.name for path in some.folder.iterdir() if path.name.startswith(".h-1")] == []
    elsewhere = ("--store", "file:elsewhere")
    assert some("runs", "import", "h-1.jsonl", *elsewhere) == (0, "h-1\n", "")
    there = json.loads(some("runs", "show", "h-1", "--json", *elsewhere).out)
    differs = ("next", "updated")
    assert {key: there[key] for key in there if key not in differs} == {
        key: value for key, value in shown(some, "h-1").items() if key not in differs
    }
    assert some("answer", "h-1", "count", "2", *elsewhere).code == 0
    assert listed(some)["h-1"] == "running"


def test_an_import_does_not_overwrite_and_says_what_is_no_export(some: Here) -> None:
    lines = some("runs", "export", "h-1").out
    taken = "error: there is a run 'h-1' already; give another id\n"
    assert some("runs", "import", "-", typed=lines) == (2, "", taken)
    assert some("runs", "import", "-", "--id", "i-1", typed=lines) == (0, "i-1\n", "")
    done = some("runs", "import", "hello.yaml")
    assert (done.code, done.out, done.err.splitlines()[0].partition(": JSON")[0]) == (
        2, "", "error: hello.yaml: this is no export of a run",
    )  # fmt: skip
    assert some("runs", "import", "none.jsonl") == (2, "", "error: cannot read none.jsonl: no such file or directory\n")


def test_an_export_to_a_place_that_cannot_be_written_leaves_what_was_there(some: Here) -> None:
    done = some("runs", "export", "h-1", "-o", "none/h-1.jsonl")
    assert done == (1, "", "error: none/h-1.jsonl: No such file or directory\n")
    assert some("runs", "export", "h-1", "-o", ".") == (1, "", "error: .: Is a directory\n")
    assert some("runs", "export", "h-1", "-o", "..") == (1, "", "error: ..: Is a directory\n")


def test_a_run_that_is_carried_under_another_id_keeps_its_secrets(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("cryptography")
    monkeypatch.setenv("TRELLIS_SECRET_KEYS", Vault.generate())
    Path("keep.yaml").write_text(KEEP, "utf-8")
    assert here("run", "keep.yaml", "--id", "k-1", typed="sesame-1\n").code == 7
    lines = here("runs", "export", "k-1").out
    assert here("runs", "import", "-", "--id", "k-2", typed=lines) == (0, "k-2\n", "")
    done = here("resume", "k-2", typed="yes\n")
    assert (done.code, done.out.splitlines()[-1]) == (0, "completed")


def test_an_export_to_a_device_is_written_to_it_and_a_folder_is_told_to_be_one(some: Here) -> None:
    Path("nowhere").symlink_to(os.devnull)
    assert some("runs", "export", "h-1", "-o", "nowhere") == (0, "", "")
    assert Path("nowhere").is_symlink()
    assert some("runs", "export", "h-1", "-o", "") == (1, "", "error: .: Is a directory\n")


SECOND = """\
  count: {ask: {int: tries, default: 3}, to: thank}
  thank: {say: Thank you!, to: done}
"""
RENAMED = """\
  number: {ask: {int: tries, default: 3}, to: done}
"""


def version(here: Here, nodes: str, *more: tuple[str, str], name: str = "new.yaml") -> str:
    """Another version of `hello.yaml`."""
    text = Path("hello.yaml").read_text("utf-8")
    text = text.replace("  count: {ask: {int: tries, default: 3}, to: done}\n", nodes)
    for old, new in more:
        text = text.replace(old, new)
    Path(name).write_text(text, "utf-8")
    return name


def test_a_run_adopts_a_version_in_which_its_place_still_exists(some: Here) -> None:
    new = version(some, SECOND)
    done = some("runs", "adopt", "h-1", new, "--by", "ana")
    adopted = shown(some, "h-1")["hash"]
    assert done == (0, f"h-1 adopted {adopted[:12]}\n", "")
    assert some("resume", "h-1", typed="5\n").out.splitlines()[-3:] == [
        "Thank you!",
        "prod after 5",
        'completed: "prod"',
    ]
    assert some("runs", "adopt", new) == (
        2,
        "",
        "error: name a run, or say which: --status, --graph, --where, --older\n",
    )
    told = "error: adopt takes a run and a file, found 3 words: h-1, h-2, new.yaml\n"
    assert some("runs", "adopt", "h-1", "h-2", new) == (2, "", told)
    none = "--where: none of the runs has an indexed field 'name'\n"
    assert some("runs", "adopt", new, "--where", "name == 'x'", "--yes").err == f"{none}0 runs done\n"


def test_a_run_that_goes_by_a_version_already_does_not_adopt_it_again(some: Here) -> None:
    before = shown(some, "h-1")
    assert some("runs", "adopt", "h-1", "hello.yaml") == (0, f"h-1 goes by {before['hash'][:12]} already\n", "")
    assert shown(some, "h-1") == before


def test_adopt_says_a_verdict_before_anything_is_done(some: Here) -> None:
    new = version(some, RENAMED, ("to: count", "to: number"))
    for words, lines in ((["h-1"], ["h-1"]), (["--graph", "hello"], ["h-2", "h-1"])):
        run, query = words if words[0] == "h-1" else [], words if words[0] != "h-1" else []
        done = some("runs", "adopt", *run, new, *query, "--dry-run")
        heads = [line for line in done.out.splitlines() if not line.startswith("  ")]
        assert (done.code, heads) == (1, [f"{line}  needs a map" for line in lines])
        assert "the new version has no node 'count'" in done.out
        assert done.err.endswith(f": {len(lines)} {'needs' if len(lines) == 1 else 'need'} a map; nothing was done\n")
    safe = some("runs", "adopt", "h-1", version(some, SECOND), "--dry-run")
    assert (safe.code, safe.out) == (0, "h-1  safe\n")
    assert some("runs", "adopt", "h-3", new, "--dry-run") == (2, "", "error: run 'h-3' has ended: completed\n")
    assert shown(some, "h-1")["hash"] == shown(some, "h-2")["hash"]
    assert shown(some, "h-1")["events"] == 2


def test_a_run_whose_place_is_gone_is_not_adopted_and_goes_on_as_it_was(some: Here) -> None:
    new = version(some, RENAMED, ("to: count", "to: number"))
    before = shown(some, "h-1")
    done = some("runs", "adopt", "h-1", new)
    assert (done.code, done.out) == (2, "")
    assert "the new version has no node 'count'" in done.err
    assert shown(some, "h-1") == before


def test_migrate_gives_a_verdict_for_each_open_run_and_then_moves_those_that_can(some: Here) -> None:
    some("run", "hello.yaml", "--id", "h-0")  # it is at `choose`, which both versions have
    new = version(some, RENAMED, ("to: count", "to: number"))
    judged = some("runs", "migrate", new, "--dry-run")
    assert (judged.code, listed(some)["h-0"]) == (1, "running")
    lines = judged.out.splitlines()
    assert [line for line in lines if not line.startswith("  ")] == [
        "h-0  safe",
        "h-2  needs a map",
        "h-1  needs a map",
    ]
    assert "migrate: {nodes: {count: number}}" in judged.out or "migrate: {nodes: {count: …}}" in judged.out
    assert judged.err.endswith("1 safe, 2 need a map; nothing was done\n")
    done = some("runs", "migrate", new)
    assert done.code == 1
    assert done.out.splitlines()[0] == "h-0  adopted"
    assert done.err.endswith(", 2 not\n")
    mapped = version(
        some, RENAMED, ("to: count", "to: number"), ("fields:", "migrate: {nodes: {count: number}}\nfields:")
    )
    rest = json.loads(some("runs", "migrate", mapped, "--json").out)
    assert [(entry["id"], entry["verdict"], entry["adopted"]) for entry in rest] == [
        ("h-0", "safe", True), ("h-2", "safe", True), ("h-1", "safe", True),
    ]  # fmt: skip
    assert shown(some, "h-1")["position"] == ["number"]
    again = some("runs", "migrate", mapped)
    assert (again.code, again.out) == (0, "")
    assert again.err.startswith("no open run of 'hello' goes by another version than ")


def test_migrate_moves_only_the_runs_that_are_asked_for(some: Here) -> None:
    new = version(some, SECOND)
    done = some("runs", "migrate", new, "--where", "name == 'name-h-1'")
    assert (done.code, done.out) == (0, "")
    assert done.err.startswith("--where: none of the runs has an indexed field 'name'\n")
    told = "error: new.yaml is the graph 'hello'; runs of 'saga' are none of it\n"
    assert some("runs", "migrate", new, "--graph", "saga") == (2, "", told)
    told = "error: only open runs can adopt a version; leave --status out, or say --status running\n"
    assert some("runs", "migrate", new, "--status", "failed") == (2, "", told)
