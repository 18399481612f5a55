"""How a figure is taken: several rounds, the median is quoted, and both sides of a ratio take turns."""

from __future__ import annotations

import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple


class Row(NamedTuple):
    """One line of the table: what, how much, beside what, and the aim (empty: none was set)."""

    what: str
    measured: str
    beside: str
    aim: str = ""
    met: bool | None = None


def seconds(work: Callable[[], object]) -> float:
    """Wall seconds of one call."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def median_seconds(work: Callable[[], object], rounds: int = 5) -> float:
    """The median wall seconds of a few calls."""
    return statistics.median(seconds(work) for _ in range(rounds))


def command(words: Sequence[str], cwd: str | None = None) -> Callable[[], object]:
    """A call that runs a program to its end. Raises CalledProcessError where it fails."""
    return lambda: subprocess.run(words, cwd=cwd, check=True, capture_output=True, stdin=subprocess.DEVNULL)


def in_turn(first: Callable[[], object], second: Callable[[], object], rounds: int = 9) -> tuple[float, float]:
    """The median seconds of two calls that take turns, so that a machine that drifts drifts for both."""
    pairs = [(seconds(first), seconds(second)) for _ in range(rounds)]
    return statistics.median(a for a, _ in pairs), statistics.median(b for _, b in pairs)


def table(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table."""
    lines = ["| what | measured | beside | aim | met |", "|---|---|---|---|---|"]
    for row in rows:
        met = "" if row.met is None else ("yes" if row.met else "**no**")
        lines.append(f"| {row.what} | {row.measured} | {row.beside} | {row.aim} | {met} |")
    return "\n".join(lines)
