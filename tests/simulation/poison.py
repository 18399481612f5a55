"""Values that some store, some wire or some parser cannot take: text without meaning, numbers without end, things.

Each is given as a start value, as an answer, with a signal, and as what an action returns.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import decimal
from collections.abc import Iterator
from typing import Any

from tests.hosts.authored import graph
from trellis.dispatch import Dispatcher
from trellis.errors import TrellisError
from trellis.hosts.local import Host
from trellis.stores.base import Store
from trellis.testing.clocks import ManualClock


class Evil:
    """Whoever pickles it, or reads it back, runs code."""

    def __reduce__(self) -> Any:
        raise AssertionError("it was pickled")

    def __str__(self) -> str:
        raise AssertionError("it was printed")

    def __repr__(self) -> str:
        return "an evil thing"


class Text(str):
    __slots__ = ()


class Number(int):
    pass


def nested(depth: int, kind: str) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value] if kind == "list" else {"a": value}
    return value


def poisons() -> Iterator[tuple[str, Any]]:
    """Each with its name."""
    inf, nan = float("inf"), float("nan")
    loop: list[Any] = []
    loop.append(loop)
    yield from {
        "nan": nan, "inf": inf, "-inf": -inf, "nan within": {"a": [nan]}, "-0.0": -0.0, "smallest": 5e-324,
        "largest": 1.7976931348623157e308, "third": 1 / 3, "1e16": 1e16, "1.0": 1.0, "true": True, "0": 0,
        "2**53": 2**53, "2**53+1": 2**53 + 1, "2**63-1": 2**63 - 1, "2**63": 2**63, "2**64": 2**64,
        "-2**63": -(2**63), "-2**63-1": -(2**63) - 1, "10**400": 10**400, "nothing": None, "empty": "",
        "nought": "\0", "nought within": "a\0b", "key with nought": {"a\0b": 1}, "high surrogate": "\ud800",
        "low surrogate": "\udc00", "surrogates": "\ud83d\ude00", "key with surrogate": {"\ud800": 1},
        "not a character": "\uffff\ufffe\U0010ffff", "emoji": "👩‍👩‍👧‍👦", "right to left": "\u202eabc\u202c", "combined": "e\u0301",
        "controls": "".join(map(chr, range(1, 32))), "delete": "\x7f\x80\x9f", "line ends": "\u2028\u2029\u0085\r\n",
        "mark": "\ufeffa", "quotes": "\"'`\\/", "sql": "'; DROP TABLE runs; --", "template": "{{ 7*7 }}",
        "braces": "{{{{", "yaml": "!!python/object:os.system", "json": '{"a": 1}', "percent": "%s %n %(a)s",
        "copy": "\\N\\.\n\\N", "array": "{1,2}", "empty key": {"": 1}, "spaces": {" a ": " b "},
        "dunder": {"__class__": 1, "__proto__": {"a": 1}}, "type key": {"type": "run_started", "kind": "CALL_TOOL"},
        "many keys": {f"k{n}": n for n in range(5000)}, "long key": {"k" * 100_000: 1}, "long list": list(range(20_000)),
        "megabyte": "x" * 1_000_000, "two-byte megabyte": "é" * 500_000, "ten megabytes": "y" * 10_000_000,
        "deep list": nested(60, "list"), "deep map": nested(60, "map"), "deeper list": nested(200, "list"),
        "deepest list": nested(10_000, "list"), "deepest map": nested(10_000, "map"), "itself": loop,
        "tuple": (1, 2), "set": {1, 2}, "bytes": b"abc", "bytearray": bytearray(b"a"), "date": dt.date(2024, 1, 1),
        "naive time": dt.datetime(2024, 1, 1), "decimal": decimal.Decimal("1.10"), "complex": 1j, "evil": Evil(),  # noqa: DTZ001 - naive on purpose
        "evil within": [Evil()], "class": Evil, "function": nested, "range": range(3), "number key": {1: 2},
        "none key": {None: 1}, "true key": {True: 1}, "tuple key": {(1, 2): 1}, "subclass of text": Text("a"),
        "subclass of number": Number(7), "ellipsis": ..., "dict of dicts": {"a": {"b": {"c": [{}, [], ""]}}},
    }.items()  # fmt: skip


HEAVY = ("megabyte", "two-byte megabyte", "ten megabytes", "long list", "many keys", "deepest list", "deepest map")
"""These take seconds."""
PLACES = ("start", "answer", "result", "signal")
ASKING = graph("""
trellis: 1
name: asking
fields: {x: {type: any, index: true}, y: {type: any, optional: true, index: true}, z: {type: any, optional: true}}
signals: {told: {z: any}}
start: ask
nodes:
  ask: {ask: {text: y}, upon: {told: act}, to: act}
  act: {do: give, save: z, catch: {"*": $end}, to: $end}
""")
"""It takes one value at its start, one as an answer, and one from an action."""


def said(error: BaseException) -> str:
    """What is compared: the kind and the words, without what names the store."""
    return f"{type(error).__name__}: {error}"[:300]


async def verdicts(store: Store, name: str, value: Any) -> list[str]:
    """What comes of a value: told or taken, and what it is when it is read back."""
    heard: list[str] = []
    tools = Dispatcher()

    async def give() -> Any:
        return value

    tools.register("give", give)
    async with Host(store, tools, clock=ManualClock()) as host:
        for place in PLACES:
            run = f"{name}-{place}"
            try:
                begun = await host.start(ASKING, {"x": value if place == "start" else 1}, id=run)
                if place in {"answer", "result"}:
                    taken = await begun.answer("ask", value if place == "answer" else "ok")
                    heard.append(f"{place} taken: {taken}")
                if place == "signal":
                    await begun.signal("told", z=value)
                if not begun.closed and begun.questions:
                    await begun.answer("ask", "then")
                outcome = await begun.result()
                heard.append(f"{place}: {outcome.status} {shown(outcome.fields)} {outcome.error}")
                row = await store.row(run)
                heard.append(f"{place}: {shown(row.fields if row is not None else None)}")
                heard.append(f"{place}: {[shown(event) for event in await store.read(run)]}")
                found = await store.rows(match={"x": row.fields["x"]} if row is not None else None)
                heard.append(f"{place}: found {run in {each.run for each in found}}")
            except (TrellisError, TypeError, ValueError, RecursionError) as error:
                heard.append(f"{place}: {said(error)}")
    return heard


def shown(value: Any) -> str:
    """A short word for a value that tells it from others."""
    import hashlib

    text = repr(value)
    return (
        text if len(text) < 200 else f"{len(text)} {hashlib.sha256(text.encode('utf-8', 'replace')).hexdigest()[:16]}"
    )


async def cleared(store: Store, name: str) -> None:
    for place in PLACES:
        if await store.row(f"{name}-{place}") is not None:
            await store.delete(f"{name}-{place}")


async def all_verdicts(store: Store, *, heavy: bool) -> dict[str, list[str]]:
    """Of every poison, or of all but the heavy ones."""
    found = {}
    for number, (name, value) in enumerate(poisons()):
        if name in HEAVY and not heavy:
            continue
        found[name] = await asyncio.wait_for(verdicts(store, f"r{number}", value), 60)
        await cleared(store, f"r{number}")
    return found
