"""What a command costs before it does anything: ratios to a bare interpreter."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import Row, command, in_turn

GRAPHS = Path(__file__).resolve().parent.parent / "graphs"


def rows() -> Iterator[Row]:
    """Help, and a run of the smallest graph, memory store and default store."""
    bare = [sys.executable, "-c", "pass"]
    trellis = [os.path.join(os.path.dirname(sys.executable), "trellis")]
    with tempfile.TemporaryDirectory() as folder:
        hello = str(GRAPHS / "hello.yaml")
        for words, aim in (
            ([*trellis, "--help"], 5),
            ([*trellis, "run", hello, "--store", "memory://"], 12),
            ([*trellis, "run", hello, "--store", f"sqlite:///{folder}/runs.db"], 12),
        ):
            command(words)()  # the first run fills the cache
            ours, theirs = in_turn(command(words), command(bare))
            shown = " ".join(word for word in words[1:] if not word.startswith("/")).replace(folder, "…")
            yield Row(
                f"`trellis {shown}`", f"{ours / theirs:.1f}x", f"bare interpreter {theirs * 1000:.0f} ms", f"<= {aim}x",
                ours / theirs <= aim,
            )  # fmt: skip
