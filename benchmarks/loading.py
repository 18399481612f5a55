"""Loading a file of 10,000 nodes and 2 MB: cold, and warm from the cache, beside what PyYAML takes only to parse it; in time of the processor."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.measure import Row

NODES = 10_000
_LOAD = """
import resource, sys, time
from trellis import load

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()

before, begun = resident(), time.process_time()
graph = load(sys.argv[1])
print(time.process_time() - begun, resident() - before)
"""
_PARSE = """
import gc, sys, time
import yaml
data = open(sys.argv[1], "rb").read()
if sys.argv[2] == "off":
    gc.disable()
begun = time.process_time()
yaml.load(data, yaml.CSafeLoader)
print(time.process_time() - begun, 0)
"""


def calls(nodes: int) -> str:
    """Calls with arguments, conditions and undo, each leading to the next."""
    lines = ["trellis: 1", "name: calls", "start: n0", "fields:", "  total: {type: integer, default: 0}", "tools:"]
    lines += ['  work: {python: "mod:work"}', 'catch: {"*": $rollback}', "nodes:"]
    for i in range(nodes):
        target = f"n{i + 1}" if i + 1 < nodes else "$end"
        lines += [
            f"  n{i}:",
            "    do: work",
            f'    with: {{index: {i}, text: "number {i}, {{{{ total }}}}"}}',
            "    save: total",
            '    undo: {do: work, with: {index: "{{ total }}"}}',
            f"    to: [{{if: total > {i}, to: {target}}}, {{to: {target}}}]",
        ]
    return "\n".join(lines) + "\n"


def mixed(nodes: int) -> str:
    """Branches, lists gone over, declared states, waits, questions and retries, in turn; bodies count as nodes."""
    lines = ["trellis: 1", "name: mixed", "start: n0", "fields:", "  total: {type: integer, default: 0}"]
    lines += ["  rows: {type: [{id: string, size: integer}], default: []}", "  ok: {type: approval, optional: true}"]
    lines += ["  both: {type: any, optional: true}", "signals: {fault: {error: string}}", "states:"]
    lines += [
        "  Ready: {auto: true, require: [Checked]}",
        "  Checked: {remove: [Failed]}",
        "  Failed: {remove: [Ready]}",
    ]
    lines += ["tools:", '  work: {python: "mod:work"}', "upon: {interrupt: n0}", "nodes:"]
    count = place = 0
    while count < nodes:
        kind, here, there = place % 5, f"n{place}", f"n{place + 1}"
        count += (3, 2, 1, 1, 1)[kind]
        to = there if count < nodes else "$end"
        lines.append(f"  {here}:")
        if kind != 2 and kind != 3:
            lines.append("    say: >-")
            lines.append(
                f"      This is part {place} of the plan, which nobody has to wait for: it goes on by itself, and whoever reads this"
            )
            lines.append("      is told what it found as soon as there is something to be told of it.")
        if kind == 0:
            lines += [
                "    all:",
                f"      one: {{do: work, with: {{part: {place}}}, retry: {{max_attempts: 3, initial_interval: 2s}}}}",
            ]
            lines += [
                f"      two: {{do: work, with: {{text: 'part {place} of {{{{ total }}}}'}}, timeout: 30s}}",
                "    join: all",
            ]
            lines += ["    save: both", '    catch: {"*": $rollback}', f"    to: {to}"]
        elif kind == 1:
            lines += [
                f"    each: {{in: '[r for r in rows if r.size > {place}]', as: row, max: 10, do: work, with: {{id: '{{{{ row.id }}}}'}}}}"
            ]
            lines += ["    join: collect", "    save: both", "    deadline: 1h", f"    to: {to}"]
        elif kind == 2:
            lines += [
                f"    say: Step {place} waits until all is ready, {{{{ total }}}} so far",
                "    wait: {states: [Ready]}",
            ]
            lines += ["    timeout: 1h", f"    upon: {{fault: {to}}}", f"    to: {to}"]
        elif kind == 3:
            lines += [
                f'    say: {{en: "Go on with {place}, {{{{ total }}}}?", pt: "Seguir com {place}, {{{{ total }}}}?"}}'
            ]
            lines += ["    ask: {approve: ok, by: [leads]}", "    timeout: 24h", f"    catch: {{timeout: {to}}}"]
            lines += [f"    to: [{{if: ok.ok and total > {place}, to: {to}}}, {{to: {to}}}]"]
        else:
            lines += ["    do: work", f"    set: {{add: [Checked], fields: {{total: total + {place}}}}}"]
            lines += ['    undo: {do: work, with: {back: "{{ total }}"}}', f"    to: {to}"]
        place += 1
    return "\n".join(lines) + "\n"


MIXES: tuple[tuple[str, Callable[[int], str]], ...] = (("calls", calls), ("mixed", mixed))


def rows() -> Iterator[Row]:
    """Each figure from a process of its own; ours and PyYAML's take turns, the best of each is compared."""
    for name, text in MIXES:
        with tempfile.TemporaryDirectory() as folder:
            yield from _rows(name, text(NODES), Path(folder))


def _rows(name: str, text: str, folder: Path) -> Iterator[Row]:
    file = folder / f"{name}.yaml"
    file.write_text(text, encoding="utf-8")
    environment = {**os.environ, "TRELLIS_CACHE_DIR": str(folder / "cache")}

    def measured(program: str, *words: str) -> tuple[float, int]:
        command = [sys.executable, "-c", program, str(file), *words]
        told = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout.split()
        return float(told[0]), int(told[1])

    theirs, uncollected, cold, warm = [], [], [], []
    for _ in range(3):
        for entry in (folder / "cache").glob("*"):
            entry.unlink()
        theirs.append(measured(_PARSE, "on"))
        cold.append(measured(_LOAD))
        uncollected.append(measured(_PARSE, "off"))
        warm += [measured(_LOAD), measured(_LOAD)]
    parse, quick = min(theirs)[0], min(uncollected)[0]
    beside = f"PyYAML's C loader parses it in {parse:.2f} s; {quick:.2f} s without garbage collection"
    size = len(text.encode()) / 1e6
    yield _ratio(f"cold load, {NODES:,} nodes, {name} ({size:.1f} MB)", min(cold)[0], parse, quick, 0.25, beside)
    yield _ratio("warm load of it", min(warm)[0], parse, quick, 0.02, beside)
    for how, taken in (("compiled", cold), ("from the cache", warm)):
        most = max(memory for _, memory in taken) / 1e6
        yield Row(f"memory of it, {how}", f"{most:.0f} MB", "resident, above Trellis imported", "<= 60 MB", most <= 60)


def _ratio(what: str, ours: float, parse: float, quick: float, aim: float, beside: str) -> Row:
    shown = f"{ours:.2f} s" if ours > 0.2 else f"{ours * 1000:.0f} ms"
    measured = f"{ours / parse:.3f}x ({shown}); {ours / quick:.2f}x without its garbage collection"
    return Row(what, measured, beside, f"<= {aim}x", ours / parse <= aim)
