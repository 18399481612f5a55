"""What `.ci/run` does for the Temporal server, with stand-ins for all that it calls."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GO = """\
if [ "$1" = version ]; then echo go version go1.25.5 linux/amd64; exit; fi
echo "go $*" >>"$CALLS"
echo "$GOBIN" >"$CALLS.gobin"
echo fetching
if [ -n "${BROKEN:-}" ]; then echo no space left on device >&2; exit 1; fi
printf '#!/bin/sh\\necho temporal version 1.30.0\\n' >"$GOBIN/server"
chmod +x "$GOBIN/server"
"""
MAKE = """\
echo "make $* ${TRELLIS_TEST_TEMPORAL_ADDRESS:-nowhere} ${TRELLIS_TEST_TEMPORAL_SERVER:-none}" >>"$CALLS"
"""
PYTHON = """\
echo "python $1 $2 $3" >>"$CALLS"
trap 'echo ended >>"$CALLS"; exit' TERM
echo 127.0.0.1:1234 >"$4/address"
while :; do sleep 0.01; done
"""
AGENTS = {
    "go": GO,
    "make": MAKE,
    "chromium": "",
    "chromedriver": "echo ChromeDriver 1",
    "apt-get": "exit 1",
    "sudo": "exit 1",
}


class Machine:
    """A checkout with the script alone, on a machine with stand-ins alone."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.cache, self.calls = folder, folder / "cache/trellis", folder / "calls"
        self.built = self.cache / "temporal-server-v1.30.0"
        for name, text in AGENTS.items():
            self.program(folder / "bin" / name, text)
        self.program(folder / ".venv/bin/python", PYTHON)
        for name in (".ci/run", "tests/temporal_server.py"):
            (folder / name).parent.mkdir(exist_ok=True)
            shutil.copy(ROOT / name, folder / name)

    def program(self, path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{text}", "utf-8")
        path.chmod(0o755)

    def run(self, **settings: str) -> subprocess.CompletedProcess[str]:
        """What was called is in `calls`, of this run alone."""
        self.calls.write_text("", "utf-8")
        environment = {
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
            "XDG_CACHE_HOME": str(self.folder / "cache"),
            "CALLS": str(self.calls),
            "TRELLIS_TEST_POSTGRES_URL": "postgresql://",
            "TRELLIS_TEST_REDIS_URL": "redis://",
            **settings,
        }
        command = [str(self.folder / ".ci/run")]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)

    def called(self) -> list[str]:
        return self.calls.read_text("utf-8").splitlines()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def served(machine: Machine, program: Path) -> list[str]:
    return [
        "make check nowhere none",
        f"python -m tests.temporal_server {program}",
        f"make test 127.0.0.1:1234 {program}",
        "ended",
    ]


def test_the_temporal_server_is_built_once_and_started_for_the_tests(machine: Machine) -> None:
    first = machine.run()
    assert first.returncode == 0, first.stderr
    build = "go install go.temporal.io/server/cmd/server@v1.30.0"
    assert sorted(machine.called()) == sorted([build, *served(machine, machine.built)])
    assert "fetching" not in first.stdout
    assert "ci: temporal version 1.30.0 on 127.0.0.1:1234\n" in first.stdout
    again = machine.run()
    assert again.returncode == 0, again.stderr
    assert machine.called() == served(machine, machine.built)
    assert "building" not in again.stdout


def test_what_is_being_built_is_no_part_of_the_cache_before_it_is_whole(machine: Machine) -> None:
    assert machine.run().returncode == 0
    building = Path(Path(f"{machine.calls}.gobin").read_text("utf-8").strip())
    assert building.parent == machine.cache
    assert list(machine.cache.iterdir()) == [machine.built]


def test_a_build_that_fails_shows_its_log_and_fails_the_run(machine: Machine) -> None:
    done = machine.run(BROKEN="1")
    assert done.returncode == 1
    assert done.stderr.startswith("fetching\nno space left on device\nci: no Temporal server; set TRELLIS_TEST_")
    assert [call.split()[:2] for call in machine.called() if call.startswith("make")] == [["make", "check"]]
    assert list(machine.cache.iterdir()) == []


def test_without_go_and_a_way_to_install_it_the_run_fails_before_the_checks(machine: Machine) -> None:
    machine.program(machine.folder / "bin/go", "echo go version go1.19.8 linux/amd64")
    done = machine.run()
    assert (done.returncode, machine.called()) == (1, [])
    assert done.stderr.endswith(
        "ci: no Temporal server; set TRELLIS_TEST_TEMPORAL_ADDRESS, or let this machine install Go and build one\n"
    )


def test_outside_of_continuous_integration_the_tests_go_on_without(machine: Machine) -> None:
    done = machine.run(CI="false", BROKEN="1")
    assert done.returncode == 0
    assert machine.called()[-1] == "make test nowhere none"


def test_a_server_that_is_named_is_used_as_it_is(machine: Machine) -> None:
    assert machine.run(TRELLIS_TEST_TEMPORAL_ADDRESS="example.org:7233").returncode == 0
    assert machine.called() == ["make check example.org:7233 none", "make test example.org:7233 none"]


def test_a_program_that_is_named_is_started_instead_of_the_cached(machine: Machine) -> None:
    program = machine.folder / "elsewhere/server"
    machine.program(program, "echo temporal version 1.30.1")
    assert machine.run(TRELLIS_TEST_TEMPORAL_SERVER=str(program)).returncode == 0
    assert machine.called() == [f"make check nowhere {program}", *served(machine, program)[1:]]
