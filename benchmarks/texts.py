"""What a person's command line does in bulk: 1,000 texts that nothing waits between, 10,000 answers from a pipe."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import Row, command, in_turn, seconds
from benchmarks.steps import raw_commits

TEXTS, ANSWERS = 1_000, 10_000
LOOP = """\
trellis: 1
name: answers
start: ask
limits: {steps: 1000000, visits: 1000000}
fields: {n: {type: integer, default: 0}, sum: {type: integer, default: 0}}
nodes:
  ask: {ask: {int: n}, set: {fields: {sum: sum + n}}, to: ask}
"""


def texts(count: int) -> str:
    """A graph of so many nodes that say something, one after the other."""
    nodes = (f"  n{i}: {{say: 'text {i}', to: {f'n{i + 1}' if i + 1 < count else '$end'}}}\n" for i in range(count))
    return "trellis: 1\nname: texts\nstart: n0\nnodes:\n" + "".join(nodes)


def rows() -> Iterator[Row]:
    """Beyond the start of the interpreter, and beside as many raw commits as there are steps."""
    bare = [sys.executable, "-c", "pass"]
    trellis = [os.path.join(os.path.dirname(sys.executable), "trellis")]
    with tempfile.TemporaryDirectory() as path:
        folder = Path(path)
        (folder / "texts.yaml").write_text(texts(TEXTS))
        (folder / "answers.yaml").write_text(LOOP)
        run = [*trellis, "run", "texts.yaml", "--output", "json", "--store"]
        memory, sqlite = command([*run, "memory://"], path), command([*run, "sqlite:///runs.db"], path)
        memory()  # the first run fills the cache
        ours, start = in_turn(memory, command(bare))
        yield Row(
            f"{TEXTS:,} text nodes, JSON, memory store", f"{ours - start:.2f} s beyond the start", f"bare interpreter {start * 1000:.0f} ms",
            "<= 0.5 s", ours - start <= 0.5,
        )  # fmt: skip
        rounds = [(seconds(sqlite), seconds(memory), raw_commits(folder, TEXTS)) for _ in range(9)]
        kept, apart, commits = (statistics.median(values) for values in zip(*rounds, strict=True))
        each, once = apart + commits, kept
        yield Row(
            f"the same, SQLite: {TEXTS:,} steps, one commit", f"{commits / max(kept - apart, 0.001):.0f}x: {max(kept - apart, 0) * 1000:.0f} ms for the store",
            f"a commit for each step: {commits * 1000:.0f} ms; the whole command {each / once:.1f}x", ">= 3x", commits >= 3 * (kept - apart),
        )  # fmt: skip
        piped = "".join(f"{number}\n" for number in range(ANSWERS)).encode()
        spent = statistics.median(seconds(lambda: _answer(trellis, path, piped)) for _ in range(3))
        yield Row(
            f"{ANSWERS:,} answers from a pipe, JSON, memory store",
            f"{spent:.2f} s",
            "all are used, then it ends with 7",
        )


def _answer(trellis: list[str], folder: str, piped: bytes) -> None:
    words = [*trellis, "run", "answers.yaml", "--output", "json", "--store", "memory://"]
    done = subprocess.run(words, cwd=folder, input=piped, capture_output=True, check=False)
    asked = done.stdout.count(b'"type":"ask"')
    if (done.returncode, asked) != (7, ANSWERS + 1):
        raise RuntimeError(f"ended with {done.returncode} after {asked} questions: {done.stderr.decode()}")
