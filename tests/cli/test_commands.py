"""Help, version, validate and graph: what reads without running, and what a wrong command line is told."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from importlib import import_module
from pathlib import Path

import pytest
from click.testing import CliRunner

import trellis
from tests.cli.console import ROOT, environment
from tests.cli.console import trellis as call
from trellis.cli import COMMANDS, main
from trellis.cli import trellis as group
from trellis.cli.db import COMMANDS as DB
from trellis.cli.runs import COMMANDS as RUNS
from trellis.cli.session import EXIT_CODES

BAD = "trellis: 1\nname: bad\nstart: a\nnodes:\n  a: {say: x, to: bb}\n  b: {say: y, colour: red, to: $end}\n"


def test_help_lists_every_command_without_importing_one() -> None:
    program = (
        "import sys; from trellis.cli import main; code = main(['--help']);"
        "heavy = {'asyncio', 'msgspec', 'yaml_rs', 'ruamel', 'jsonschema', 'networkx', 'rich', 'trellis.model'};"
        "print(code, sorted(heavy & set(sys.modules)), [m for m in sys.modules if m.startswith('trellis.') and not m.startswith('trellis.errors.')])"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    *shown, loaded = done.stdout.splitlines()
    assert loaded == "0 [] ['trellis.cli.output', 'trellis.errors', 'trellis.cli']"
    assert shown == [
        "Usage: trellis [OPTIONS] COMMAND …",
        "",
        "  Run workflows written as YAML graphs.",
        "",
        "Options:",
        "  -h, --help  Show this message and exit.",
        "",
        "Commands:",
        *(f"  {name:<10}{words}" for name, words in COMMANDS.items()),
    ]


ALL: dict[tuple[str, ...], str] = {
    **{(name,): words for name, words in COMMANDS.items()},
    **{("runs", name): words for name, words in RUNS.items()},
    **{("db", name): words for name, words in DB.items()},
}


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_a_command_is_in_the_module_of_its_name_and_explains_itself(path: tuple[str, ...]) -> None:
    module = ".".join(path).replace("import", "import_")
    command = import_module(f"trellis.cli.{module}").command
    assert (command.name, command.short_help) == (path[-1], ALL[path])
    shown = CliRunner().invoke(group, [*path, "--help"])
    assert shown.exit_code == 0
    assert all(
        line.strip()
        for line in [
            command.help,
            *(option.help for option in command.params if option.param_type_name == "option" and option.name != "form"),
        ]
    )


@pytest.mark.parametrize(("path", "table"), [(("runs",), RUNS), (("db",), DB)])
def test_a_group_lists_its_commands_without_importing_one(
    capsys: pytest.CaptureFixture[str], path: tuple[str, ...], table: dict[str, str]
) -> None:
    assert main(path) == 0
    width = max(map(len, table)) + 2
    assert [f"  {name:<{width}}{words}" for name, words in table.items()] == capsys.readouterr().out.splitlines()[
        -len(table) :
    ]
    program = (
        f"import sys; from trellis.cli import main; main({list(path)!r});"
        "print([m for m in sys.modules if m.startswith('trellis.') and not m.startswith('trellis.errors.')])"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert (
        done.stdout.splitlines()[-1]
        == f"['trellis.cli.output', 'trellis.errors', 'trellis.cli', 'trellis.cli.{path[0]}']"
    )


def test_no_command_is_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert capsys.readouterr().out.startswith("Usage: trellis")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["rnu", "x.yaml"], "error: no command 'rnu' (did you mean 'run'?)\ntry: trellis --help\n"),
        (["zzz"], "error: no command 'zzz'\ntry: trellis --help\n"),
        (["runs", "sow"], "error: no command 'runs sow' (did you mean 'show'?)\ntry: trellis runs --help\n"),
        (["db", "x"], "error: no command 'db x'\ntry: trellis db --help\n"),
        (["runs", "retry", "x"], "error: missing option '--from'\ntry: trellis runs retry --help\n"),
        (["answer", "x", "y"], "error: missing argument 'VALUE'\ntry: trellis answer --help\n"),
        (["--nope"], "error: no such option '--nope'\ntry: trellis --help\n"),
        (["--version"], "error: no such option '--version'\ntry: trellis version\n"),
        (["validate"], "error: missing argument 'FILE…'\ntry: trellis validate --help\n"),
        (["graph"], "error: name a graph file, or a run with --run\n"),
        (["graph", "x.yaml", "--store", "memory://"], "error: --store says where a run is kept: name one with --run\n"),
    ],
)
def test_a_wrong_command_line_is_told_what_to_do(
    capsys: pytest.CaptureFixture[str], arguments: list[str], told: str
) -> None:
    assert main(arguments) == 2
    assert capsys.readouterr() == ("", told)


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["version"]) == 0
    assert capsys.readouterr() == (f"trellis {trellis.__version__}\n", "")
    assert main(["version", "--json"]) == 0
    python = ".".join(map(str, sys.version_info[:3]))
    assert json.loads(capsys.readouterr().out) == {
        "version": trellis.__version__,
        "python": python,
        "platform": sys.platform,
    }


def test_validate_shows_every_problem_with_its_place(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(project)
    Path("bad.yaml").write_text(BAD)
    assert main(["validate", "hello.yaml", "bad.yaml", "none.yaml"]) == 3
    out, err = capsys.readouterr()
    assert [line.split(" ")[:2] for line in out.splitlines()] == [
        ["bad.yaml:5:19:", "E204"],
        ["bad.yaml:6:15:", "E201"],
        ["none.yaml:1:1:", "E100"],
    ]
    assert "no node named 'bb' (did you mean 'b'?)" in out
    assert err == "3 errors in 3 files\n"


@pytest.mark.skipif(sys.platform == "win32", reason="no modes here")
@pytest.mark.parametrize("command", ["validate", "run", "graph"])
def test_a_file_that_may_not_be_read_is_a_problem_with_a_place(command: str) -> None:
    program = (
        "import os, sys; from trellis.cli import main; command = [sys.argv[1], 'locked.yaml'];"
        "main(command);"  # whatever is imported is imported by who may
        "os.chmod('locked.yaml', 0); os.getuid() or os.setuid(65534);"
        "print('locked', flush=True); sys.exit(main(command))"
    )
    with tempfile.TemporaryDirectory() as folder:  # not pytest's, which is closed to other users
        Path(folder).chmod(0o755)
        Path(folder, "trellis.toml").touch()
        Path(folder, "locked.yaml").touch()
        done = subprocess.run(
            [sys.executable, "-c", program, command],
            cwd=folder, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60,
        )  # fmt: skip
    told = done.stdout.partition("locked\n")[2].splitlines()[0]
    assert (done.returncode, told) == (3, "locked.yaml:1:1: E100 cannot read this file: permission denied")


def test_validate_says_so_when_all_is_well(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(project)
    assert main(["validate", "hello.yaml"]) == 0
    assert capsys.readouterr() == ("", "no problems in 1 file\n")
    assert main(["validate", "--format", "json", "hello.yaml"]) == 0
    assert capsys.readouterr().out == "[]\n"


def test_validate_as_json_is_one_list(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(project)
    Path("bad.yaml").write_text(BAD)
    assert main(["validate", "bad.yaml", "--format", "json"]) == 3
    first = json.loads(capsys.readouterr().out)[0]
    assert first == {
        "path": "bad.yaml",
        "line": 5,
        "column": 19,
        "code": "E204",
        "severity": "error",
        "message": "no node named 'bb'",
        "hint": "did you mean 'b'?",
    }


def test_validate_annotates_a_workflow_of_github(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(project)
    Path("a,b.yaml").write_text("trellis: 1\nname: x\nstart: a\nnodes: {a: {say: '100%', to: b%}}\n")
    assert main(["validate", "a,b.yaml", "--format", "github"]) == 3
    out = capsys.readouterr().out
    assert out.startswith("::error file=a%2Cb.yaml,line=4,col=30,title=E204::no node named 'b%25'")


@pytest.mark.covers("TR08")
def test_graph_draws_the_file(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(project)
    assert main(["graph", "hello.yaml"]) == 0
    assert capsys.readouterr().out == (
        "flowchart TD\n"
        '  start(("start"))\n'
        '  n0("greet<br/>Hello {{ name }}!")\n'
        '  n1[/"choose<br/>ask choice#58; env<br/>Which environment?"/]\n'
        '  n2[/"count<br/>ask int#58; tries"/]\n'
        '  n3(["done<br/>end ok<br/>{{ env }} after {{ tries }}"])\n'
        "  start --> n0\n"
        "  n0 --> n1\n"
        "  n1 --> n2\n"
        "  n2 --> n3\n"
    )


def test_graph_marks_where_a_run_was_and_is(project: Path) -> None:
    call("run", "hello.yaml", "--id", "r", cwd=project, typed="prod\n")
    marks = [
        "  classDef visited fill:#d7f0dd,stroke:#2f7d46,color:#14361f",
        "  class n0,n1 visited",
        "  classDef current fill:#ffe3b3,stroke:#b35900,color:#3d1f00,stroke-width:3px",
        "  class n2 current",
    ]
    done = call("graph", "--run", "r", cwd=project)
    assert (done.code, done.out.splitlines()[-4:], done.err) == (0, marks, "")
    (project / "hello.yaml").write_text((project / "hello.yaml").read_text().replace("after", "past"))
    done = call("graph", "hello.yaml", "--run", "r", cwd=project)
    assert done.out.splitlines()[-4:] == marks
    assert done.err == "run r goes by another definition than hello.yaml has now; this is the run's\n"
    assert call("graph", "--run", "none", cwd=project).err.splitlines()[0] == "error: unknown run 'none'"


def test_a_reader_that_goes_away_ends_a_command_quietly(project: Path) -> None:
    nodes = "".join(f"  n{number}: {{say: x, to: n{number + 1}}}\n" for number in range(5000))
    (project / "long.yaml").write_text(f"trellis: 1\nname: long\nstart: n0\nnodes:\n{nodes}  n5000: {{end: ok}}\n")
    command = f"{sys.executable} -m trellis graph long.yaml | head -n 1"
    done = subprocess.run(
        ["/bin/sh", "-c", command], cwd=project, env=environment(), capture_output=True, text=True, timeout=60
    )
    assert (done.stdout, done.stderr) == ("flowchart TD\n", "")


def test_the_page_names_every_option_type_of_line_and_exit_code() -> None:
    page = (ROOT / "docs/cli.md").read_text("utf-8")
    options = {
        option
        for path in ALL
        for parameter in import_module(f"trellis.cli.{'.'.join(path).replace('import', 'import_')}").command.params
        for option in parameter.opts
        if option.startswith("--")
    }
    assert {option for option in options if f"`{option}" not in page} == set()
    assert {" ".join(path) for path in ALL if f"trellis {' '.join(path)}" not in page} == set()
    schema = json.loads((ROOT / "trellis/cli/schemas/events.schema.json").read_text("utf-8"))
    types = schema["properties"]["type"]["enum"]
    rows = re.findall(r"^\| (`[a-z.]+`(?:, `[a-z.]+`)?) \|", page, re.MULTILINE)
    assert [name for row in rows for name in re.findall(r"`([a-z.]+)`", row)] == types
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)} == {
        *EXIT_CODES.values(),
        *(2, 3, 7, 130),
    }
