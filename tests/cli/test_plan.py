"""`trellis plan`: the page that people read, the object that programs read, and what is said of a wrong command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.cli.conftest import Here
from tests.cli.console import ROOT, Console
from tests.graphs.golden import matches
from trellis.cli import main

SCHEMA = json.loads((ROOT / "trellis/cli/schemas/plan.schema.json").read_text("utf-8"))
GOLDEN = {
    "release.plan": ("release.yaml",),
    "release_declined.plan": ("release.yaml", "--answers", "ANSWERS"),
    "release_failing.plan": ("release.yaml", "--fail-at", "keep"),
    "mirrors_failing.plan": ("mirrors.yaml", "--fail-at", "check=damaged"),
    "agents.plan": ("agents.yaml",),
    "questions.plan": ("questions.yaml", "--set", "name=Ana"),
    "connect.plan": ("connect.yaml",),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_the_plans_of_the_example_graphs_are_these(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "no.yaml").write_text("confirm: no\n")
    graph, *words = GOLDEN[name]
    words = [str(tmp_path / "no.yaml") if word == "ANSWERS" else word for word in words]
    assert main(["plan", str(ROOT / "graphs" / graph), *words]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    matches(name, out)


def test_programs_read_what_the_schema_says(capsys: pytest.CaptureFixture[str]) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    validator = jsonschema.Draft202012Validator(SCHEMA)
    for graph in sorted((ROOT / "graphs").glob("*.yaml")):
        assert main(["plan", str(graph), "--json"]) == 0
        found: dict[str, Any] = json.loads(capsys.readouterr().out)
        validator.validate(found)
        assert found["v"] == 1
    for name, node in (
        ("release", "keep"),
        ("mirrors", "check"),
        ("connect", "session.talking.ask"),
        ("agents", "nobody"),
    ):
        assert main(["plan", str(ROOT / f"graphs/{name}.yaml"), "--json", "--fail-at", node]) == 0
        validator.validate(json.loads(capsys.readouterr().out))


def test_the_schema_names_every_key_and_no_other() -> None:
    import msgspec

    from trellis.planning import facts

    for name, written in {**SCHEMA["$defs"], "plan": SCHEMA}.items():
        struct = next(kind for kind in vars(facts).values() if getattr(kind, "__name__", "").lower() == name)
        step = {"step"} if name in ("undone", "together") else set()
        fields = {field.encode_name for field in msgspec.structs.fields(struct)}
        assert set(written["properties"]) == set(written["required"]) == fields | step


def test_nothing_is_performed_and_no_store_is_made(here: Here) -> None:
    done = here("plan", "saga.yaml", "--set", "fault=none")
    assert done.code == 0, done.err
    assert not (here.folder / ".trellis/runs.db").exists()


def test_an_unknown_node_is_a_wrong_command_line(here: Here) -> None:
    done = here("plan", "saga.yaml", "--fail-at", "puhs")
    assert (done.code, done.out) == (2, "")
    assert done.err == "error: --fail-at: no node named 'puhs' in graph 'saga' (did you mean 'push'?)\n"
    assert (
        here("plan", "saga.yaml", "--fail-at", "=x").err == "error: --fail-at takes NODE or NODE=CODE, found no node\n"
    )
    assert here("plan", "saga.yaml", "--set", "tries=1").code == 2
    assert here("plan", "hello.yaml", "--set", "env=nowhere").code == 2


def test_a_graph_that_is_invalid_has_no_plan(here: Here) -> None:
    (here.folder / "bad.yaml").write_text("trellis: 1\nname: bad\nstart: a\nnodes: {a: {say: x, to: b}}\n")
    done = here("plan", "bad.yaml")
    assert (done.code, done.out) == (3, "")
    assert "E204" in done.err


def test_failing_at_a_node_says_where_it_leads_and_what_is_undone_in_order(here: Here) -> None:
    done = here("plan", "saga.yaml", "--set", "fault=broken", "--fail-at", "check=broken")
    assert done.out == (
        "saga: what would happen; nothing is performed\n"
        'starts with: fault = "broken"\n'
        "\n"
        "if check fails for good with 'broken'\n"
        "  check: catches it → $rollback\n"
        "  the run ends: rolled back\n"
        "\n"
        "undone, in this order\n"
        "  1. push  unmake\n"
        "  2. build  unmake fault=broken\n"
        "  the undoing: unbounded\n"
        "\n"
        "not undone\n"
        "  fields and declared states: they stay as they are\n"
    )


@pytest.mark.parametrize("color", [True, False])
def test_a_narrow_terminal_wraps_and_colors_unless_it_is_told_not_to(project: Path, color: bool) -> None:
    console = Console("plan", "pay.yaml", cwd=project, COLUMNS="50", NO_COLOR="" if color else "1")
    code, screen = console.end()
    assert code == 0, screen
    assert ("\x1b[36mbuild" in screen) is color
    plain = screen.replace("\x1b[36m", "").replace("\x1b[0m", "").replace("\x1b[31m", "").replace("\x1b[32m", "")
    assert max(map(len, plain.splitlines())) <= 50


def test_text_of_a_graph_cannot_steer_what_reads_it(here: Here) -> None:
    (here.folder / "ev.yaml").write_text('trellis: 1\nname: ev\nstart: a\nnodes: {a: {say: "x\\e[2J", to: $end}}\n')
    assert "\x1b" not in here("plan", "ev.yaml").out
