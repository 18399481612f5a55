"""The relation machine on fixed and on generated workloads, beside asyncmachine-go and two Python state machines.

    python -m benchmarks.relations [WORKLOAD ...]

`warm`: one machine repeats the workload. `first pass`: each pass on a machine of its own, from a schema compiled for it
alone, so that nothing is remembered; only the mutations are timed. Go stands beside it, pass by pass, where
TRELLIS_BENCH_ASYNCMACHINE names the program that benchmarks/asyncmachine/main.go builds.
"""

from __future__ import annotations

import gc
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from importlib.util import find_spec
from itertools import repeat
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from benchmarks.generated import workload as generated
from benchmarks.measure import Row, table
from trellis.engine.relations import Relations
from trellis.machine import Machine
from trellis.model.states import StateDef

FOLDER = Path(__file__).with_suffix("")
ROUNDS = 5
ROUND_S = 0.2
LONG_S = 3.0  # a round of the peer that takes longer is not repeated
GENERATED = {40: 40, 200: 12}  # states: schemas
MUTATIONS = 1_000
NEVER = "Exception"  # the state that the pending wait waits for: nothing raises here

Workload = dict[str, Any]
Calls = list[tuple[Callable[..., Any], tuple[str, ...]]]


class Outcome(NamedTuple):
    """What a pass came to, to see that two machines did the same work."""

    executed: int
    canceled: int
    time_sum: int


class Peer(NamedTuple):
    """Mutations per second of asyncmachine-go, and what its first passes came to. Zero `warm`: only fresh machines."""

    first: float
    warm: float
    outcomes: tuple[Outcome, ...]


class Hooks:
    """A tracer with four hooks that do next to nothing."""

    def __init__(self) -> None:
        self.seen = 0

    def transition_init(self, _transition: object) -> None:
        self.seen += 1

    def transition_start(self, _transition: object) -> None:
        self.seen += 1

    def transition_finals(self, _transition: object) -> None:
        self.seen += 1

    def transition_end(self, _transition: object) -> None:
        self.seen += 1


def agree(_event: object) -> bool:
    """The handler of every workload that has some."""
    return True


def fresh(work: Workload) -> Machine:
    """A machine with a schema compiled for it alone, and with the handlers of the workload.

    Machines share what equal schemas remember; relations that are built here are nobody else's.
    """
    states = {name: msgspec.convert(state, StateDef) for name, state in work["schema"].items()}
    machine = Machine(Relations(states, work["order"]))
    handlers = work.get("handlers")
    if handlers:
        machine.bind(dict.fromkeys(handlers, agree))
    return machine


def calls_of(machine: Machine, work: Workload) -> Calls:
    """The mutations of one pass, ready to be made."""
    return [(getattr(machine, kind), tuple(names)) for kind, names in work["ops"]]


def once(calls: Calls) -> float:
    """Seconds of one pass."""
    begun = time.perf_counter()
    for mutate, names in calls:
        mutate(*names)
    return time.perf_counter() - begun


def outcome(work: Workload) -> Outcome:
    """What the first pass comes to."""
    machine = fresh(work)
    results = [bool(mutate(*names)) for mutate, names in calls_of(machine, work)]
    return Outcome(results.count(True), results.count(False), machine.time_sum)


def first(works: Iterable[Workload]) -> float:
    """Mutations per second over fresh machines: one round."""
    spent, ops, until = 0.0, 0, time.perf_counter() + 4 * ROUND_S
    gc.collect()
    for work in works:
        calls = calls_of(fresh(work), work)
        spent += once(calls)
        ops += len(calls)
        if spent >= ROUND_S or time.perf_counter() > until:
            break
    return ops / spent


class Warm:
    """A machine that repeats its workload."""

    def __init__(self, work: Workload, equip: Callable[[Machine], object] | None = None) -> None:
        self.machine = fresh(work)
        self.kept = equip(self.machine) if equip else None  # a wait lives as long as someone holds it
        self.calls = calls_of(self.machine, work)
        once(self.calls)
        self.passes = max(1, int(ROUND_S / max(once(self.calls), 1e-7) / 2))

    def per_second(self) -> float:
        """Mutations per second: one round."""
        gc.collect()
        calls, passes = self.calls, range(self.passes)
        if len(calls) < 10:  # else the outer loop weighs on the figure
            calls, passes = calls * 500, range(max(1, self.passes // 500))
        begun = time.perf_counter()
        for _ in passes:
            for mutate, names in calls:
                mutate(*names)
        return len(calls) * len(passes) / (time.perf_counter() - begun)


def peer(file: Path, seconds: float = ROUND_S) -> Peer | None:
    """One round of asyncmachine-go, where its program is at hand."""
    program = os.environ.get("TRELLIS_BENCH_ASYNCMACHINE")
    if not program:
        return None
    words = [program, "-sec", str(seconds), str(file)]
    found = json.loads(subprocess.run(words, check=True, capture_output=True, text=True).stdout)
    outcomes = tuple(Outcome(p["executed"], p["canceled"], p["time_sum"]) for p in found["passes"])
    return Peer(found["first"], found.get("warm", 0.0), outcomes)


class Figures(NamedTuple):
    """Medians of one workload, in mutations per second; Go's are 0 where it is not at hand."""

    name: str
    warm: float
    waiting: float
    traced: float
    first: float
    go_warm: float
    go_first: float


def fixed(file: Path) -> Figures:
    """All figures of one workload; every kind of machine takes its turn in each round."""
    work: Workload = json.loads(file.read_text(encoding="utf-8"))
    kinds = (
        Warm(work),
        Warm(work, lambda machine: machine.when(NEVER)),
        Warm(work, lambda machine: machine.trace(Hooks())),
    )
    ours: list[list[float]] = []
    theirs: list[Peer] = []
    patient = True
    for _ in range(ROUNDS):
        ours.append([*(kind.per_second() for kind in kinds), first(repeat(work))])
        begun = time.perf_counter()
        if patient and (found := peer(file)):
            theirs.append(found)
            patient = time.perf_counter() - begun < LONG_S
    if theirs and theirs[0].outcomes != (mine := (outcome(work),)):
        raise SystemExit(f"{file.name}: ours did {mine}, asyncmachine-go {theirs[0].outcomes}")
    warm, waiting, traced, passes = (statistics.median(column) for column in zip(*ours, strict=True))
    go_warm, go_first = (
        statistics.median(rates) for rates in ([p.warm for p in theirs] or [0], [p.first for p in theirs] or [0])
    )
    return Figures(work["name"], warm, waiting, traced, passes, go_warm, go_first)


def never_repeated(states: int) -> tuple[float, float, float]:
    """Mutations per second over generated schemas, ours and Go's, and the share of passes that came to the same."""
    ours, theirs, same = [], [], []
    for turn in range(ROUNDS):
        seeds = range(turn * GENERATED[states], (turn + 1) * GENERATED[states])
        works = [generated(1_000 * states + seed, states, MUTATIONS) for seed in seeds]
        spent = 0.0
        for work in works:
            calls = calls_of(fresh(work), work)
            gc.collect()
            spent += once(calls)
        ours.append(len(works) * MUTATIONS / spent)
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump(works, file)
            file.flush()
            found = peer(Path(file.name))
        if found:
            theirs.append(found.first)
            if not turn:
                same = [outcome(work) == other for work, other in zip(works, found.outcomes, strict=True)]
    return statistics.median(ours), statistics.median(theirs or [0.0]), statistics.fmean(same or [1.0])


def toggles(toggle: Callable[[], object]) -> float:
    """Toggles per second, there and back counted as two: the median of a few rounds."""
    rounds = []
    for _ in range(ROUNDS):
        gc.collect()
        done, begun = 0, time.perf_counter()
        while time.perf_counter() - begun < ROUND_S:
            for _ in range(500):
                toggle()
            done += 1_000
        rounds.append(done / (time.perf_counter() - begun))
    return statistics.median(rounds)


def python_toggles() -> Iterable[tuple[str, float]]:
    """The two-state toggles of those Python packages that are installed."""
    if find_spec("transitions"):
        library: Any = import_module("transitions")
        model = library.Machine(
            states=["a", "b"], initial="a", transitions=[["go", "a", "b"], ["back", "b", "a"]]
        )  # fmt: skip
        yield "transitions", toggles(lambda: (model.go(), model.back()))
    if find_spec("statemachine"):
        library = import_module("statemachine")
        a, b = library.State(initial=True), library.State()
        body = {"a": a, "b": b, "go": a.to(b), "back": b.to(a)}
        chart = type(library.StateMachine)("Toggle", (library.StateMachine,), body)()
        yield "python-statemachine", toggles(lambda: (chart.go(), chart.back()))


def idle_bytes() -> tuple[float, float]:
    """Bytes of one of 1,000 machines of 12 states, which share a compiled schema: new, and after 100 mutations."""
    work: Workload = json.loads((FOLDER / "c_rel12_mixed.json").read_text(encoding="utf-8"))
    work["ops"] = work["ops"][:100]
    shared = fresh(work)
    once(calls_of(shared, work))
    kept: list[Machine | None] = [None] * 1_000
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for place in range(len(kept)):
            kept[place] = Machine(shared.relations)
        gc.collect()
        new = tracemalloc.get_traced_memory()[0] - before
        for machine in kept:
            if machine is not None:
                once(calls_of(machine, work))
        gc.collect()
        used = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    return new / len(kept), used / len(kept)


def rows(found: Sequence[Figures]) -> Iterable[Row]:
    """What is not one of the fixed workloads."""
    toggle = next((figures.warm for figures in found if figures.name == "a_toggle2"), 0.0)
    for name, theirs in python_toggles() if toggle else ():
        yield Row(
            "two-state toggle", f"{toggle:,.0f}/s, {toggle / theirs:.1f}x", f"`{name}` {theirs:,.0f}/s",
        )  # fmt: skip
    for states in GENERATED:
        ours, theirs, same = never_repeated(states)
        yield Row(
            f"generated schemas of {states} states that never repeat",
            f"{ours:,.0f}/s" + (f", {ours / theirs:.1f}x" if theirs else ""),
            f"Go {theirs:,.0f}/s; {same:.0%} of the passes came to the same, the rest is random there" if theirs else "",
            "1x", ours >= theirs if theirs else None,
        )  # fmt: skip
    new, used = idle_bytes()
    yield Row(
        "an idle machine of 12 states", f"{new:,.0f} bytes; {used:,.0f} after 100 mutations",
        "beyond the shared compiled schema", "< 4,096", max(new, used) < 4096,
    )  # fmt: skip


def beside(ours: float, theirs: float, aim: float) -> str:
    """A figure and its ratio, bold where it misses the aim."""
    if not theirs:
        return f"{ours:,.0f}"
    text = f"{ours:,.0f} ({ours / theirs:.1f}x)"
    return text if ours >= aim * theirs else f"**{text}**"


def line(found: Figures) -> str:
    """One workload as a line of the table."""
    goal = 3 if found.name.startswith("a_") else 5
    go = f"{found.go_warm:,.0f}; {found.go_first:,.0f}" if found.go_warm else ""
    return (
        f"| {found.name} | {beside(found.warm, found.go_warm, goal)} | {beside(found.first, found.go_first, 1)} "
        f"| {beside(found.waiting, found.go_warm, 2)} | {beside(found.traced, found.go_warm, 2)} | {go} |"
    )


def main(names: Sequence[str]) -> None:
    """Measure the workloads named, or all of them and the rest."""
    files = [FOLDER / f"{name}.json" for name in names] or sorted(FOLDER.glob("*.json"))
    print("| mutations/s | warm | first pass | warm, one wait | warm, a tracer | Go warm; first pass |")
    print("|---|---|---|---|---|---|")
    found = []
    for file in files:
        found.append(fixed(file))
        print(line(found[-1]), flush=True)
    if not names:
        print()
        print(table(list(rows(found))))


if __name__ == "__main__":
    main(sys.argv[1:])
