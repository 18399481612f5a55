"""Reads the recorded relation vectors and says, for any machine, where it first departs from one.

A machine under test is a Subject: it makes itself from a vector, performs one operation and gives back what the vector
writes down of a step, in the vector's own words and in full. How a step is compared is decided here alone.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Protocol

Vector = dict[str, Any]
Step = dict[str, Any]

HERE = Path(__file__).parent / "relations"
COUNTS = {"named": 64, "public": 1500, "public_handlers": 150, "public_panics": 60, "public_unordered": 400}
"""How many vectors each file holds; a file that lost some is no proof."""

CHUNK = 50
KEYS = ("result", "active", "clock", "time_sum", "queue_tick", "auto", "handlers", "tx", "nested")
LISTS_OF_TX = ("called", "exits", "enters", "target")


class Subject(Protocol):
    """A machine as the vectors see it."""

    def init(self) -> Step: ...

    def step(self, kind: str, states: Sequence[str]) -> Step: ...


@cache
def vectors(name: str) -> tuple[Vector, ...]:
    with gzip.open(HERE / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        return tuple(json.loads(line) for line in lines)


def chunks() -> Iterator[tuple[str, int]]:
    """File and first line of each run of CHUNK vectors."""
    for name, count in COUNTS.items():
        for first in range(0, count, CHUNK):
            yield name, first


def handler_names(names: Sequence[str]) -> list[str]:
    """Every handler that a machine of these states could have."""
    single = [name + suffix for name in names for suffix in ("Enter", "State", "Exit", "End")]
    pairs = [left + right for left in names for right in names]
    return [*single, *pairs, "AnyEnter", "AnyState"]


def auto_of(transitions: Sequence[Step]) -> str:
    """What came of the auto transitions of a step, in one word."""
    autos = [each for each in transitions if each.get("auto")]
    if not autos:
        return "none"
    if any(each["accepted"] and (each["enters"] or each["exits"]) for each in autos):
        return "executed"
    return "noop" if any(each["accepted"] for each in autos) else "canceled"


def canonical(step: Step, *, ordered: bool, handlers: bool) -> Step:
    """The parts of a step to compare; without `handlers` what only handlers could have told is left out."""
    seen = {key: step[key] for key in KEYS if key in step}
    if not handlers:
        seen.pop("handlers", None)
    if ordered:
        return seen
    seen["active"] = sorted(seen["active"])
    if handlers:
        seen["handlers"] = sorted(seen["handlers"])
    seen["tx"] = [{**each, **{key: sorted(each[key]) for key in LISTS_OF_TX}} for each in seen["tx"]]
    return seen


def departure(vector: Vector, subject: Subject, *, handlers: bool = True) -> str | None:
    """None where every step agrees, else a text that shows the first step that does not, both sides of each key."""
    ordered = vector["compare"] == "full"
    past: list[str] = []
    steps = [(["init", []], vector["init"]), *zip(vector["ops"], vector["steps"], strict=True)]
    for (kind, states), expected in steps:
        got = {"result": "", **subject.init()} if kind == "init" else subject.step(kind, states)
        wanted = canonical({"nested": [], **expected}, ordered=ordered, handlers=handlers)
        found = canonical({"nested": [], **got}, ordered=ordered, handlers=handlers)
        if found != wanted:
            return explain(vector, past, [kind, states], wanted, found)
        past.append(f"{kind} {states} -> {expected['result']}, active {expected['active']}")
    return None


def explain(vector: Vector, past: list[str], op: list[Any], wanted: Step, found: Step) -> str:
    lines = [f"vector {vector['id']} ({vector['compare']}) {vector.get('name', '')} {vector.get('note', '')}".rstrip()]
    lines += [f"  schema   {name}: {json.dumps(state)}" for name, state in vector["schema"].items()]
    lines += [f"  order    {vector['order']}", f"  handlers {json.dumps(vector.get('handlers', {}))}"]
    lines += [f"  agreed   {each}" for each in past]
    lines += [f"  departs  {op[0]} {op[1]}"]
    for key in KEYS:
        if wanted.get(key) != found.get(key):
            lines += [f"    {key}", f"      recorded {json.dumps(wanted.get(key))}"]
            lines += [f"      found    {json.dumps(found.get(key))}"]
    return "\n".join(lines)
