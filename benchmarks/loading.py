"""Loading a file of 10,000 nodes: cold, and warm from the cache."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import Row, seconds

NODES = 10_000
_LOAD = "import sys, time; from trellis import load; t = time.perf_counter(); load(sys.argv[1]); print(time.perf_counter() - t)"


def big(nodes: int) -> str:
    """A file of this many nodes: calls with arguments, conditions, retries and undo, each leading to the next."""
    lines = ["trellis: 1", "name: big", "start: n0", "fields:", "  total: {type: integer, default: 0}", "tools:"]
    lines += ['  work: {python: "mod:work"}', "nodes:"]
    for i in range(nodes):
        target = f"n{i + 1}" if i + 1 < nodes else "$end"
        lines += [
            f"  n{i}:",
            f"    say: Step {i} of {{{{ total }}}}",
            "    do: work",
            f'    with: {{index: {i}, text: "number {i}, {{{{ total }}}}"}}',
            "    save: total",
            "    retry: {max_attempts: 3, initial_interval: 2s}",
            '    undo: {do: work, with: {index: "{{ total }}"}}',
            f"    to: [{{if: total > {i}, to: {target}}}, {{to: {target}}}]",
        ]
    return "\n".join(lines) + "\n"


def rows() -> Iterator[Row]:
    """Cold and warm, each in a process of its own, beside reading and hashing the same file."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = folder / "big.yaml"
        file.write_text(big(NODES), encoding="utf-8")
        cache = folder / "cache"
        environment = {**os.environ, "TRELLIS_CACHE_DIR": str(cache)}

        def load() -> float:
            words = [sys.executable, "-c", _LOAD, str(file)]
            return float(subprocess.run(words, env=environment, check=True, capture_output=True, text=True).stdout)

        cold = load()
        warm = min(load() for _ in range(5))
        import hashlib

        floor = seconds(lambda: hashlib.sha256(file.read_bytes()).hexdigest())
        size = file.stat().st_size / 1e6
        yield Row(f"cold load, {NODES:,} nodes ({size:.1f} MB)", f"{cold:.2f} s", "", "< 1.5 s", cold < 1.5)
        yield Row(
            "warm load of it",
            f"{warm * 1000:.0f} ms",
            f"read and hash it: {floor * 1000:.0f} ms",
            "< 100 ms",
            warm < 0.1,
        )
