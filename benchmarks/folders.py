"""A folder of 10,000 files, one node in each: checked cold and warm, beside the Go program that reads such folders too; and
one file of 1,000 changed.

`TRELLIS_BENCH_ARETW0` names the program, trellis of aretw0, of version 0.7.17; without it only our figures are shown. Both
read the same files, but for how the last node says that it is the last.
"""

from __future__ import annotations

import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import Row, command, seconds

FILES, LIVE = 10_000, 1_000
ROUNDS = 7
_LOAD = "import sys; from trellis import load; load(sys.argv[1])"


def write(folder: Path, files: int, end: str) -> str:
    """A tour of so many nodes: Markdown that says something and leads on, by keys that both programs know."""
    folder.mkdir(parents=True)
    for number in range(files):
        name = f"n{number}" if number else "start"
        onward = f"to: n{number + 1}\n" if number + 1 < files else end
        text = f"---\n{onward}---\n\nStep {number} of the tour, with a line of text.\n"
        (folder / f"{name}.md").write_text(text, "utf-8")
    return str(folder)


def rows() -> Iterator[Row]:
    """Cold and warm, each a whole process, in turn with the other program; and a change in a workspace that is open."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        (root / "trellis.toml").touch()
        yield from _checked(root)
        yield _changed(root)


def _checked(root: Path) -> Iterator[Row]:
    ours, theirs = write(root / "tour", FILES, "to: $end\n"), write(root / "theirs", FILES, "")
    program = os.environ.get("TRELLIS_BENCH_ARETW0")
    validate = command([sys.executable, "-m", "trellis", "validate", ours])
    load = command([sys.executable, "-c", _LOAD, ours])
    taken: dict[str, list[float]] = {"go": [], "cold": [], "warm": [], "load": []}
    for _ in range(ROUNDS):
        if program:
            taken["go"].append(seconds(command([program, "validate", theirs])))
        shutil.rmtree(root / ".trellis", ignore_errors=True)
        taken["cold"].append(seconds(validate))
        taken["warm"].append(seconds(validate))
        load()
        taken["load"].append(seconds(load))
    median = {what: statistics.median(found) for what, found in taken.items() if found}
    go = median.get("go")
    for what, text, aim in (
        ("cold", f"`trellis validate` of a folder of {FILES:,} files, cold", 1.0),
        ("warm", "the same, warm", 0.3),
        ("load", "`load` of it, warm, the whole process", 0.3),
    ):
        found = f"{median[what]:.2f} s"
        if go is None:
            yield Row(text, found, "")
            continue
        beside = f"`validate` of aretw0/trellis: {go:.2f} s"
        yield Row(text, f"{median[what] / go:.2f}x ({found})", beside, f"< {aim:g}x", median[what] < aim * go)


def _changed(root: Path) -> Row:
    from trellis.project import FileLoader, Workspace

    folder = Path(write(root / "live", LIVE, "to: $end\n"))
    workspace = Workspace(FileLoader(root))
    workspace.compile("live")
    taken = []
    for number in range(20):
        (folder / "n500.md").write_text(f"---\nto: n501\n---\nStep 500, version {number}.\n", "utf-8")

        def change() -> None:
            workspace.changed(["live/n500.md"])
            assert workspace.compile("live").graph is not None

        taken.append(seconds(change))
    found = statistics.median(taken) * 1000
    beside = "told of the change until there is a graph"
    return Row(f"one file of a folder of {LIVE:,} changed", f"{found:.0f} ms", beside, "<= 50 ms", found <= 50)
