"""The house stands as drawn: imports, sizes, docstrings, the public door, and no test that sleeps."""

from __future__ import annotations

import ast
import importlib
import re
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import trellis

ROOT = Path(__file__).parents[1]
TEMPLATES = ROOT / "trellis/cli/templates"
"""Projects of their own, which `trellis init` writes."""
MODULES = sorted(path for path in (ROOT / "trellis").rglob("*.py") if TEMPLATES not in path.parents)
TESTS = sorted((ROOT / "tests").rglob("*.py"))
BENCHMARKS = sorted((ROOT / "benchmarks").rglob("*.py"))
MOST_LINES = 500
MEDIAN_LINES = 150

THIRD_PARTY = {  # library -> the packages that may import it
    "_sha2": ("trellis.model",),  # of the standard library, from Python 3.12 on
    "apsw": ("trellis.stores.sqlite",),
    "click": ("trellis.cli",),
    "cronsim": ("trellis.schedules.crons",),
    "cryptography": ("trellis.hosts.vault",),
    "google": ("trellis.hosts.temporal",),  # protobuf, in which the SDK speaks
    "jsonschema": ("trellis.loaders",),
    "lsprotocol": ("trellis.editor.server",),
    "msgspec": ("trellis",),
    "networkx": ("trellis.compiler", "trellis.planning"),
    "psycopg": ("trellis.stores.postgres", "trellis.stores.locks.postgres"),
    "pygls": ("trellis.editor.server",),
    "redis": ("trellis.stores.redis",),
    "ruamel": ("trellis.loaders",),
    "temporalio": ("trellis.hosts.temporal",),
    "watchfiles": ("trellis.project",),
    "yaml_rs": ("trellis.loaders",),
}

PUBLIC = {  # name -> the one module that defines or offers it
    "load": "trellis.project",
    "FileLoader": "trellis.project",
    "MemoryLoader": "trellis.project",
    "Reload": "trellis.project",
    "run": "trellis.hosts.short",
    "Graph": "trellis.model.graph",
    "Host": "trellis.hosts.local",
    "Outcome": "trellis.hosts.run",
    "Dispatcher": "trellis.dispatch",
    "Machine": "trellis.machine",
    "AsyncMachine": "trellis.machine",
    "Result": "trellis.machine",
    "Proposal": "trellis.hosts.proposals",
    "Denied": "trellis.model.actions",
    "ASK": "trellis.hosts.approving",
    "ActionError": "trellis.errors",
    "InvalidGraph": "trellis.errors",
    "Unreadable": "trellis.errors",
    "TrellisError": "trellis.errors",
}


def named(paths: list[Path]) -> list[str]:
    return [path.relative_to(ROOT).as_posix() for path in paths]


def lines(path: Path) -> int:
    return len(path.read_text("utf-8").splitlines())


def dotted(path: Path) -> str:
    """The module's name, with a full stop behind each part."""
    return "".join(f"{part}." for part in path.relative_to(ROOT).with_suffix("").parts)


def imported(path: Path) -> Iterator[tuple[int, str]]:
    """Line and top-level name of every import, inside functions too."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name.split(".")[0]) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, (node.module or "").split(".")[0]


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(
        [str(program), "--no-logo", "--no-cache"], cwd=folder, capture_output=True, text=True, timeout=120
    )


def test_imports_follow_the_contracts() -> None:
    done = lint_imports(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_forbidden_import_breaks_its_contract(tmp_path: Path) -> None:
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    shutil.copytree(ROOT / "trellis", tmp_path / "trellis")
    planted = {
        "engine/planted.py": "import time\nfrom trellis.stores import memory\n",
        "compiler/planted.py": "import yaml_rs\n",
        "hosts/planted.py": "import apsw\nimport cryptography\nimport psycopg\nimport pygls\nimport redis\n"
        "import temporalio\n",
        "util.py": "",
    }
    for path, source in planted.items():
        (tmp_path / "trellis" / path).write_text(source, "utf-8")
    done = lint_imports(tmp_path)
    broken = re.findall(r"^(.+) BROKEN$", done.stdout, re.MULTILINE)
    assert broken == [
        "Imports follow the data flow",
        "The core does no I/O and reads no clock",
        "apsw stays in its store",
        "psycopg stays in its store and locker",
        "redis stays in its store",
        "cryptography stays in the vault",
        "pygls stays in the language server",
        "temporalio stays in its host",
        "Only loaders know YAML",
    ], done.stdout
    assert "trellis.util" in done.stdout


def test_each_library_is_imported_where_it_may_be() -> None:
    strangers = [
        f"{path.relative_to(ROOT)}:{line} imports {library}"
        for path in MODULES
        for line, library in imported(path)
        if library not in sys.stdlib_module_names
        and library != "trellis"
        and not dotted(path).startswith(tuple(f"{package}." for package in THIRD_PARTY.get(library, ())))
    ]
    assert strangers == []


@pytest.mark.parametrize("path", MODULES + TESTS + BENCHMARKS, ids=lambda path: named([path])[0])
def test_module_opens_with_a_sentence_and_stays_small(path: Path) -> None:
    docstring = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
    first = docstring.split("\n\n")[0]
    assert re.search(r"\w.*[.:;](\s|$)", first, re.DOTALL), f"opens with no sentence: {first!r}"
    assert lines(path) <= MOST_LINES


def test_the_median_module_fits_on_a_few_screens() -> None:
    assert statistics.median(map(lines, MODULES)) <= MEDIAN_LINES


def test_nothing_inside_the_package_uses_the_public_door() -> None:
    users = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if (isinstance(node, ast.ImportFrom) and node.module == "trellis")
        or (isinstance(node, ast.Import) and any(alias.name == "trellis" for alias in node.names))
    ]
    assert users == []


def test_the_public_names_are_these() -> None:
    assert set(trellis.__all__) == {*PUBLIC, "__version__"}
    assert dir(trellis) == sorted(trellis.__all__)


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_name_is_what_its_home_says(name: str) -> None:
    assert getattr(trellis, name) is getattr(importlib.import_module(PUBLIC[name]), name)


def test_a_public_name_leaves_by_one_door() -> None:
    doors = [
        (alias.name, dotted(path.parent)[:-1])
        for path in MODULES
        if path.name == "__init__.py" and path.parent != ROOT / "trellis"
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.asname == alias.name
    ]
    assert [(name, door) for name, door in doors if name in PUBLIC and door != PUBLIC[name]] == []


def test_type_checkers_see_the_names_that_run_time_gives() -> None:
    tree = ast.parse((ROOT / "trellis/__init__.py").read_text("utf-8"))
    seen = {
        alias.asname: node.module
        for branch in tree.body
        if isinstance(branch, ast.If)
        for node in branch.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert seen == PUBLIC


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="^module 'trellis' has no attribute 'lode'$"):
        trellis.lode  # noqa: B018


def test_importing_trellis_loads_nothing_else() -> None:
    program = "import sys; before = set(sys.modules); import trellis; print(sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['trellis']"


WAITING = {  # folder of tests -> why its programs may sleep
    "crash": "real processes are to be killed in the middle of something",
    "simulation": "its loop has a clock of its own, and no second passes",
}


def test_no_test_sleeps() -> None:
    sleepers = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in TESTS
        if path.relative_to(ROOT).parts[1] not in WAITING
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call)
        and re.search(r"(^|\.)sleep$", ast.unparse(node.func))
        and not (node.args and isinstance(node.args[0], ast.Constant) and node.args[0].value == 0)
    ]
    assert sleepers == [], "wait on an event, or turn a clock by hand; only sleep(0), one turn of the loop, is fine"
