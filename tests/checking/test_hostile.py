"""Hostile files through the command line, a process each: a located problem, exit 3, and neither memory nor time is lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.cli.console import environment
from tests.loaders.test_hostile import HOSTILE

MEMORY = 256 * 2**20
SECONDS = 5.0
FEW = ("alias bomb", "depth of maps", "50 MB scalar", "link to /dev/zero", "pipe")
"""Those that are tried with every run of the tests."""
SOUND = b"trellis: 1\nname: g\nstart: a\nnodes:\n  a: {say: hi, to: $end}\n"
MEASURED = """
import atexit, json, runpy, sys, time
def tell():
    with open("/proc/self/status") as status:
        peak = next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))
    with open(%r, "w") as file:
        json.dump([peak, time.process_time()], file)
atexit.register(tell)
sys.argv[0] = "trellis"
if len(sys.argv) > 1:
    runpy.run_module("trellis", run_name="__main__", alter_sys=True)
"""


class Measured(NamedTuple):
    code: int
    problems: list[dict[str, object]]
    peak: int
    """Octets of memory that the process had at most."""
    seconds: float
    """Of the processor, so that a busy machine makes no difference."""


def _run(folder: Path, *arguments: str) -> Measured:
    if not Path("/proc/self/status").exists():
        pytest.skip("memory is read from /proc")
    measures = folder / "measures.json"
    command = [sys.executable, "-c", MEASURED % str(measures), *arguments]
    done = subprocess.run(
        command, cwd=folder, env=environment(), stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False
    )
    assert b"Traceback" not in done.stderr, done.stderr.decode()[-2000:]
    peak, seconds = json.loads(measures.read_text())
    return Measured(done.returncode, json.loads(done.stdout) if done.stdout else [], peak, seconds)


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Measured:
    """The interpreter alone."""
    return _run(tmp_path_factory.mktemp("bare"))


def _link(target: str) -> Callable[[Path], None]:
    return lambda path: path.symlink_to(target)


def _circle(path: Path) -> None:
    path.symlink_to("other.yaml")
    path.with_name("other.yaml").symlink_to(path.name)


def _outside(path: Path) -> None:
    outside = path.parent.with_name(f"{path.parent.name}-outside.yaml")
    outside.write_bytes(SOUND)
    path.symlink_to(outside)


def _secret(path: Path) -> None:
    path.write_bytes(SOUND)
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("root reads everything")


def _names_outside(path: Path) -> None:
    path.write_bytes(SOUND.replace(b"start", b"schema: ../../../../../etc/passwd\nstart"))


def _uses_itself(path: Path) -> None:
    path.write_bytes(
        b"trellis: 1\nstart: a\nnodes:\n  a: {use: ./g.yaml, to: $end}\n  b: {use: ./none.yaml, to: $end}\n"
    )


def _folder_in_circles(path: Path) -> None:
    path.mkdir()
    (path / "inner").symlink_to(path)
    (path / "start.yaml").symlink_to(path / "start.yaml")


def _many_errors(path: Path) -> None:
    nodes = b"".join(b"  n%d: {say: '{{ f%d }}', to: x%d}\n" % (place, place, place) for place in range(3000))
    path.write_bytes(b"trellis: 1\nstart: n0\nnodes:\n" + nodes)


def _mixed(path: Path) -> None:
    path.write_bytes(SOUND.replace(b"hi", "é".encode("latin-1") + "é".encode()))


def _wide_merge(path: Path) -> None:
    lists = b"a: &a {x: 1}\n" + b"".join(b"m%d: {<<: [%s]}\n" % (n, b"*a, " * 50) for n in range(200))
    path.write_bytes(b"trellis: 1\n" + lists)


def _nothing(path: Path) -> None:
    assert not path.exists()


def _holding(data: bytes) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        path.write_bytes(data)

    return write


CASES: dict[str, Callable[[Path], None]] = {
    **{name: _holding(data) for name, data, codes in HOSTILE if codes},
    "link to /dev/zero": _link("/dev/zero"),
    "link to /dev/stdin": _link("/dev/stdin"),
    "link to nothing": _link("nowhere.yaml"),
    "links in a circle": _circle,
    "link out of the project": _outside,
    "pipe": os.mkfifo,
    "unreadable": _secret,
    "folder": Path.mkdir,
    "folder in circles": _folder_in_circles,
    "absent": _nothing,
    "path out of the project": _names_outside,
    "graph that uses itself": _uses_itself,
    "9,000 problems": _many_errors,
    "mixed encodings": _mixed,
    "merges": _wide_merge,
    "tabs": _holding(SOUND.replace(b"  a", b"\ta")),
    "line ends of all kinds": _holding(SOUND.replace(b"\n", b"\r\n", 2).replace(b"$end", b"$edn")),
}
LARGE = {
    "15 MB scalar": SOUND + b"x-a: " + b"x" * 15_000_000,
    "15 MB text": SOUND + b"x-a: |\n" + b"  some words\n" * 1_150_000,
    "byte order mark and line ends of Windows": b"\xef\xbb\xbf" + SOUND.replace(b"\n", b"\r\n"),
}
"""What is large or odd, and sound."""
PARAMETERS = [pytest.param(name, marks=() if name in FEW else pytest.mark.soak) for name in CASES]


@pytest.mark.parametrize("name", PARAMETERS)
def test_hostile_files_end_with_a_located_problem_within_memory_and_time(
    name: str, tmp_path: Path, bare: Measured
) -> None:
    (tmp_path / "trellis.toml").touch()
    CASES[name](tmp_path / "g.yaml")
    measured = _run(tmp_path, "validate", "g.yaml", "--format", "json")
    assert measured.code == 3
    for problem in measured.problems:
        assert problem["message"] and int(str(problem["line"])) >= 1 and int(str(problem["column"])) >= 1
    assert any(problem["severity"] == "error" for problem in measured.problems)
    assert measured.peak - bare.peak < MEMORY, f"{(measured.peak - bare.peak) / 2**20:.0f} MiB"
    assert measured.seconds < SECONDS, f"{measured.seconds:.1f} s"


@pytest.mark.soak
@pytest.mark.parametrize("name", LARGE)
def test_large_and_odd_files_that_are_sound_are_read_within_memory_and_time(
    name: str, tmp_path: Path, bare: Measured
) -> None:
    (tmp_path / "trellis.toml").touch()
    (tmp_path / "g.yaml").write_bytes(LARGE[name])
    measured = _run(tmp_path, "validate", "g.yaml", "--format", "json")
    assert (measured.code, measured.problems) == (0, [])
    assert measured.peak - bare.peak < MEMORY, f"{(measured.peak - bare.peak) / 2**20:.0f} MiB"
    assert measured.seconds < SECONDS, f"{measured.seconds:.1f} s"


@pytest.mark.soak
def test_a_file_that_changes_while_it_is_read_is_read_whole_or_told_of(tmp_path: Path) -> None:
    (tmp_path / "trellis.toml").touch()
    file = tmp_path / "g.yaml"
    long = SOUND + b"# " + b"x" * 5_000_000 + b"\n"
    file.write_bytes(long)
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            file.write_bytes(long)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(5):
            measured = _run(tmp_path, "validate", "g.yaml", "--format", "json")
            codes = [problem["code"] for problem in measured.problems]
            # What a write without a rename leaves there at one moment may be nothing, or the half of it.
            assert (measured.code, codes) in ((0, []), (3, ["E100"]), (3, ["E108"]))
    finally:
        stop.set()
        writer.join()
